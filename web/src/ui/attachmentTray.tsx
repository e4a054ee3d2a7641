import type { ConversationId } from '@carillon/client';
import { type Attachment, detach } from '../state/attachments.ts';
import { byteSize } from '../words/size.ts';
import { Icon } from './icon.tsx';
import { IconButton } from './iconButton.tsx';

export function AttachmentTray({ to, files }: { to: ConversationId; files: readonly Attachment[] }) {
  if (files.length === 0) return null;
  return (
    <ul class="tray" aria-label="Files to send">
      {files.map(({ id, kind, file, previewUrl }) => (
        <li key={id} class={previewUrl === undefined ? 'tray-item' : 'tray-item tray-photo'} data-testid="attachment">
          {previewUrl === undefined ? (
            <>
              <Icon name={kind === 'video' ? 'video' : 'file'} size={20} />
              <span class="tray-name">{file.name}</span>
              <span class="tray-size">{byteSize(file.size)}</span>
            </>
          ) : (
            <img src={previewUrl} alt={file.name} />
          )}
          <IconButton icon="close" iconSize={14} label={`Remove ${file.name}`} onClick={() => detach(to, id)} />
        </li>
      ))}
    </ul>
  );
}
