// A process inside a namespace that answers requests over IPC.
import type { ChildProcess } from 'node:child_process';
import type { Namespace } from './namespace.ts';

interface Reply {
  readonly id: number;
  readonly failed?: string;
}

export class Controlled<Request extends object, Answer extends Reply> {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #waiting = new Map<number, { resolve(reply: Answer): void; reject(error: Error): void }>();
  #lastId = 0;

  /** @param main absolute path of its TypeScript file */
  constructor(namespace: Namespace, name: string, main: string) {
    this.#name = name;
    this.#child = namespace.spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main], {
      // JSON has no Infinity.
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.on('message', (reply: Answer) => {
      const waiting = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      if (reply.failed === undefined) waiting?.resolve(reply);
      else waiting?.reject(new Error(`${name}: ${reply.failed}`));
    });
    this.#child.once('error', (error) => this.#over(error));
    this.#child.once('exit', () => this.#over());
  }

  request(request: Request): Promise<Answer> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, ...request }, (error) => {
        if (error) reject(error);
      });
    });
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }

  #over(cause?: Error): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(`${this.#name} has ended`, { cause }));
    this.#waiting.clear();
  }
}
