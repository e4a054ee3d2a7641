// The server. Preparation and sealing, which run on devices, have entries of
// their own (`./prepare`, `./sealing`) and import nothing from here.
export { config, type MediaConfig } from './config.ts';
export type { BlobRange, BlobState, BlobStore } from './io/blobStore.ts';
export { LocalBlobStore } from './io/localBlobStore.ts';
export { createMedia, type MediaOptions, mediaService } from './mediaService.ts';
