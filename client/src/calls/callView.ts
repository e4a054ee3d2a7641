// The call as the app shows it, put together from the machine's state, the
// media of each other participant, and this device's own.
import type { AccountId } from '@carillon/protocol';
import type { CallView, Contact, NetworkQuality, RemoteParticipant } from '../model.ts';
import type { Call } from './core/callMachine.ts';
import { type LinkState, linkWords } from './core/linkState.ts';
import { callWords } from './core/words.ts';
import type { LocalMedia, RemoteMedia } from './engine.ts';

/** Media as it comes over the links. */
export interface RemoteState {
  /** Of the peer link: the one other device. */
  readonly peer: RemoteMedia | undefined;
  /** Of the room, by participant number. */
  readonly room: ReadonlyMap<number, RemoteMedia>;
  /** Numbers whose room media plays; until then the peer link's is shown. */
  readonly roomFlows: ReadonlySet<number>;
  readonly quality: NetworkQuality;
  /** What this device's link has it do without. */
  readonly link: LinkState;
}

const NOTHING: RemoteMedia = {
  stream: undefined,
  screen: undefined,
  microphoneOn: false,
  cameraOn: false,
  videoPaused: false,
  speaking: false,
};

export function callView(
  call: Call,
  remote: RemoteState,
  media: LocalMedia | undefined,
  contactOf: (account: AccountId) => Contact,
): CallView {
  const over = call.phase === 'ended';
  const others = call.participants
    .filter(({ accountId }) => accountId !== call.self.accountId)
    .map(({ accountId, state, number, held }): RemoteParticipant => {
      const inRoom = remote.room.get(number);
      const atPeer = call.peer?.accountId === accountId ? remote.peer : undefined;
      const shown =
        over || call.held || held ? NOTHING : ((atPeer && !remote.roomFlows.has(number) ? atPeer : inRoom) ?? NOTHING);
      return {
        contact: contactOf(accountId),
        state,
        ...shown,
        held: held && !over,
        quality: over ? 0 : remote.quality,
      };
    });
  return {
    callId: call.callId,
    phase: call.phase,
    outgoing: call.outgoing,
    video: call.video,
    mode: call.mode,
    others,
    local: {
      stream: over ? undefined : media?.stream,
      screen: over ? undefined : media?.screen,
      microphoneOn: media?.microphoneOn ?? false,
      cameraOn: media?.cameraOn ?? false,
      screenOn: media?.screenOn ?? false,
    },
    connectedAtMs: 'connectedAtMs' in call ? call.connectedAtMs : undefined,
    held: call.held && !over,
    quality: over ? 0 : remote.quality,
    linkWords: over ? undefined : linkWords(remote.link, pausedNames(others)),
    endReason: over ? call.reason : undefined,
    words: callWords(call, (account) => contactOf(account).name),
  };
}

function pausedNames(others: readonly RemoteParticipant[]): string[] {
  return others
    .filter(({ state, videoPaused }) => state === 'joined' && videoPaused)
    .map(({ contact }) => contact.name);
}
