export { Breach } from './rules.ts';
export { type Played, World } from './world.ts';
