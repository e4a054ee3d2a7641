// The calls half of the SDK and what it needs around it, for the simulator that
// plays whole systems of it.
export type { ContentBody, ContentChannel, ReceivedContent, SendOptions } from '../messaging/contentChannel.ts';
export type { CallView, Notice } from '../model.ts';
export type { Store, StoreTransaction } from '../ports.ts';
export { Calls } from './calls.ts';
export type * from './engine.ts';
