// What a command says: plain lines for people, JSON lines for programs, and
// progress bars only where somebody looks.

import { bytesToBase64url, ProtocolError } from '@carillon/protocol';
import { SingleBar } from 'cli-progress';
import type { TransferProgress } from '../model.ts';

type Stream = NodeJS.WritableStream & { isTTY?: boolean };

const STAGES = { preparing: 'Preparing', encrypting: 'Encrypting', transferring: 'Uploading', done: 'Done' } as const;

export class Output {
  readonly #out: Stream;
  readonly #err: Stream;
  readonly #json: boolean;
  #bar: { readonly bar: SingleBar; readonly name: string } | undefined;

  constructor(out: Stream, err: Stream, json: boolean) {
    this.#out = out;
    this.#err = err;
    this.#json = json;
  }

  /** One result: `line` for people, `{ event, ...fields }` for programs. */
  say(event: string, fields: Readonly<Record<string, unknown>>, line: string): void {
    this.endProgress();
    this.#out.write(this.#json ? `${JSON.stringify({ event, ...fields }, plain)}\n` : `${clean(line)}\n`);
  }

  /** Words beside the result; programs do not see them. */
  hint(words: string): void {
    if (this.#json) return;
    this.endProgress();
    this.#err.write(`${clean(words)}\n`);
  }

  fail(words: string, error?: unknown): void {
    this.endProgress();
    const code = error instanceof ProtocolError ? error.code : undefined;
    this.#err.write(this.#json ? `${JSON.stringify({ event: 'failed', code, words })}\n` : `${clean(words)}\n`);
  }

  progress({ stage, direction, doneBytes, totalBytes }: TransferProgress): void {
    if (this.#json || !this.#err.isTTY) return;
    const name = direction === 'down' && stage === 'transferring' ? 'Downloading' : STAGES[stage];
    if (this.#bar?.name !== name) this.endProgress();
    if (stage === 'done' || totalBytes === 0) return;
    if (!this.#bar) {
      const bar = new SingleBar({
        format: `${name.padEnd(11)} {bar} {percentage} %`,
        stream: this.#err as NodeJS.WriteStream,
        barsize: 30,
        hideCursor: true,
      });
      bar.start(totalBytes, 0);
      this.#bar = { bar, name };
    }
    this.#bar.bar.update(doneBytes);
  }

  endProgress(): void {
    this.#bar?.bar.stop();
    this.#bar = undefined;
  }
}

function plain(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? bytesToBase64url(value) : value;
}

/** What others wrote must not steer the terminal: control characters go, line ends stay. */
export function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '');
}
