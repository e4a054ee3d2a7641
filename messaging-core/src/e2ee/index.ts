export type { CryptoProvider, KeyPair } from './provider.ts';
