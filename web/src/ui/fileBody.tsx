import type { MediaInfo, Message } from '@carillon/client';
import { useState } from 'preact/hooks';
import { carillon } from '../state/session.ts';
import { failureWords } from '../words/failure.ts';
import { byteSize } from '../words/size.ts';
import { Icon } from './icon.tsx';
import { MediaProblem } from './mediaProblem.tsx';
import { TransferBar } from './transferBar.tsx';

/** The browser reads the URL after the press has been handled; a minute is ample for it to begin. */
const URL_KEPT_MS = 60_000;

export function FileBody({ message, media }: { message: Message; media: MediaInfo }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  const save = async () => {
    setBusy(true);
    setProblem('');
    try {
      const { bytes, fileName } = await carillon().openMedia(message.id);
      // Never the sender's type: a page of theirs must not open as one of ours.
      const url = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }));
      const link = document.createElement('a');
      link.href = url;
      link.download = fileName || 'file';
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), URL_KEPT_MS);
    } catch (error) {
      setProblem(failureWords(error));
    }
    setBusy(false);
  };
  return (
    <div class="file">
      <button
        type="button"
        class="file-save"
        disabled={busy || media.blobId === undefined}
        aria-label={`Save ${media.fileName}, ${byteSize(media.sizeBytes)}`}
        data-testid="media-file"
        onClick={() => void save()}
      >
        <span class="file-icon">
          <Icon name={busy ? 'clock' : 'download'} size={20} />
        </span>
        <span class="file-name">{media.fileName}</span>
        <span class="file-size">{byteSize(media.sizeBytes)}</span>
      </button>
      <TransferBar message={message.id} />
      {problem !== '' && <MediaProblem words={problem} onAgain={() => void save()} />}
    </div>
  );
}
