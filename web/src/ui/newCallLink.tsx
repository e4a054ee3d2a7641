import { useState } from 'preact/hooks';
import { attempt } from '../state/attempt.ts';
import { carillon } from '../state/session.ts';
import { Field } from './field.tsx';
import { SwitchSetting } from './switchSetting.tsx';

export function NewCallLink({ onDone }: { onDone: () => void }) {
  const [name, setName] = useState('');
  const [video, setVideo] = useState(true);
  const [many, setMany] = useState(false);
  const [lobby, setLobby] = useState(true);
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    const kind = many ? 'group' : 'one';
    const made = await attempt(() => carillon().links.create({ name: name.trim(), video, kind, lobby }));
    setBusy(false);
    if (made !== undefined) onDone();
  };
  return (
    <form class="form" onSubmit={(event) => void submit(event)} noValidate>
      <Field
        label="Name"
        hint="Only you see it: “Office hours”, “Family on Sundays”."
        value={name}
        onText={setName}
        maxLength={64}
        autoComplete="off"
        autoFocus
        data-testid="call-link-name"
      />
      <SwitchSetting
        label="Video"
        hint="Off: a voice call."
        checked={video}
        onChange={setVideo}
        testId="call-link-video"
      />
      <SwitchSetting
        label="Many at once"
        hint={many ? 'All who come in are in one call.' : 'Off: a call with one person at a time.'}
        checked={many}
        onChange={setMany}
        testId="call-link-group"
      />
      <SwitchSetting
        label="Ask me first"
        hint={
          lobby
            ? 'You see who wants in, and let them in or not.'
            : 'Off: whoever has the link comes in by themselves while Carillon is open, with your microphone and camera off.'
        }
        checked={lobby}
        onChange={setLobby}
        testId="call-link-lobby"
      />
      <button type="submit" class="button primary wide" disabled={busy} data-testid="create-call-link">
        Make the link
      </button>
    </form>
  );
}
