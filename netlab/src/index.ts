export { LabWorld, type LabWorldOptions } from './carillon/labWorld.ts';
export * from './lab.ts';
