export * from './heldKeys.ts';
export * from './mediaFiles.ts';
export * from './nodeDevice.ts';
export * from './person.ts';
export * from './srtpWitness.ts';
export * from './taps.ts';
export * from './world.ts';
