import type { InputHTMLAttributes } from 'preact';
import { useId } from 'preact/hooks';

interface FieldProps extends Omit<InputHTMLAttributes, 'label' | 'value' | 'onInput' | 'role' | 'type'> {
  readonly label: string;
  readonly hint?: string;
  readonly problem?: string;
  readonly value: string;
  readonly onText: (text: string) => void;
}

/** A labelled input; its hint and its problem are read out with it. */
export function Field({ label, hint, problem = '', value, onText, ...rest }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        value={value}
        onInput={(event) => onText(event.currentTarget.value)}
        aria-invalid={problem !== ''}
        aria-describedby={`${id}-hint ${id}-problem`}
        {...rest}
      />
      {hint !== undefined && (
        <p id={`${id}-hint`} class="hint">
          {hint}
        </p>
      )}
      <p id={`${id}-problem`} class="problem" role="alert">
        {problem}
      </p>
    </div>
  );
}
