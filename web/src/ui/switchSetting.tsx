import { useId } from 'preact/hooks';

interface SwitchSettingProps {
  readonly label: string;
  readonly hint: string;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
  readonly testId: string;
}

export function SwitchSetting({ label, hint, checked, onChange, testId }: SwitchSettingProps) {
  const id = useId();
  return (
    <section class="setting">
      <div>
        <h3>
          <label for={id}>{label}</label>
        </h3>
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      </div>
      <input
        id={id}
        type="checkbox"
        class="switch"
        aria-describedby={`${id}-hint`}
        checked={checked}
        data-testid={testId}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
    </section>
  );
}
