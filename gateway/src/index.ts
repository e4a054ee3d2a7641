export { renderUnicodeCompact as qrCode } from 'uqr';
export { type Certificate, selfSignedCertificate } from './certificate.ts';
export { readTls } from './frontDoor.ts';
export { lanAddresses } from './lan.ts';
export { SERVICE_NAMES, type ServiceName, type System, type SystemOptions, startSystem } from './system.ts';
