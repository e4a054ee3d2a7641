import type { MessageStatus } from '@carillon/client';

export interface Tick {
  readonly icon: 'clock' | 'check' | 'checks' | 'alert';
  /** Read is the same drawing as delivered, in the accent colour. */
  readonly accent: boolean;
  /** What a screen reader says; colour and drawing are never the only sign. */
  readonly label: string;
}

const TICKS: Readonly<Record<Exclude<MessageStatus, 'unread'>, Tick>> = {
  sending: { icon: 'clock', accent: false, label: 'Sending' },
  sent: { icon: 'check', accent: false, label: 'Sent' },
  delivered: { icon: 'checks', accent: false, label: 'Delivered' },
  read: { icon: 'checks', accent: true, label: 'Read' },
  failed: { icon: 'alert', accent: false, label: 'Not sent' },
};

/** Only our own messages carry a tick. */
export function tickOf(message: { readonly outgoing: boolean; readonly status: MessageStatus }): Tick | undefined {
  if (!message.outgoing || message.status === 'unread') return undefined;
  return TICKS[message.status];
}
