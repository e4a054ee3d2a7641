export * from './config.ts';
export * from './frameServer.ts';
export { HEARTBEAT, type HeartbeatBounds } from './heartbeat.ts';
export * from './http.ts';
export * from './log.ts';
export * from './runService.ts';
export * from './tokenBucket.ts';
export * from './tokenVerifier.ts';
