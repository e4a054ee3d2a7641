import type { Conversation, ConversationId } from '@carillon/client';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { attach, attachments, takeAttachments } from '../state/attachments.ts';
import { attempt } from '../state/attempt.ts';
import { draftOf, keepDraft } from '../state/drafts.ts';
import { BLOB_BYTES_MAX } from '../state/limits.ts';
import { carillon } from '../state/session.ts';
import { canRecord } from '../voice/recorder.ts';
import { AttachmentTray } from './attachmentTray.tsx';
import { IconButton } from './iconButton.tsx';
import { VoiceRecorder } from './voiceRecorder.tsx';

/** What fits one envelope; longer texts go as a file. */
const TEXT_CHARS_MAX = 8_000;
const HEIGHT_MAX_PX = 160;

async function sendAll(to: ConversationId, text: string): Promise<void> {
  const files = takeAttachments(to);
  if (files.length === 0) {
    await carillon().sendText(to, text);
    return;
  }
  // The words go with the first file; the rest follow in the order chosen.
  for (const [index, { kind, file }] of files.entries()) {
    await carillon().sendMedia(to, {
      kind,
      fileName: file.name,
      mimeType: file.type || 'application/octet-stream',
      data: file,
      ...(index === 0 && text !== '' ? { caption: text } : {}),
    });
  }
}

function AttachButton({ to, disabled }: { to: ConversationId; disabled: boolean }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <IconButton
        icon="attach"
        label="Attach photos, videos or files"
        disabled={disabled}
        onClick={() => input.current?.click()}
      />
      <input
        ref={input}
        type="file"
        multiple
        hidden
        disabled={disabled}
        aria-label="Files to attach"
        data-testid="attach-input"
        onChange={(event) => {
          attach(to, [...(event.currentTarget.files ?? [])], BLOB_BYTES_MAX);
          event.currentTarget.value = '';
        }}
      />
    </>
  );
}

/** The text grows its box up to a limit. */
function useGrowing(text: string) {
  const area = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    if (area.current === null) return;
    area.current.style.height = 'auto';
    area.current.style.height = `${Math.min(HEIGHT_MAX_PX, area.current.scrollHeight)}px`;
  }, [text]);
  return area;
}

export function Composer({ conversation, blocked }: { conversation: Conversation; blocked: boolean }) {
  const to = conversation.id;
  const [text, setText] = useState(() => draftOf(to));
  const [recording, setRecording] = useState(false);
  const area = useGrowing(text);
  const files = attachments.value.get(to) ?? [];
  const something = text.trim() !== '' || files.length > 0;

  useEffect(() => {
    // On a phone the keyboard would cover the messages before they are read.
    if (matchMedia('(hover: hover)').matches) area.current?.focus();
  }, []);
  const change = (next: string) => {
    setText(next);
    keepDraft(to, next);
    carillon().setTyping(to, next.trim() !== '');
  };
  const send = (event?: Event) => {
    event?.preventDefault();
    if (!something || blocked) return;
    const words = text.trim();
    change('');
    area.current?.focus();
    void attempt(() => sendAll(to, words));
  };
  if (recording) return <VoiceRecorder to={to} onDone={() => setRecording(false)} />;
  return (
    <form class="composer" onSubmit={send}>
      <AttachmentTray to={to} files={files} />
      <div class="composer-line">
        <AttachButton to={to} disabled={blocked} />
        <textarea
          ref={area}
          rows={1}
          value={text}
          maxLength={TEXT_CHARS_MAX}
          dir="auto"
          enterkeyhint="send"
          disabled={blocked}
          placeholder={blocked ? 'Accept the new safety number first' : files.length > 0 ? 'Add a caption' : 'Message'}
          aria-label={`Message to ${conversation.title}`}
          data-testid="composer"
          onInput={(event) => change(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) send(event);
          }}
          onPaste={(event) => {
            const pasted = [...(event.clipboardData?.files ?? [])];
            if (pasted.length === 0) return;
            event.preventDefault();
            attach(to, pasted, BLOB_BYTES_MAX);
          }}
        />
        {something || !canRecord() ? (
          <IconButton
            type="submit"
            icon="send"
            label="Send"
            tone="accent"
            disabled={!something || blocked}
            data-testid="send"
          />
        ) : (
          <IconButton
            icon="mic"
            label="Record a voice note"
            disabled={blocked}
            data-testid="voice-record"
            onClick={() => setRecording(true)}
          />
        )}
      </div>
    </form>
  );
}
