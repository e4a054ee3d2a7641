export * from './mediaFiles.ts';
export * from './person.ts';
export * from './taps.ts';
export * from './world.ts';
