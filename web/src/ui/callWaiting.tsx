import { useId } from 'preact/hooks';
import { changeSettings, settings } from '../state/social.ts';

export function CallWaiting() {
  const id = useId();
  const on = settings.value?.callWaiting;
  if (on === undefined) return null;
  return (
    <section class="setting">
      <div>
        <h3>
          <label for={id}>Call waiting</label>
        </h3>
        <p class="hint" id={`${id}-hint`}>
          {on
            ? 'In a call you are shown who else calls, and can answer.'
            : 'Who calls while you are in a call hears that you are busy. You see later who called.'}
        </p>
      </div>
      <input
        id={id}
        type="checkbox"
        class="switch"
        aria-describedby={`${id}-hint`}
        checked={on}
        data-testid="call-waiting"
        onChange={(event) => void changeSettings({ callWaiting: event.currentTarget.checked })}
      />
    </section>
  );
}
