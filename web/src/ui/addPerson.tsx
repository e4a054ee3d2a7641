import type { AccountId } from '@carillon/client';
import { useState } from 'preact/hooks';
import { liveCall } from '../state/call.ts';
import { people } from '../state/conversations.ts';
import { account, carillon } from '../state/session.ts';
import { failureWords } from '../words/failure.ts';
import { typedHandle } from '../words/handle.ts';
import { Avatar } from './avatar.tsx';
import { DialogFrame } from './dialogFrame.tsx';
import { HandleField } from './handleField.tsx';

const PRESENT = new Set(['invited', 'ringing', 'joined']);

export function AddPerson({ onClose }: { onClose: () => void }) {
  const call = liveCall.value;
  const [handle, setHandle] = useState('');
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  if (call === undefined) return null;
  const inCall = new Set(call.others.filter(({ state }) => PRESENT.has(state)).map(({ contact }) => contact.accountId));
  const suggestions = people.value.filter((contact) => !inCall.has(contact.accountId));

  const invite = async (find: () => Promise<AccountId | undefined>) => {
    setBusy(true);
    setProblem('');
    try {
      const accountId = await find();
      if (accountId === undefined) setProblem('There is nobody here with this handle.');
      else if (inCall.has(accountId) || accountId === account.value?.accountId)
        setProblem('They are in this call already.');
      else {
        await carillon().calls.invite(call.callId, [accountId]);
        onClose();
        return;
      }
    } catch (error) {
      setProblem(failureWords(error));
    }
    setBusy(false);
  };
  const submit = (event: Event) => {
    event.preventDefault();
    const wanted = typedHandle(handle);
    if (wanted !== '') void invite(async () => (await carillon().contactByHandle(wanted))?.accountId);
  };
  return (
    <DialogFrame title="Add to the call" onClose={onClose}>
      <form class="form inline" onSubmit={submit} noValidate>
        <HandleField
          label="Handle"
          problem={problem}
          value={handle}
          onText={setHandle}
          autoFocus
          data-testid="add-person-handle"
        />
        <button type="submit" class="button primary" disabled={busy} data-testid="add-person-submit">
          Add
        </button>
      </form>
      {suggestions.length > 0 && (
        <ul class="people" aria-label="People you know">
          {suggestions.map((contact) => (
            <li key={contact.accountId}>
              <button
                type="button"
                class="row slim"
                disabled={busy}
                onClick={() => void invite(async () => contact.accountId)}
              >
                <Avatar person={contact} size="small" />
                <span class="row-name">{contact.name}</span>
                <span class="row-preview">@{contact.handle}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </DialogFrame>
  );
}
