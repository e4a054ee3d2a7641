import type { Contact } from '@carillon/client';
import { useEffect, useId, useState } from 'preact/hooks';
import { attempt } from '../state/attempt.ts';
import { openDialog } from '../state/dialog.ts';
import { carillon } from '../state/session.ts';
import { changeSettings, settings } from '../state/social.ts';
import { failureWords } from '../words/failure.ts';
import { Avatar } from './avatar.tsx';
import { DialogFrame } from './dialogFrame.tsx';
import { SwitchSetting } from './switchSetting.tsx';

interface ChoiceProps<Value extends string> {
  readonly label: string;
  readonly hint: string;
  readonly value: Value;
  readonly options: Readonly<Record<Value, string>>;
  readonly testId: string;
  readonly onChange: (value: Value) => void;
}

function Choice<Value extends string>({ label, hint, value, options, testId, onChange }: ChoiceProps<Value>) {
  const id = useId();
  return (
    <div class="setting stacked field">
      <h3>
        <label for={id}>{label}</label>
      </h3>
      <select
        id={id}
        value={value}
        aria-describedby={`${id}-hint`}
        data-testid={testId}
        onChange={(event) => onChange(event.currentTarget.value as Value)}
      >
        {(Object.keys(options) as Value[]).map((key) => (
          <option key={key} value={key}>
            {options[key]}
          </option>
        ))}
      </select>
      <p class="hint" id={`${id}-hint`}>
        {hint}
      </p>
    </div>
  );
}

function Blocked() {
  const [blocked, setBlocked] = useState<readonly Contact[]>();
  const [problem, setProblem] = useState('');
  const load = () =>
    carillon()
      .blocked()
      .then(setBlocked, (error: unknown) => setProblem(failureWords(error)));
  useEffect(() => void load(), []);
  return (
    <section class="setting stacked">
      <h3>Blocked people</h3>
      {problem !== '' && <p class="problem">{problem}</p>}
      {blocked?.length === 0 && (
        <p class="hint">Nobody. You block somebody by pressing their name in a conversation.</p>
      )}
      <ul class="people">
        {blocked?.map((contact) => (
          <li key={contact.accountId} class="row slim" data-testid={`blocked-${contact.handle}`}>
            <Avatar person={contact} size="small" />
            <span class="row-name">{contact.name}</span>
            <button
              type="button"
              class="button small"
              aria-label={`Unblock ${contact.name}`}
              onClick={() =>
                void attempt(async () => {
                  await carillon().unblock(contact.accountId);
                  await load();
                })
              }
            >
              Unblock
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function Privacy({ onClose }: { onClose: () => void }) {
  const now = settings.value;
  if (now === undefined) return null;
  return (
    <DialogFrame title="Privacy" onClose={onClose} onBack={() => openDialog({ type: 'profile' })}>
      <SwitchSetting
        label="Read receipts"
        hint="Off: nobody sees what you have read, and you do not see it of others."
        checked={now.readReceipts}
        onChange={(readReceipts) => void changeSettings({ readReceipts })}
        testId="read-receipts"
      />
      <Choice
        label="Who sees when you are online"
        hint={
          now.presence === 'nobody'
            ? 'You do not see it of others either.'
            : now.presence === 'contacts'
              ? 'Those you have written to or accepted.'
              : 'Whoever opens a conversation with you.'
        }
        value={now.presence}
        options={{ everyone: 'Everyone', contacts: 'My contacts', nobody: 'Nobody' }}
        testId="presence-audience"
        onChange={(presence) => void changeSettings({ presence })}
      />
      <Choice
        label="Whose calls ring"
        hint={
          now.callsFrom === 'everyone'
            ? 'Also of people you have not accepted.'
            : 'Anybody else reads that you have to accept them first, which tells them that a device of yours is on. You see later that they called.'
        }
        value={now.callsFrom}
        options={{ everyone: 'Everyone’s', accepted: 'Only of people I accepted' }}
        testId="calls-from"
        onChange={(callsFrom) => void changeSettings({ callsFrom })}
      />
      <Blocked />
    </DialogFrame>
  );
}
