import { useEffect } from 'preact/hooks';
import { ring } from '../sound/ringing.ts';
import { announce } from '../state/announcer.ts';
import { knockArrived } from '../state/attention.ts';
import { liveCall } from '../state/call.ts';
import { admit, lobby, refuse } from '../state/callLinks.ts';
import { quietUntil } from '../state/quiet.ts';
import { Avatar } from './avatar.tsx';

/** Long enough to look up, short enough not to be a call. */
const KNOCK_MS = 2_500;

/** Who waits at our call links. */
export function LobbyList() {
  if (lobby.value.length === 0) return null;
  return (
    <ul class="lobby-list" aria-label="Waiting to be let in">
      {lobby.value.map(({ id, contact, link }) => (
        <li key={id} data-testid={`knock-${contact.handle}`}>
          <Avatar person={contact} size="small" />
          <p>
            <strong>{contact.name}</strong> @{contact.handle}
            <span class="hint"> wants to join “{link.name}”</span>
          </p>
          <button
            type="button"
            class="button small"
            aria-label={`Refuse ${contact.name}`}
            data-testid="refuse-knock"
            onClick={() => void refuse(id)}
          >
            Refuse
          </button>
          <button
            type="button"
            class="button primary small"
            aria-label={`Let ${contact.name} in`}
            data-testid="admit-knock"
            onClick={() => void admit(id)}
          >
            Let in
          </button>
        </li>
      ))}
    </ul>
  );
}

/** Above everything, also above a call; silent in one. Not there while nobody is to disturb. */
export function Lobby() {
  const waiting = lobby.value;
  const inCall = liveCall.value !== undefined;
  const shown = waiting.length > 0 && (quietUntil.value === undefined || inCall);
  const newest = shown ? waiting.at(-1) : undefined;
  useEffect(() => {
    if (newest === undefined) return;
    announce(`${newest.contact.name} wants to join “${newest.link.name}”`);
    const close = knockArrived(newest);
    if (inCall) return close;
    const stop = ring();
    const timer = setTimeout(stop, KNOCK_MS);
    return () => {
      clearTimeout(timer);
      stop();
      close();
    };
  }, [newest?.id]);
  if (!shown) return null;
  return (
    <section class="lobby" aria-label="Call links" data-testid="lobby">
      <LobbyList />
    </section>
  );
}
