import { useState } from 'preact/hooks';
import { Field } from './field.tsx';

interface SignUpCodeProps {
  readonly handle: string;
  readonly busy: boolean;
  readonly problem: string;
  readonly onSubmit: (code: string) => void;
  readonly onBack: () => void;
}

export function SignUpCode({ handle, busy, problem, onSubmit, onBack }: SignUpCodeProps) {
  const [code, setCode] = useState('');
  const [own, setOwn] = useState('');
  const submit = (event: Event) => {
    event.preventDefault();
    // Pasted codes may come with spaces or a dash.
    const digits = code.replace(/[\s-]/g, '');
    const fits = /^\d{6}$/.test(digits);
    setOwn(fits ? '' : 'The code has six digits.');
    if (fits) onSubmit(digits);
  };
  return (
    <form onSubmit={submit} class="form" noValidate>
      <p>
        A code was sent for <strong>@{handle}</strong>.
      </p>
      <Field
        label="Six-digit code"
        hint="Unless the server was set up otherwise, it is printed on the server's console."
        problem={own || problem}
        value={code}
        onText={(text) => {
          setOwn('');
          setCode(text);
        }}
        class="code"
        maxLength={9}
        inputMode="numeric"
        autoComplete="one-time-code"
        placeholder="······"
        required
        autoFocus
        data-testid="signup-code"
      />
      <button type="submit" class="button primary wide" disabled={busy} data-testid="signup-verify">
        {busy ? 'Making your keys…' : 'Verify'}
      </button>
      <button type="button" class="button plain wide" onClick={onBack}>
        Back
      </button>
    </form>
  );
}
