export * from './luaScript.ts';
export * from './redisLink.ts';
