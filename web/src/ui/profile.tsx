import { useState } from 'preact/hooks';
import { attempt } from '../state/attempt.ts';
import { askForNotifications, notificationPermission } from '../state/attention.ts';
import { openDialog } from '../state/dialog.ts';
import { notify } from '../state/notices.ts';
import { account, carillon } from '../state/session.ts';
import { Avatar } from './avatar.tsx';
import { CallWaiting } from './callWaiting.tsx';
import { DialogFrame } from './dialogFrame.tsx';
import { DoNotDisturb } from './doNotDisturb.tsx';
import { Field } from './field.tsx';
import { Sure } from './sure.tsx';

function Notifications() {
  const permission = notificationPermission.value;
  if (permission === 'unavailable') return null;
  return (
    <section class="setting">
      <div>
        <h3>Notifications</h3>
        <p class="hint">
          {permission === 'granted' && 'On: calls and messages are shown while you look elsewhere.'}
          {permission === 'denied' && 'Blocked in the browser’s settings for this page.'}
          {permission === 'default' && 'Off: calls ring only while this page is in front of you.'}
        </p>
      </div>
      {permission === 'default' && (
        <button type="button" class="button small" onClick={() => void askForNotifications()}>
          Turn on
        </button>
      )}
    </section>
  );
}

function More({
  dialog,
  title,
  hint,
}: {
  dialog: 'privacy' | 'linked-devices' | 'call-links';
  title: string;
  hint: string;
}) {
  return (
    <section class="setting">
      <div>
        <h3>{title}</h3>
        <p class="hint">{hint}</p>
      </div>
      <button
        type="button"
        class="button small"
        aria-label={title}
        data-testid={dialog}
        onClick={() => openDialog({ type: dialog })}
      >
        Open
      </button>
    </section>
  );
}

export function Profile({ onClose }: { onClose: () => void }) {
  const me = account.value;
  const [name, setName] = useState(me?.name ?? '');
  if (me === undefined) return null;
  const save = async (event: Event) => {
    event.preventDefault();
    const wanted = name.trim();
    if (wanted === '' || wanted === me.name) return;
    await attempt(async () => {
      await carillon().setName(wanted);
      notify('Your name is changed.');
    });
  };
  return (
    <DialogFrame title="You" onClose={onClose}>
      <div class="profile-who">
        <Avatar person={me} size="large" />
        <p class="profile-handle">@{me.handle}</p>
      </div>
      <form class="form inline" onSubmit={(event) => void save(event)}>
        <Field label="Your name" value={name} onText={setName} maxLength={64} autoComplete="name" />
        <button type="submit" class="button" disabled={name.trim() === '' || name.trim() === me.name}>
          Save
        </button>
      </form>
      <Notifications />
      <DoNotDisturb />
      <CallWaiting />
      <More dialog="call-links" title="Call links" hint="Who has one can ask to be called." />
      <More dialog="linked-devices" title="Linked devices" hint="Use your account on up to five devices." />
      <More dialog="privacy" title="Privacy" hint="Read receipts, who sees you online, blocked people." />
      <Sure
        title="Sign out"
        hint="Forgets the account, its messages and its keys on this device."
        question="All messages and keys on this device will be gone for good. Really sign out?"
        act="Sign out"
        yes="Yes, forget everything"
        testId="sign-out"
        onSure={() => carillon().signOut()}
      />
    </DialogFrame>
  );
}
