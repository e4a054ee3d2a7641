import type { CallLinkView } from '@carillon/client';

export function linkKindWords({ video, kind, lobby }: Pick<CallLinkView, 'video' | 'kind' | 'lobby'>): string {
  const call = video ? 'video call' : 'voice call';
  const who = kind === 'group' ? `Group ${call}` : `${call[0]!.toUpperCase()}${call.slice(1)} with one at a time`;
  return `${who}. ${lobby ? 'You are asked first.' : 'All come in by themselves.'}`;
}
