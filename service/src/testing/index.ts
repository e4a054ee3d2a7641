/** What tests, checkers and benchmarks of several folders start. No service imports it. */
export * from './ports.ts';
export * from './redisServer.ts';
