// The pure half of a device's calls, for the simulator that plays whole systems.
export * from './callMachine.ts';
export { endReason, type Snapshot, snapshotOf } from './roster.ts';
