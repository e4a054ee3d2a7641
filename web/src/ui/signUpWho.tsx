import { useState } from 'preact/hooks';
import { typedHandle } from '../words/handle.ts';
import { Field } from './field.tsx';
import { HandleField } from './handleField.tsx';

interface SignUpWhoProps {
  readonly who: { readonly handle: string; readonly name: string };
  readonly busy: boolean;
  readonly problem: string;
  readonly onSubmit: (handle: string, name: string) => void;
}

/** As in protocol/src/ids.ts; the server has the last word. */
const HANDLE = /^@?[a-z0-9][a-z0-9._-]{1,30}[a-z0-9]$/i;

export function SignUpWho({ who, busy, problem, onSubmit }: SignUpWhoProps) {
  const [handle, setHandle] = useState(who.handle);
  const [name, setName] = useState(who.name);
  const [own, setOwn] = useState('');
  const submit = (event: Event) => {
    event.preventDefault();
    const fits = HANDLE.test(handle.trim());
    setOwn(fits ? '' : 'A handle has 3 to 32 letters, digits, dots, dashes or underscores.');
    if (fits) onSubmit(typedHandle(handle), name.trim() || handle.trim().replace(/^@/, ''));
  };
  return (
    <form onSubmit={submit} class="form" noValidate>
      <HandleField
        label="Handle"
        hint="Friends find you by it, for example maria or jan.k"
        problem={own || problem}
        value={handle}
        onText={setHandle}
        autoComplete="username"
        required
        autoFocus
        data-testid="signup-handle"
      />
      <Field
        label="Your name"
        hint="What others see. You can change it later."
        value={name}
        onText={setName}
        autoComplete="name"
        maxLength={64}
        data-testid="signup-name"
      />
      <button type="submit" class="button primary wide" disabled={busy} data-testid="signup-submit">
        {busy ? 'One moment…' : 'Continue'}
      </button>
    </form>
  );
}
