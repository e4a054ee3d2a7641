export { type BrowserCallsOptions, createBrowserCalls } from './browserEngine.ts';
export { MediaError } from './mediaWords.ts';
