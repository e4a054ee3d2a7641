/** What was downloaded is not what was sent: it is never shown. */
export class MediaTamperedError extends Error {
  constructor(cause?: unknown) {
    super('This media was changed on its way and is not shown. Ask for it to be sent again.', { cause });
    this.name = 'MediaTamperedError';
  }
}
