import { useState } from 'preact/hooks';
import { attempt } from '../state/attempt.ts';

interface SureProps {
  readonly title: string;
  readonly hint: string;
  /** Takes the hint's place after the first press. */
  readonly question: string;
  readonly act: string;
  readonly yes: string;
  readonly testId: string;
  readonly onSure: () => Promise<void>;
}

/** What cannot be undone takes a second press, and says before what it does. */
export function Sure({ title, hint, question, act, yes, testId, onSure }: SureProps) {
  const [sure, setSure] = useState(false);
  const [busy, setBusy] = useState(false);
  const go = async () => {
    setBusy(true);
    await attempt(onSure);
    setBusy(false);
    setSure(false);
  };
  return (
    <section class="setting">
      <div>
        <h3>{title}</h3>
        <p class="hint" aria-live="polite">
          {sure ? question : hint}
        </p>
      </div>
      <button
        type="button"
        class={sure ? 'button danger small' : 'button small'}
        disabled={busy}
        onClick={() => (sure ? void go() : setSure(true))}
        data-testid={testId}
      >
        {sure ? yes : act}
      </button>
    </section>
  );
}
