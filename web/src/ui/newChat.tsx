import { useState } from 'preact/hooks';
import { conversationChanged } from '../state/conversations.ts';
import { openDialog } from '../state/dialog.ts';
import { showConversation } from '../state/route.ts';
import { account, carillon } from '../state/session.ts';
import { codeOf, failureWords } from '../words/failure.ts';
import { typedHandle } from '../words/handle.ts';
import { DialogFrame } from './dialogFrame.tsx';
import { HandleField } from './handleField.tsx';

export function NewChat({ onClose }: { onClose: () => void }) {
  const [handle, setHandle] = useState('');
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    const wanted = typedHandle(handle);
    if (wanted === '') return;
    if (wanted === account.value?.handle) {
      setProblem('That is you. Type a friend’s handle.');
      return;
    }
    setBusy(true);
    try {
      const conversation = await carillon().startConversation(wanted);
      conversationChanged(conversation);
      onClose();
      showConversation(conversation);
    } catch (error) {
      setProblem(
        codeOf(error) === 'account-unknown' ? `There is nobody here with the handle @${wanted}.` : failureWords(error),
      );
      setBusy(false);
    }
  };
  return (
    <DialogFrame title="New conversation" onClose={onClose}>
      <form onSubmit={(event) => void submit(event)} class="form" noValidate>
        <HandleField
          label="Handle"
          hint="Ask your friend for it; it was chosen at sign-up."
          problem={problem}
          value={handle}
          onText={(text) => {
            setHandle(text);
            setProblem('');
          }}
          autoFocus
          data-testid="new-chat-handle"
        />
        <button type="submit" class="button primary wide" disabled={busy} data-testid="new-chat-submit">
          {busy ? 'Looking…' : 'Start'}
        </button>
      </form>
      <button
        type="button"
        class="button wide"
        data-testid="new-group"
        onClick={() => openDialog({ type: 'new-group' })}
      >
        New group
      </button>
    </DialogFrame>
  );
}
