import { useId } from 'preact/hooks';
import { nowMs } from '../state/clock.ts';
import { openDialog } from '../state/dialog.ts';
import { quietUntil } from '../state/quiet.ts';
import { locale } from '../state/session.ts';
import { changeSettings } from '../state/social.ts';
import { type QuietChoice, quietFor, quietWords } from '../words/quiet.ts';
import { Icon } from './icon.tsx';

const CHOICES: Readonly<Record<QuietChoice, string>> = {
  off: 'Off',
  hour: 'For an hour',
  morning: 'Until the morning',
  on: 'Until I switch it off',
};

export function DoNotDisturb() {
  const id = useId();
  const untilMs = quietUntil.value;
  const choose = (choice: QuietChoice) => void changeSettings({ doNotDisturb: quietFor(choice, Date.now()) });
  return (
    <section class="setting">
      <div>
        <h3>
          <label for={id}>Do not disturb</label>
        </h3>
        <p class="hint" id={`${id}-hint`}>
          {untilMs === undefined
            ? 'While it is on, calls do not ring on any of your devices. You see later who called.'
            : `On ${quietWords(untilMs, nowMs.value, locale)}: calls do not ring.`}
        </p>
      </div>
      <div class="field">
        <select
          id={id}
          aria-describedby={`${id}-hint`}
          data-testid="do-not-disturb"
          value={untilMs === undefined ? 'off' : 'kept'}
          onChange={(event) => choose(event.currentTarget.value as QuietChoice)}
        >
          {untilMs !== undefined && (
            <option value="kept" disabled>
              On
            </option>
          )}
          {(Object.keys(CHOICES) as QuietChoice[]).map((choice) => (
            <option key={choice} value={choice}>
              {CHOICES[choice]}
            </option>
          ))}
        </select>
      </div>
    </section>
  );
}

/** So that nobody wonders why the phone is silent. */
export function QuietSign() {
  const untilMs = quietUntil.value;
  if (untilMs === undefined) return null;
  return (
    <button type="button" class="quiet-sign" data-testid="quiet-sign" onClick={() => openDialog({ type: 'profile' })}>
      <Icon name="bell" size={18} />
      <span>Do not disturb, {quietWords(untilMs, nowMs.value, locale)}</span>
    </button>
  );
}
