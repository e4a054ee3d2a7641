// The parts of a signaling node without its sockets and its store, for the
// simulator that plays whole systems of them.
export type { Call, CallEvent, LiveCall } from './core/call.ts';
export * from './core/callTable.ts';
export type * from './io/callStore.ts';
export { Calls } from './io/calls.ts';
export { readRequest } from './io/requests.ts';
export { type Connection, Seat, Seats } from './io/seats.ts';
export { FewestRooms } from './io/sfuNodes.ts';
export type { Clock } from './io/timers.ts';
