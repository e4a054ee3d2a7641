import type { Conversation } from '@carillon/client';
import { useMemo } from 'preact/hooks';
import { Avatar, type AvatarSize } from './avatar.tsx';
import { useObjectUrl } from './objectUrl.ts';

interface FaceProps {
  readonly conversation: Conversation;
  readonly size?: AvatarSize;
}

/** A group's picture, or initials. Decorative: the title is always written beside it. */
export function Face({ conversation, size = 'medium' }: FaceProps) {
  const { group } = conversation;
  // Each change of the conversation brings the same bytes anew; the picture itself changes with the group's revision.
  const picture = useMemo(() => group?.picture, [conversation.id, group?.revision, group?.picture?.length]);
  const url = useObjectUrl(picture);
  if (url === undefined)
    return <Avatar person={{ accountId: conversation.id, name: conversation.title }} size={size} />;
  return <img class={`avatar avatar-${size}`} src={url} alt="" data-testid="group-picture" />;
}
