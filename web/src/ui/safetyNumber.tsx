import type { Contact } from '@carillon/client';
import { useEffect, useState } from 'preact/hooks';
import { carillon } from '../state/session.ts';
import { failureWords } from '../words/failure.ts';
import { DialogFrame } from './dialogFrame.tsx';

export function SafetyNumber({ contact, onClose }: { contact: Contact; onClose: () => void }) {
  const [digits, setDigits] = useState('');
  const [problem, setProblem] = useState('');
  useEffect(() => {
    carillon()
      .safetyNumber(contact.accountId)
      .then(setDigits, (error: unknown) => setProblem(failureWords(error)));
  }, [contact.accountId]);
  const groups = digits.replace(/\D/g, '').match(/.{1,5}/g) ?? [];
  return (
    <DialogFrame title="Safety number" onClose={onClose}>
      <p>
        Compare these numbers with {contact.name}, face to face or in a call. If they are the same on both devices,
        nobody stands between you.
      </p>
      {problem !== '' && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <ol class="safety-number" data-testid="safety-number" aria-label="Safety number, in groups of five digits">
        {groups.map((group, index) => (
          <li key={index}>
            <span aria-hidden="true">{group}</span>
            <span class="visually-hidden">{[...group].join(' ')}</span>
          </li>
        ))}
      </ol>
    </DialogFrame>
  );
}
