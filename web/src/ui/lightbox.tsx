import type { Message, MessageId } from '@carillon/client';
import { computed } from '@preact/signals';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { messages } from '../state/messages.ts';
import { useOpenedMedia } from '../state/openedMedia.ts';
import { locale } from '../state/session.ts';
import { clockTime } from '../words/time.ts';
import { DialogFrame } from './dialogFrame.tsx';
import { IconButton } from './iconButton.tsx';

function saveAs(url: string, fileName: string): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = fileName;
  link.click();
}

function Photo({ message }: { message: Message }) {
  const { opened } = useOpenedMedia(message, true);
  const media = message.body.type === 'media' ? message.body.media : undefined;
  return (
    <figure class="lightbox-photo">
      {opened.state === 'open' && <img src={opened.url} alt={media?.caption || 'Photo'} />}
      {opened.state === 'opening' && <p>Opening…</p>}
      {opened.state === 'failed' && <p role="alert">{opened.words}</p>}
      <figcaption>
        <span>{media?.caption || clockTime(message.sentAtMs, locale)}</span>
        {opened.state === 'open' && (
          <IconButton
            icon="download"
            label="Save the photo"
            onClick={() => saveAs(opened.url, media?.fileName || 'photo.jpg')}
          />
        )}
      </figcaption>
    </figure>
  );
}

/** The photos of the open conversation, one after another by the arrow keys. */
export function Lightbox({ start, onClose }: { start: MessageId; onClose: () => void }) {
  const photos = useMemo(
    () => computed(() => messages.value.filter(({ body }) => body.type === 'media' && body.media.kind === 'photo')),
    [],
  ).value;
  const [id, setId] = useState(start);
  const at = photos.findIndex((message) => message.id === id);
  const photo = photos[at];
  const before = photos[at - 1];
  const after = photos[at + 1];
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const next = event.key === 'ArrowLeft' ? before : event.key === 'ArrowRight' ? after : undefined;
      if (next !== undefined) setId(next.id);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [before, after]);
  return (
    <DialogFrame title="Photo" onClose={onClose} class="lightbox" bare>
      {photo !== undefined && <Photo key={photo.id} message={photo} />}
      {before !== undefined && (
        <span class="lightbox-before">
          <IconButton icon="back" label="Earlier photo" onClick={() => setId(before.id)} />
        </span>
      )}
      {after !== undefined && (
        <span class="lightbox-after">
          <IconButton icon="back" label="Later photo" onClick={() => setId(after.id)} />
        </span>
      )}
    </DialogFrame>
  );
}
