/** Why something failed, in words for the person at the terminal. */
export function failureWords(error: unknown): string {
  if (error instanceof Error && error.message) return error.message;
  return `Something went wrong: ${String(error)}`;
}
