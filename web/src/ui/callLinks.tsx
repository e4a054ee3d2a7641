import type { CallLinkView } from '@carillon/client';
import { useEffect, useState } from 'preact/hooks';
import { attempt } from '../state/attempt.ts';
import { callLinks, loadCallLinks, openLink } from '../state/callLinks.ts';
import { closeDialog, openDialog } from '../state/dialog.ts';
import { notify } from '../state/notices.ts';
import { carillon } from '../state/session.ts';
import { linkKindWords } from '../words/callLinks.ts';
import { failureWords } from '../words/failure.ts';
import { CopyText } from './copyText.tsx';
import { DialogFrame } from './dialogFrame.tsx';
import { Field } from './field.tsx';
import { Icon } from './icon.tsx';
import { LobbyList } from './lobby.tsx';
import { NewCallLink } from './newCallLink.tsx';

function Link({ link }: { link: CallLinkView }) {
  const [sure, setSure] = useState(false);
  const revoke = () =>
    attempt(async () => {
      await carillon().links.revoke(link.id);
      notify(`Nobody comes in by “${link.name}” any more.`);
    });
  return (
    <li class="device" data-testid="call-link" data-name={link.name}>
      <Icon name={link.video ? 'video' : 'phone'} />
      <div>
        <p class="device-name">{link.name}</p>
        <p class="hint">{linkKindWords(link)}</p>
      </div>
      <button
        type="button"
        class={sure ? 'button danger small' : 'button small'}
        aria-label={sure ? `Yes, take ${link.name} back` : `Take ${link.name} back`}
        data-testid="revoke-call-link"
        onClick={() => (sure ? void revoke() : setSure(true))}
      >
        {sure ? 'Yes, take it back' : 'Take back'}
      </button>
      <div class="device-more">
        <CopyText label={`Link of ${link.name}`} text={link.url} testId="call-link-url" />
      </div>
    </li>
  );
}

function OpenOther() {
  const [text, setText] = useState('');
  const [problem, setProblem] = useState('');
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      await carillon().links.read(text);
      closeDialog();
      openLink(text.trim());
    } catch (error) {
      setProblem(failureWords(error));
    }
  };
  return (
    <form class="form inline" onSubmit={(event) => void submit(event)} noValidate>
      <Field
        label="Have a link?"
        problem={problem}
        value={text}
        onText={(next) => {
          setText(next);
          setProblem('');
        }}
        autoCapitalize="none"
        autoComplete="off"
        spellcheck={false}
        data-testid="join-link"
      />
      <button type="submit" class="button" disabled={text.trim() === ''} data-testid="join-link-open">
        Open
      </button>
    </form>
  );
}

export function CallLinks({ onClose }: { onClose: () => void }) {
  const [making, setMaking] = useState(false);
  const [problem, setProblem] = useState('');
  useEffect(() => {
    loadCallLinks().catch((error: unknown) => setProblem(failureWords(error)));
  }, []);
  if (making) {
    return (
      <DialogFrame key="new" title="New call link" onClose={onClose} onBack={() => setMaking(false)}>
        <NewCallLink onDone={() => setMaking(false)} />
      </DialogFrame>
    );
  }
  const links = callLinks.value;
  return (
    <DialogFrame key="links" title="Call links" onClose={onClose} onBack={() => openDialog({ type: 'profile' })}>
      <p class="problem" role="alert">
        {problem}
      </p>
      <LobbyList />
      {links?.length === 0 && (
        <p class="hint">Give somebody a link, and they can call you without knowing your name here.</p>
      )}
      <ul class="device-list">
        {links?.map((link) => (
          <Link key={link.id} link={link} />
        ))}
      </ul>
      <button type="button" class="button primary wide" data-testid="new-call-link" onClick={() => setMaking(true)}>
        New call link
      </button>
      <OpenOther />
    </DialogFrame>
  );
}
