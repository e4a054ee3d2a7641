export { type BlobHasher, blobIdOf, createBlobHasher } from './blobId.ts';
export { BlobTamperedError } from './errors.ts';
export { type BlobSecret, paddedLength, sealedLength } from './layout.ts';
export { type FetchRange, openBlob, openChunks, openRange } from './open.ts';
export type { ByteSource } from './rechunk.ts';
export { createBlobKey, type SealedBlob, sealBlob, sealChunks } from './seal.ts';
