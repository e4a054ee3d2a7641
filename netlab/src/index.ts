export { NAT_KINDS, type NatKind } from './core/natRules.ts';
export { whyNoLab } from './io/availability.ts';
export { type Host, Lab, type Nat } from './io/lab.ts';
export { Namespace } from './io/namespace.ts';
export type { Endpoint, Trip, TripsWanted } from './probe/messages.ts';
export { Probe } from './probe/probe.ts';
