export { type MessagingConfig, messagingConfigSchema } from './config.ts';
export type * from './core/messagingStore.ts';
export { SqliteStore } from './io/sqliteStore.ts';
export { ConsoleVerifier, FileVerifier, type Verifier } from './io/verifier.ts';
export { createMessaging, type MessagingOptions } from './messaging.ts';
export { messagingService } from './service.ts';
