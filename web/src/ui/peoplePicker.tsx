import type { AccountId, Contact } from '@carillon/client';
import { useState } from 'preact/hooks';
import { people } from '../state/conversations.ts';
import { account, carillon } from '../state/session.ts';
import { failureWords } from '../words/failure.ts';
import { typedHandle } from '../words/handle.ts';
import { Avatar } from './avatar.tsx';
import { HandleField } from './handleField.tsx';

interface PeopleChoiceProps {
  readonly label: string;
  readonly from: readonly Contact[];
  readonly chosen: readonly Contact[];
  readonly onChange: (chosen: readonly Contact[]) => void;
  /** No more may be chosen. */
  readonly max: number;
}

export function PeopleChoice({ label, from, chosen, onChange, max }: PeopleChoiceProps) {
  const ids = new Set(chosen.map(({ accountId }) => accountId));
  return (
    <fieldset class="choice">
      <legend class="visually-hidden">{label}</legend>
      {from.map((contact) => {
        const on = ids.has(contact.accountId);
        return (
          <label key={contact.accountId} class="row slim">
            <Avatar person={contact} size="small" />
            <span class="row-name">{contact.name}</span>
            <span class="row-preview">@{contact.handle}</span>
            <input
              type="checkbox"
              checked={on}
              disabled={!on && chosen.length >= max}
              data-testid={`choose-${contact.handle}`}
              onChange={() =>
                onChange(on ? chosen.filter((other) => other.accountId !== contact.accountId) : [...chosen, contact])
              }
            />
          </label>
        );
      })}
    </fieldset>
  );
}

interface PeoplePickerProps {
  readonly chosen: readonly Contact[];
  readonly onChange: (chosen: readonly Contact[]) => void;
  /** Those who need not be chosen. */
  readonly without: ReadonlySet<AccountId>;
  readonly max: number;
}

/** People one has written with to tick, others by their handle. */
export function PeoplePicker({ chosen, onChange, without, max }: PeoplePickerProps) {
  const [handle, setHandle] = useState('');
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const known = people.value.filter(({ accountId }) => !without.has(accountId));
  const found = chosen.filter(({ accountId }) => known.every((contact) => contact.accountId !== accountId));

  const problemWith = (contact: Contact | undefined, wanted: string): string => {
    if (contact === undefined) return `There is nobody here with the handle @${wanted}.`;
    if (contact.accountId === account.value?.accountId) return 'That is you.';
    if (without.has(contact.accountId)) return `${contact.name} is in the group already.`;
    return chosen.length >= max ? 'There is no room for more people.' : '';
  };
  const look = async () => {
    const wanted = typedHandle(handle);
    if (wanted === '') return;
    setBusy(true);
    try {
      const contact = await carillon().contactByHandle(wanted);
      const words = problemWith(contact, wanted);
      setProblem(words);
      if (contact !== undefined && words === '') {
        if (chosen.every(({ accountId }) => accountId !== contact.accountId)) onChange([...chosen, contact]);
        setHandle('');
      }
    } catch (error) {
      setProblem(failureWords(error));
    }
    setBusy(false);
  };
  return (
    <>
      <form
        class="form inline"
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void look();
        }}
      >
        <HandleField
          label="Add by handle"
          problem={problem}
          value={handle}
          onText={(text) => {
            setHandle(text);
            setProblem('');
          }}
          data-testid="pick-handle"
        />
        <button type="submit" class="button" disabled={busy} data-testid="pick-submit">
          Add
        </button>
      </form>
      <PeopleChoice label="People" from={[...found, ...known]} chosen={chosen} onChange={onChange} max={max} />
    </>
  );
}
