// The SDK in Node.
export * from '../index.ts';
export { createNodeCalls, type NodeCallsOptions } from './calls/index.ts';
export { type NodeOptions, nodePlatform, openCarillon } from './openCarillon.ts';
export { SqliteStore } from './sqliteStore.ts';
