import { useId, useRef } from 'preact/hooks';
import { notify } from '../state/notices.ts';

interface CopyTextProps {
  readonly label: string;
  readonly text: string;
  readonly testId: string;
}

export function CopyText({ label, text, testId }: CopyTextProps) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const copy = async () => {
    input.current?.select();
    try {
      await navigator.clipboard.writeText(text);
      notify('Copied.');
    } catch {
      notify('The browser did not allow it. The text is selected: copy it yourself.', 'problem');
    }
  };
  return (
    <div class="field copy">
      <label for={id}>{label}</label>
      <input
        id={id}
        ref={input}
        value={text}
        readOnly
        data-testid={testId}
        onFocus={(event) => event.currentTarget.select()}
      />
      <button type="button" class="button small" onClick={() => void copy()}>
        Copy
      </button>
    </div>
  );
}
