// Any thrown thing as a sentence for the person. The SDK's own errors carry
// words already; the browser's are translated here.

const BROWSER_ERRORS: Readonly<Record<string, string>> = {
  NotAllowedError: 'The browser did not allow it. Check the permissions of this page.',
  NotFoundError: 'No microphone or camera was found on this device.',
  NotReadableError: 'The microphone or camera is in use by another program.',
  OverconstrainedError: 'That device cannot do what was asked of it.',
  QuotaExceededError: 'This device has no room left for Carillon.',
  SecurityError: 'The browser did not allow it on this page.',
};

const CODE_WORDS: Readonly<Record<string, string>> = {
  'code-wrong': 'That code is not right. Look for the newest one and try again.',
  'registration-unknown': 'That code is too old. Go back and ask for a new one.',
  'code-attempts-exhausted': 'Too many wrong codes. Go back and ask for a new one.',
};

export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

export function failureWords(error: unknown): string {
  if (!(error instanceof Error)) return 'Something went wrong.';
  const byCode = CODE_WORDS[codeOf(error) ?? ''];
  if (byCode !== undefined) return byCode;
  const byName = BROWSER_ERRORS[error.name];
  if (byName !== undefined) return byName;
  // What `fetch` throws when the server cannot be reached, in each browser.
  if (error instanceof TypeError && /fetch|network|load failed/i.test(error.message)) {
    return 'The server cannot be reached. Check your connection.';
  }
  return error.message === '' ? 'Something went wrong.' : error.message;
}
