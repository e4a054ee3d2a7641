// What a probe is done to: a relay in a process of its own, and its clients and peers.
import { type ChildProcess, fork } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { freeUdpPort } from '@carillon/service/testing';
import { ATTRIBUTE, attributeOf, decodeStun, METHOD, type StunMessage } from '../../src/core/stun.ts';
import { SECRET } from '../relayOptions.ts';
import { type Credential, credential, errorCodeOf, TurnClient, UDP_TRANSPORT } from '../turnClient.ts';

export type Kind = 'stock' | 'ours';

export interface SubjectOptions {
  readonly port: number;
  readonly hosts: readonly string[];
  /** Stock has a list of users; ours knows who has the secret. */
  readonly credentials: Readonly<Record<string, string>>;
  /** Nothing is said of who may use it. */
  readonly bare: boolean;
  /** Its clock and timers stand still until they are told to go on. */
  readonly holdsTime: boolean;
  /** Something else has its port. */
  readonly isTaken: boolean;
}

export type ToRelay =
  | { readonly do: 'start'; readonly kind: Kind; readonly options: SubjectOptions }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'heap' | 'stop' };
export type FromRelay = { readonly value: number } | { readonly words: string };

/** After a reply to what was sent later: nothing more is expected. */
const SILENCE_MS = 800;
/** Of an order: a start on a machine that has much else to do. */
const OBEYED_MS = 90_000;
const USERS = 80;

/** In the relay's own words. */
export class Refused extends Error {}

export class Subject {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #users: Credential[];
  readonly #sockets: { close(): void }[] = [];

  private constructor(port: number, child: ChildProcess, users: Credential[]) {
    this.port = port;
    this.#child = child;
    this.#users = users;
  }

  /** @throws Refused when it does not start */
  static async start(kind: Kind, options: Partial<SubjectOptions> = {}): Promise<Subject> {
    const far = Math.floor(Date.now() / 1000) + 86_400;
    const users = Array.from({ length: USERS }, (_, n) => credential(SECRET, `user${n}`, far));
    const credentials = Object.fromEntries(users.map(({ username, password }) => [username, password]));
    const port = options.port ?? (await freeUdpPort());
    const child = fork(new URL('relayProcess.ts', import.meta.url), [], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      // The stack of a crash that is wanted is no news.
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const subject = new Subject(port, child, users);
    try {
      if (options.isTaken) await subject.peer('127.0.0.1', port);
      const usual = { hosts: ['127.0.0.1'], bare: false, holdsTime: false, isTaken: false };
      const whole = { ...usual, credentials, ...options, port };
      await subject.#order({ do: 'start', kind, options: whole });
      return subject;
    } catch (error) {
      subject.end();
      throw error;
    }
  }

  async #order(order: ToRelay): Promise<number> {
    const answered = once(this.#child, 'message', { signal: AbortSignal.timeout(OBEYED_MS) });
    this.#child.send(order);
    const [answer] = (await answered) as [FromRelay];
    if ('words' in answer) throw new Refused(answer.words);
    return answer.value;
  }

  end(): void {
    for (const socket of this.#sockets) socket.close();
    this.#child.kill('SIGKILL');
  }

  pass(ms: number): Promise<number> {
    return this.#order({ do: 'pass', ms });
  }

  heapBytes(): Promise<number> {
    return this.#order({ do: 'heap' });
  }

  /** The relay, not its process. */
  stop(): Promise<number> {
    return this.#order({ do: 'stop' });
  }

  descriptors(): number {
    return readdirSync(`/proc/${this.#child.pid}/fd`).length;
  }

  /** Whether it still runs when it has had the time to end. */
  async outlives(): Promise<boolean> {
    await Promise.race([once(this.#child, 'exit'), pause(SILENCE_MS)]);
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** As a user of its own, unless it is told as whom. */
  async client(as: Credential = this.user(), server = '127.0.0.1'): Promise<TurnClient> {
    const client = await new TurnClient(this.port, as, server).open();
    this.#sockets.push(client);
    return client;
  }

  user(): Credential {
    const user = this.#users.pop();
    if (!user) throw new Error('more users are needed');
    return user;
  }

  async peer(address = '127.0.0.1', port = 0): Promise<Socket> {
    const socket = createSocket('udp4').bind({ port, address, exclusive: true });
    await once(socket, 'listening');
    this.#sockets.push(socket);
    return socket;
  }
}

/** Who has been challenged: what it builds next is signed. */
export async function challenged(client: TurnClient): Promise<TurnClient> {
  const reply = await client.exchange(client.build(METHOD.allocate, [UDP_TRANSPORT]));
  const nonce = attributeOf(reply, ATTRIBUTE.nonce);
  client.challenge('test', nonce ?? Buffer.from('none was given'));
  return client;
}

/** The reply to that very request, or undefined when a later Binding is answered and it still is not. */
export async function replyTo(client: TurnClient, request: Buffer): Promise<StunMessage | undefined> {
  const transaction = request.subarray(8, 20);
  const isReply = (data: Buffer) => data.length >= 20 && data.subarray(8, 20).equals(transaction);
  const reply = await heard(client.socket, isReply, async () => {
    client.sendRaw(request);
    await fence(client);
  });
  return reply && decodeStun(reply);
}

/** Resolves when the relay has read all that was sent to it before. */
export async function fence(client: TurnClient): Promise<void> {
  const binding = Buffer.from('000100002112a442ffffffffffffffffffffffff', 'hex');
  const answered = new Promise<void>((resolve) => {
    const look = (data: Buffer) => {
      if (!data.subarray(8, 20).equals(binding.subarray(8, 20))) return;
      client.socket.off('message', look);
      resolve();
    };
    client.socket.on('message', look);
  });
  client.sendRaw(binding);
  // A relay that has ended does not answer.
  await Promise.race([answered, pause(2 * SILENCE_MS)]);
}

/** The first datagram of that kind that follows what is done, or undefined when none does. */
export async function heard(
  socket: Socket,
  isIt: (data: Buffer) => boolean,
  act: () => unknown,
): Promise<Buffer | undefined> {
  let look: (data: Buffer) => void = () => {};
  const arrived = new Promise<Buffer>((resolve) => {
    look = (data) => isIt(data) && resolve(data);
  });
  socket.on('message', look);
  const silent = async () => {
    await act();
    await pause(SILENCE_MS);
  };
  const first = await Promise.race([arrived, silent()]);
  socket.off('message', look);
  return first ?? undefined;
}

/** In a word. */
export function told(reply: StunMessage | undefined): string {
  if (!reply) return 'no answer';
  return String(errorCodeOf(reply) ?? 'granted');
}
