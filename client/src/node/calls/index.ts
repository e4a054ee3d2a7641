// Calls on a device that runs Node: one to one, media from and to files.
import type { CallsFactory } from '../../api.ts';
import { Calls } from '../../calls/calls.ts';
import { type NodeCallsOptions, nodeEngine } from './nodeEngine.ts';

export type { NodeCallsOptions } from './nodeEngine.ts';

export function createNodeCalls(options: NodeCallsOptions = {}): CallsFactory {
  return (deps) => new Calls({ ...deps, engine: nodeEngine(options) });
}
