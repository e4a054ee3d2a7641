// Hosts, NATs and links alone: loaded in a moment, where Carillon and its browsers are not wanted.
export { CLEAR, type LinkCounts, type LinkSettings } from './core/link.ts';
export { NAT_KINDS, type NatKind } from './core/natRules.ts';
export type { Link, LinkWanted } from './emulator/link.ts';
export type { LinkReport } from './emulator/messages.ts';
export { whyNoLab } from './io/availability.ts';
export type { Host } from './io/host.ts';
export { Lab } from './io/lab.ts';
export type { Namespace } from './io/namespace.ts';
export type { Nat } from './io/nat.ts';
export type { Endpoint, Trip, TripsWanted } from './probe/messages.ts';
export { Probe } from './probe/probe.ts';
