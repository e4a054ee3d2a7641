import { incomingCall, minimised, shownCall } from '../state/call.ts';
import { linkInAddress } from '../state/callLinks.ts';
import { openConversation, openPlace } from '../state/route.ts';
import { CallScreen } from './callScreen.tsx';
import { Chat } from './chat.tsx';
import { ConnectionBanner } from './connectionBanner.tsx';
import { Dialogs } from './dialogs.tsx';
import { HistoryBanner } from './historyBanner.tsx';
import { IncomingCall } from './incomingCall.tsx';
import { JoinCall } from './joinCall.tsx';
import { ListPane } from './listPane.tsx';
import { Lobby } from './lobby.tsx';
import { NoChat } from './noChat.tsx';
import { RejoinBanner } from './rejoinBanner.tsx';

export function Shell() {
  const call = shownCall.value;
  const conversation = openConversation.value;
  const covered = call !== undefined && !minimised.value;
  const incoming = incomingCall.value;
  return (
    <>
      <div
        class="shell"
        data-pane={openPlace.value === undefined ? 'list' : 'chat'}
        data-bar={call !== undefined && minimised.value}
      >
        <div class="shell-banners" inert={covered}>
          <ConnectionBanner />
          <RejoinBanner />
          <HistoryBanner />
        </div>
        <div class="panes" inert={covered}>
          <ListPane />
          <main class="chat-pane" aria-label="Conversation">
            {conversation === undefined ? <NoChat /> : <Chat key={conversation.id} conversation={conversation} />}
          </main>
        </div>
      </div>
      {call !== undefined && <CallScreen key={call.callId} call={call} />}
      <Dialogs />
      {linkInAddress.value !== undefined && <JoinCall key={linkInAddress.value} link={linkInAddress.value} />}
      <Lobby />
      {incoming !== undefined && <IncomingCall key={incoming.callId} call={incoming} />}
    </>
  );
}
