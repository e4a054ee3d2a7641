// How a code reaches a handle's owner. An SMS or mail gateway implements the
// same port; the console is what a self-hoster starts with.
import { appendFile } from 'node:fs/promises';
import type { Handle } from '@carillon/protocol';

export interface Verifier {
  /** Rejects when the code could not be sent; the registration is then forgotten. */
  sendCode(handle: Handle, code: string): Promise<void>;
}

/** One line on standard output for the person who runs the server. */
export class ConsoleVerifier implements Verifier {
  readonly #write: (line: string) => void;

  constructor(write: (line: string) => void = (line) => process.stdout.write(line)) {
    this.#write = write;
  }

  async sendCode(handle: Handle, code: string): Promise<void> {
    this.#write(`Registration code for @${handle}: ${code}\n`);
  }
}

/** Appends `handle code` lines to a file that tests and demonstrations read, then hands on. */
export class FileVerifier implements Verifier {
  readonly #file: string;
  readonly #next: Verifier;

  constructor(file: string, next: Verifier) {
    this.#file = file;
    this.#next = next;
  }

  async sendCode(handle: Handle, code: string): Promise<void> {
    await appendFile(this.#file, `${handle} ${code}\n`, { mode: 0o600 });
    await this.#next.sendCode(handle, code);
  }
}
