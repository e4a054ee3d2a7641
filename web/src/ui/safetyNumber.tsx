import type { Contact, SafetyComparison } from '@carillon/client';
import { useEffect, useState } from 'preact/hooks';
import { announce } from '../state/announcer.ts';
import { carillon } from '../state/session.ts';
import { failureWords } from '../words/failure.ts';
import { CodeScanner, canScan } from './codeScanner.tsx';
import { DialogFrame } from './dialogFrame.tsx';
import { QrCode } from './qrCode.tsx';

function wordsOf(comparison: SafetyComparison, name: string): string {
  switch (comparison) {
    case 'same':
      return `The same on both devices: nobody stands between you and ${name}.`;
    case 'different':
      return `Not the same. Somebody may stand between you and ${name}, or one of you has a new device that the other has not accepted.`;
    case 'other-people':
      return `That is not the code that ${name}'s device shows for you.`;
    default:
      return comparison satisfies never;
  }
}

function Compare({ contact }: { contact: Contact }) {
  const [scanning, setScanning] = useState(false);
  const [result, setResult] = useState<SafetyComparison>();
  const compare = async (scanned: string) => {
    setScanning(false);
    const comparison = await carillon().compareSafetyCode(contact.accountId, scanned);
    setResult(comparison);
    announce(wordsOf(comparison, contact.name));
  };
  return (
    <>
      {result !== undefined && (
        <p class={result === 'same' ? 'good' : 'problem'} data-testid="safety-result">
          {wordsOf(result, contact.name)}
        </p>
      )}
      {scanning && <CodeScanner onCode={(text) => void compare(text)} />}
      {!scanning && canScan && (
        <button
          type="button"
          class="button wide"
          data-testid="scan-safety"
          onClick={() => {
            setResult(undefined);
            setScanning(true);
          }}
        >
          Scan the code on {contact.name}'s device
        </button>
      )}
    </>
  );
}

export function SafetyNumber({ contact, onClose }: { contact: Contact; onClose: () => void }) {
  const [digits, setDigits] = useState('');
  const [code, setCode] = useState('');
  const [problem, setProblem] = useState('');
  useEffect(() => {
    const load = async () => {
      setDigits(await carillon().safetyNumber(contact.accountId));
      setCode(await carillon().safetyCode(contact.accountId));
    };
    load().catch((error: unknown) => setProblem(failureWords(error)));
  }, [contact.accountId]);
  const groups = digits.replace(/\D/g, '').match(/.{1,5}/g) ?? [];
  return (
    <DialogFrame title="Safety number" onClose={onClose}>
      <p>
        Compare these numbers with {contact.name}, face to face or in a call, or scan each other's code. If they are the
        same on both devices, nobody stands between you.
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
      {code !== '' && <QrCode text={code} label="Safety number as a code to scan" />}
      <Compare contact={contact} />
    </DialogFrame>
  );
}
