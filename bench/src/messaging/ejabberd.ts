// The peer: Debian's ejabberd, with stream management (XEP-0198), so that sends
// and deliveries are acknowledged as with us. It keeps nothing on disk for
// clients that are connected, which is to its advantage here.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { accepts, freePort } from '@carillon/service/testing';
import { ACKS_TOGETHER, CIPHERTEXT_BYTES } from './carillonPeer.ts';
import { type Client, cpuSecondsOf, type MessagingPeer, memoryBytesOf } from './peer.ts';

const STARTUP_MS = 30_000;
/** Ciphertext travels as base64 in a stanza. */
const BODY = 'A'.repeat(Math.ceil((CIPHERTEXT_BYTES * 4) / 3));

/** Undefined where ejabberd is not installed. */
export async function startEjabberd(): Promise<MessagingPeer | undefined> {
  const listed = spawnSync('dpkg-query', ['-L', 'ejabberd'], { encoding: 'utf8' });
  const ebin = listed.status === 0 && listed.stdout.split('\n').find((line) => line.endsWith('/ebin'));
  if (!ebin || spawnSync('erl', ['-version']).error) return undefined;
  const dir = mkdtempSync(path.join(tmpdir(), 'carillon-ejabberd-'));
  const port = await freePort();
  const config = path.join(dir, 'ejabberd.yml');
  writeFileSync(config, configuration(port));
  const args = ['-noinput', '+K', 'true', '+P', '250000', '-mnesia', 'dir', `"${dir}/mnesia"`, '-s', 'ejabberd'];
  const child = spawn('erl', args, {
    cwd: dir,
    env: {
      PATH: process.env.PATH,
      HOME: dir,
      ERL_LIBS: path.resolve(ebin, '../..'),
      EJABBERD_CONFIG_PATH: config,
      EJABBERD_LOG_PATH: path.join(dir, 'ejabberd.log'),
    },
    stdio: 'ignore',
  });
  const stop = async () => {
    const ended = child.exitCode === null ? once(child, 'exit') : undefined;
    child.kill('SIGKILL');
    await ended;
    rmSync(dir, { recursive: true, force: true });
  };
  const giveUpAtMs = performance.now() + STARTUP_MS;
  while (!(await accepts(port))) {
    if (performance.now() > giveUpAtMs || child.exitCode !== null) {
      await stop();
      throw new Error('ejabberd does not answer');
    }
    await sleep(100);
  }
  let connected = 0;
  const connectAll = (count: number) => Promise.all(Array.from({ length: count }, () => client(port, connected++)));
  return {
    name: 'ejabberd',
    connect: connectAll,
    prepare: async () => connectAll,
    cpuSeconds: () => cpuSecondsOf(child.pid!),
    memoryBytes: () => memoryBytesOf(child.pid!),
    stop,
  };
}

function configuration(port: number): string {
  return `hosts: ["localhost"]
loglevel: none
auth_method: [anonymous]
anonymous_protocol: login_anon
allow_multiple_connections: true
listen:
  - port: ${port}
    ip: "127.0.0.1"
    module: ejabberd_c2s
    backlog: 4096
    max_stanza_size: 262144
modules:
  mod_stream_mgmt:
    max_ack_queue: 100000
    resend_on_timeout: false
`;
}

async function client(port: number, index: number): Promise<Client> {
  const stream = new XmppStream(connect({ port, host: '127.0.0.1', noDelay: true }));
  await stream.signIn(`user${index}`);
  const to = `user${index ^ 1}@localhost/r`;
  const self: Client = {
    send: (mark) =>
      stream.write(
        `<message to='${to}' type='chat' id='${mark}'><body>${BODY}</body></message><r xmlns='urn:xmpp:sm:3'/>`,
      ),
    onAccepted: () => {},
    onDelivered: () => {},
    close: () => stream.destroy(),
  };
  let delivered = 0;
  let acknowledged = 0;
  let accepted = 0;
  stream.onStanza = (name, attributes) => {
    if (name === 'message') {
      self.onDelivered(Number(/\bid='([^']*)'/.exec(attributes)?.[1]));
      if (++delivered - acknowledged < ACKS_TOGETHER) return;
      acknowledged = delivered;
      stream.write(`<a xmlns='urn:xmpp:sm:3' h='${delivered}'/>`);
    } else if (name === 'a') {
      const handled = Number(/\bh='(\d+)'/.exec(attributes)?.[1]);
      // The presence at sign-in is counted too.
      for (; accepted < handled - 1; accepted++) self.onAccepted();
    }
  };
  return self;
}

/** As much of XMPP (RFC 6120) as a load needs; stanzas are told by name when they are whole. */
class XmppStream {
  readonly #socket: Socket;
  #text = '';
  #waiting: { readonly pattern: RegExp; readonly resolve: () => void } | undefined;
  onStanza: ((name: string, attributes: string) => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1').on('data', (text: string) => this.#onText(text));
    socket.on('error', () => {});
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  async signIn(user: string): Promise<void> {
    const open =
      "<stream:stream to='localhost' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
    await this.#say(open, /<\/stream:features>/);
    const secret = Buffer.from(`\0${user}\0x`).toString('base64');
    await this.#say(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${secret}</auth>`, /<success/);
    await this.#say(open, /<\/stream:features>/);
    const bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>r</resource></bind>";
    await this.#say(`<iq type='set' id='b'>${bind}</iq>`, /<\/iq>/);
    await this.#say("<enable xmlns='urn:xmpp:sm:3'/>", /<enabled[^>]*>/);
    this.write('<presence/>');
  }

  #say(text: string, pattern: RegExp): Promise<void> {
    this.#text = '';
    return new Promise((resolve) => {
      this.#waiting = { pattern, resolve };
      this.write(text);
    });
  }

  #onText(text: string): void {
    this.#text += text;
    if (this.#waiting) {
      if (!this.#waiting.pattern.test(this.#text)) return;
      const { resolve } = this.#waiting;
      this.#waiting = undefined;
      this.#text = '';
      resolve();
      return;
    }
    const stanza = /<(message|presence|iq|a|r)\b([^>]*?)(?:\/>|>[\s\S]*?<\/\1>)/g;
    let end = 0;
    for (let match = stanza.exec(this.#text); match; match = stanza.exec(this.#text)) {
      end = stanza.lastIndex;
      this.onStanza?.(match[1]!, match[2]!);
    }
    this.#text = this.#text.slice(end);
  }
}
