// The SDK's core. Apps open it by `@carillon/client/browser` or `@carillon/client/node`.
export * from './api.ts';
export { Carillon, type CarillonOptions } from './carillon.ts';
export { FrameSocket, type FrameSocketOptions } from './connection/frameSocket.ts';
export { httpUrl, socketUrl } from './connection/origin.ts';
export { ReconnectingFrameSocket, type ReconnectingFrameSocketOptions } from './connection/reconnectingFrameSocket.ts';
export { MediaTamperedError } from './media/errors.ts';
export type { ContentBody, ContentChannel, ReceivedContent, SendOptions } from './messaging/contentChannel.ts';
export * from './model.ts';
export * from './ports.ts';
