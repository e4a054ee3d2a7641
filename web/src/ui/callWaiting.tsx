import { changeSettings, settings } from '../state/social.ts';
import { SwitchSetting } from './switchSetting.tsx';

export function CallWaiting() {
  const on = settings.value?.callWaiting;
  if (on === undefined) return null;
  return (
    <SwitchSetting
      label="Call waiting"
      hint={
        on
          ? 'In a call you are shown who else calls, and can answer.'
          : 'Who calls while you are in a call hears that you are busy. You see later who called.'
      }
      checked={on}
      onChange={(callWaiting) => void changeSettings({ callWaiting })}
      testId="call-waiting"
    />
  );
}
