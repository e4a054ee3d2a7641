// A file the person chose, on its way into the queue: prepared, sealed, stored;
// the upload follows by itself, also after a restart.
import { sealBlob } from '@carillon/media-pipeline/sealing';
import { type ConversationId, LIMITS, type MessageId, ProtocolError } from '@carillon/protocol';
import type { MediaSource } from '../api.ts';
import { failMessage, findMessage, updateMessage } from '../conversations/history.ts';
import { addOutgoing, newMessageId } from '../conversations/writing.ts';
import type { Emitter } from '../events.ts';
import type { MediaInfo, Message, TransferProgress } from '../model.ts';
import type { Platform } from '../ports.ts';
import type { Ledger } from '../store/ledger.ts';
import { cacheMedia } from './mediaCache.ts';
import { keepMediaKey, mediaMessage } from './mediaMessage.ts';
import { addUpload } from './uploads.ts';

/** Sealing and storing hold the whole file in memory a few times over. */
const MEDIA_BYTES_MAX = Math.min(LIMITS.blobBytesMax, 256 * 1024 * 1024);
const CAPTION_CHARACTERS_MAX = 4_096;

export interface MediaSendingParts {
  readonly platform: Platform;
  readonly ledger: Ledger;
  readonly emitter: Emitter;
}

/**
 * The message is in the conversation at once; when preparation fails it stays
 * there, failed, with the reason, which is also thrown.
 */
export async function queueMedia(parts: MediaSendingParts, to: ConversationId, source: MediaSource): Promise<Message> {
  const { platform, ledger, emitter } = parts;
  const id = newMessageId(platform.crypto);
  const caption = (source.caption ?? '').slice(0, CAPTION_CHARACTERS_MAX);
  await ledger.change(async (tx, changes) => {
    await tx.put('media', preparingKey(id), id);
    const body = { type: 'media', media: announced(source, caption) } as const;
    await addOutgoing(tx, changes, { id, conversation: to, body }, platform.now());
  });
  const progress = (stage: TransferProgress['stage'], doneBytes: number, totalBytes: number) =>
    emitter.emit('progress', { messageId: id, direction: 'up', stage, doneBytes, totalBytes });
  try {
    progress('preparing', 0, 100);
    const prepared = await platform.prepare(source, (done) => progress('preparing', Math.round(done * 100), 100));
    if (prepared.bytes.length > MEDIA_BYTES_MAX) {
      const words = `The file is larger than ${MEDIA_BYTES_MAX / 1024 ** 2} MB, the most that can be sent.`;
      throw new ProtocolError('blob-too-large', { words });
    }
    const sealedTotal = prepared.bytes.length;
    progress('encrypting', 0, sealedTotal);
    const sealed = await sealBlob(prepared.bytes, (done) =>
      progress('encrypting', Math.min(done, sealedTotal), sealedTotal),
    );
    const { blobId } = sealed;
    const info = { ...prepared.info, caption: caption || prepared.info.caption };
    return await ledger.change(async (tx, changes) => {
      const message = await findMessage(tx, id);
      if (!message) throw new Error('the message is gone');
      const ready: Message = { ...message, body: { type: 'media', media: { ...info, blobId } } };
      await updateMessage(tx, changes, ready);
      await keepMediaKey(tx, id, mediaMessage(info, sealed));
      await addUpload(tx, { messageId: id, to, blobId, uploadUrl: undefined }, sealed.blob);
      await cacheMedia(tx, blobId, prepared.bytes, platform.now());
      await tx.delete('media', preparingKey(id));
      return ready;
    });
  } catch (error) {
    const words = error instanceof Error && error.message ? error.message : 'The file could not be made ready.';
    await ledger.change(async (tx, changes) => {
      await tx.delete('media', preparingKey(id));
      await failMessage(tx, changes, id, words);
    });
    throw error;
  }
}

/** What an earlier run was preparing when it ended can only be chosen again. */
export function failInterruptedPreparations(ledger: Ledger): Promise<void> {
  return ledger.change(async (tx, changes) => {
    const rows = await tx.list<MessageId>('media', { from: 'preparing/', to: 'preparing0' });
    for (const { key, value } of rows) {
      await tx.delete('media', key);
      await failMessage(tx, changes, value, 'The app was closed before the file was ready. Choose it again.');
    }
  });
}

const preparingKey = (id: MessageId) => `preparing/${id}`;

function announced(source: MediaSource, caption: string): MediaInfo {
  return {
    kind: source.kind,
    blobId: undefined,
    sizeBytes: 0,
    mimeType: source.mimeType,
    fileName: source.fileName,
    caption,
    width: 0,
    height: 0,
    durationMs: 0,
    thumbnail: undefined,
    waveform: undefined,
  };
}
