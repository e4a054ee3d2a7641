import type { GroupReceipts, MessageStatus } from '@carillon/client';

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

/** In a group: `delivered to 5 of 7, read by 3`. */
export function receiptWords({ delivered, read, of }: GroupReceipts): string {
  if (of === 0) return 'nobody else was in the group';
  return `delivered to ${delivered} of ${of}, read by ${read}`;
}
