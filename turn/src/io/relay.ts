// The relay's sockets and data path, on node-turn's server: its configuration,
// its way of choosing relayed ports and its event vocabulary stay; its network,
// authentication, codecs and allocations are replaced (README.md says why).
import { randomBytes } from 'node:crypto';
import type { RemoteInfo, Socket } from 'node:dgram';
import { setTimeout } from 'node:timers/promises';
import NodeTurn from 'node-turn';
import type { TransportAddress } from '../core/address.ts';
import { AllocationState } from '../core/allocation.ts';
import { dataIndication } from '../core/dataIndication.ts';
import { PeerPolicy } from '../core/peerPolicy.ts';
import {
  allocated,
  handleMessage,
  type KnownAllocation,
  notAllocated,
  type Outcome,
  type RelayRules,
} from '../core/requests.ts';
import { SourceLimit } from '../core/sourceLimit.ts';
import { decodeStun, type StunMessage } from '../core/stun.ts';
import { UserQuota } from '../core/userQuota.ts';
import { type ClientLink, createUdpSocket, udpLink } from './clientLink.ts';
import type { RelayOptions, RelayPorts, RelayStats } from './relayOptions.ts';
import { StreamListener } from './streamListener.ts';

interface Allocation extends KnownAllocation {
  readonly quota: UserQuota;
  readonly link: ClientLink;
  readonly socket: Socket;
}

/** How often expired allocations are released; none lives longer than its lifetime by more than this. */
const SWEEP_MS = 5_000;
/** A call sends something every few tens of milliseconds; what was silent for so long is not cut by our end. */
const QUIET_MS = 1_000;
const DRAIN_LOOK_MS = 50;
/** Each fails half the time; one in a million requests is answered 508 without need. */
const EVEN_PORT_ATTEMPTS = 20;

export class Relay extends NodeTurn {
  readonly #options: RelayOptions;
  readonly #rules: RelayRules;
  readonly #allocations = new Map<string, Allocation>();
  readonly #pending = new Set<string>();
  readonly #perUser = new Map<string, UserQuota>();
  readonly #unproven: SourceLimit;
  readonly #listener: Socket;
  readonly #streams: { readonly tcp?: StreamListener; readonly tls?: StreamListener };
  #sweeper: NodeJS.Timeout | undefined;
  #draining = false;
  #stopped = false;
  #relayedAtMs = 0;
  #stats = {
    allocatedTotal: 0,
    toPeerPackets: 0,
    toPeerBytes: 0,
    toClientPackets: 0,
    toClientBytes: 0,
    refusedPackets: 0,
    overQuotaPackets: 0,
    backlogPackets: 0,
    limitedRequests: 0,
  };

  constructor(options: RelayOptions) {
    super({
      listeningIps: [options.listen],
      listeningPort: options.port,
      relayIps: [options.listen],
      externalIps: options.relayAddress ?? null,
      minPort: options.portMin,
      maxPort: options.portMax,
      realm: options.realm,
      authMech: 'long-term',
    });
    // node-turn's own handlers answer from its defective state: none of them stays.
    this.removeAllListeners();
    this.#options = options;
    this.#rules = {
      realm: options.realm,
      secret: options.secret,
      nonceKey: randomBytes(32),
      policy: new PeerPolicy(options.allowPeers),
      allocationsPerUserMax: options.allocationsPerUserMax,
      allocationsMax: options.allocationsMax,
    };
    this.#unproven = new SourceLimit(options.unprovenPerSecond);
    this.#listener = createUdpSocket();
    this.#listener.on('message', (datagram, from) => this.#fromDatagram(datagram, from));
    const { tcpPort, tls } = options;
    this.#streams = {
      ...(tcpPort === undefined ? {} : { tcp: this.#streamListener(tcpPort) }),
      ...(tls === undefined ? {} : { tls: this.#streamListener(tls.port, tls) }),
    };
  }

  /** Resolves with the ports once it listens. @throws Error when one is taken; nothing is left listening */
  async start(): Promise<RelayPorts> {
    try {
      const udp = await this.#listen();
      return { udp, tcp: await this.#streams.tcp?.start(), tls: await this.#streams.tls?.start() };
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  #streamListener(port: number, tls?: { cert: string | Buffer; key: string | Buffer }): StreamListener {
    return new StreamListener({
      ...{ host: this.#options.listen, port, tls },
      onMessage: (message, link) => this.#fromClient(message, link.key, () => link),
      onClosed: ({ key }) => {
        // Without its connection an allocation cannot be reached any more.
        const allocation = this.#allocations.get(key);
        if (allocation) this.#release(key, allocation);
      },
    });
  }

  #listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#listener.once('error', reject);
      this.#listener.bind(this.#options.port, this.#options.listen, () => {
        this.#listener.off('error', reject);
        // An ICMP error for one client must not end the relay for all.
        this.#listener.on('error', (error) => this.#options.log.warn('listener error', { error: error.message }));
        this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
        resolve(this.#listener.address().port);
      });
    });
  }

  /** Makes no more allocations, waits for those in use, releases everything; resolves when the listener is closed. */
  async stop(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    const until = performance.now() + this.#options.drainMs;
    while (this.#isInUse() && performance.now() < until) await setTimeout(DRAIN_LOOK_MS);
    this.#stopped = true;
    clearInterval(this.#sweeper);
    for (const [key, allocation] of this.#allocations) this.#release(key, allocation);
    await Promise.all([
      this.#streams.tcp?.stop(),
      this.#streams.tls?.stop(),
      new Promise<void>((resolve) => this.#listener.close(() => resolve())),
    ]);
  }

  #isInUse(): boolean {
    return this.#allocations.size > 0 && this.#options.now() - this.#relayedAtMs < QUIET_MS;
  }

  get stats(): RelayStats {
    const connections = (this.#streams.tcp?.connections ?? 0) + (this.#streams.tls?.connections ?? 0);
    return { allocations: this.#allocations.size, users: this.#perUser.size, connections, ...this.#stats };
  }

  #fromDatagram(datagram: Buffer, from: RemoteInfo): void {
    // A forged source port of 0 could not be answered: sending there throws.
    if (from.port === 0) return;
    const key = `${from.address}:${from.port}`;
    this.#fromClient(datagram, key, () => udpLink(this.#listener, key, { address: from.address, port: from.port }));
  }

  /** One message; its link is only made for what is answered, not for each packet of a call. */
  #fromClient(bytes: Buffer, key: string, linkOf: () => ClientLink): void {
    // The first two bits tell STUN (00) from ChannelData (01) (RFC 8656 §12).
    if (bytes.length >= 4 && (bytes[0]! & 0xc0) === 0x40) {
      this.#channelData(bytes, key);
      return;
    }
    const message = decodeStun(bytes);
    if (!message) {
      this.#stats.refusedPackets++;
      return;
    }
    const link = linkOf();
    const outcome = handleMessage(message, this.#viewOf(link), this.#rules, this.#options.now());
    this.#carryOut(outcome, message, link);
  }

  #viewOf({ from, key }: ClientLink) {
    return {
      from,
      allocation: this.#live(key),
      allocations: this.#draining ? Number.POSITIVE_INFINITY : this.#allocations.size + this.#pending.size,
      allocationsOf: (user: string) => this.#perUser.get(user)?.allocations ?? 0,
    };
  }

  #carryOut(outcome: Outcome, message: StunMessage, link: ClientLink): void {
    const { key } = link;
    switch (outcome.do) {
      case 'nothing':
        this.#stats.refusedPackets++;
        return;
      case 'reply-unproven':
        // Who has an allocation has proved itself, whatever others send from its address.
        if (!this.#allocations.has(key) && !this.#unproven.admits(link.from.address, this.#options.now())) {
          this.#stats.limitedRequests++;
          return;
        }
        link.send(outcome.bytes);
        return;
      case 'reply':
        link.send(outcome.bytes);
        return;
      case 'release': {
        link.send(outcome.bytes);
        const allocation = this.#allocations.get(key);
        if (allocation) this.#release(key, allocation);
        return;
      }
      case 'send': {
        const allocation = this.#allocations.get(key);
        if (allocation) this.#toPeer(allocation, outcome.data, outcome.peer, this.#options.now());
        return;
      }
      case 'allocate':
        // A retransmission that overtakes the binding of the port is answered by the first.
        if (!this.#pending.has(key)) void this.#allocate(outcome, message, link);
        return;
      default:
        outcome satisfies never;
    }
  }

  async #allocate(wanted: Extract<Outcome, { do: 'allocate' }>, message: StunMessage, link: ClientLink): Promise<void> {
    const { key } = link;
    const { user, username, lifetimeSeconds } = wanted;
    this.#pending.add(key);
    const quota = this.#perUser.get(user) ?? new UserQuota(this.#options.userRates, this.#options.now());
    this.#perUser.set(user, quota);
    quota.allocations++;
    try {
      const socket = await this.#bindRelayed(wanted.evenPort);
      if (this.#stopped || !link.isOpen()) {
        quota.allocations--;
        socket.close();
        return;
      }
      const { address, port } = socket.address();
      const relayed = { address: this.#options.relayAddress ?? address, port };
      const reply = allocated(message, { relayed, mapped: link.from, lifetimeSeconds, key: wanted.key });
      const allocation: Allocation = {
        quota,
        username,
        key: wanted.key,
        link,
        socket,
        transaction: message.transactionId.toString('hex'),
        reply,
        state: new AllocationState(this.#options.now() + lifetimeSeconds * 1000),
      };
      socket.on('error', () => {});
      socket.on('message', (datagram, peer) => this.#fromPeer(allocation, datagram, peer));
      this.#allocations.set(key, allocation);
      this.#stats.allocatedTotal++;
      link.onAllocation?.(true);
      link.send(reply);
    } catch (error) {
      quota.allocations--;
      this.#options.log.warn('no port to relay from', {
        error: error instanceof Error ? error.message : String(error),
      });
      link.send(notAllocated(message, wanted.key));
    } finally {
      this.#pending.delete(key);
    }
  }

  /** On a random port of the range; half of them are even. */
  async #bindRelayed(evenPort: boolean): Promise<Socket> {
    for (let attempt = 0; ; attempt++) {
      const [socket] = await this.allocate.allocateUdp({ transport: { dst: { address: this.#options.listen } } });
      if (!evenPort || socket.address().port % 2 === 0) return socket;
      socket.close();
      if (attempt === EVEN_PORT_ATTEMPTS) throw new Error('no even port');
    }
  }

  #channelData(datagram: Buffer, key: string): void {
    const allocation = this.#live(key);
    const length = datagram.readUInt16BE(2);
    const nowMs = this.#options.now();
    const channel = allocation?.state.channelByNumber(datagram.readUInt16BE(0), nowMs);
    // Over UDP padding may follow, never less than what is announced (RFC 8656 §12.5).
    if (!allocation || !channel || length > datagram.length - 4) {
      this.#stats.refusedPackets++;
      return;
    }
    this.#toPeer(allocation, datagram.subarray(4, 4 + length), channel.peer, nowMs);
  }

  #admits(allocation: Allocation, bytes: number, nowMs: number): boolean {
    this.#relayedAtMs = nowMs;
    if (allocation.quota.admits(bytes, nowMs)) return true;
    this.#stats.overQuotaPackets++;
    return false;
  }

  #toPeer(allocation: Allocation, data: Buffer, peer: TransportAddress, nowMs: number): void {
    if (!this.#admits(allocation, data.length, nowMs)) return;
    this.#stats.toPeerPackets++;
    this.#stats.toPeerBytes += data.length;
    this.#options.tap?.(data);
    allocation.socket.send(data, peer.port, peer.address);
  }

  #fromPeer(allocation: Allocation, data: Buffer, peer: RemoteInfo): void {
    const nowMs = this.#options.now();
    if (!allocation.state.isPermitted(peer.address, nowMs)) {
      this.#stats.refusedPackets++;
      return;
    }
    if (!this.#admits(allocation, data.length, nowMs)) return;
    this.#stats.toClientPackets++;
    this.#stats.toClientBytes += data.length;
    this.#options.tap?.(data);
    const channel = allocation.state.channelByPeer(peer.address, peer.port, nowMs);
    const sent = channel
      ? allocation.link.sendChannelData(channel.number, data)
      : allocation.link.sendData(dataIndication(peer, data));
    if (!sent) this.#stats.backlogPackets++;
  }

  #live(key: string): Allocation | undefined {
    const allocation = this.#allocations.get(key);
    if (allocation && allocation.state.expiresAtMs <= this.#options.now()) {
      this.#release(key, allocation);
      return undefined;
    }
    return allocation;
  }

  #release(key: string, allocation: Allocation): void {
    if (this.#allocations.get(key) === allocation) this.#allocations.delete(key);
    allocation.socket.removeAllListeners('message');
    allocation.socket.close();
    allocation.quota.allocations--;
    allocation.link.onAllocation?.(false);
  }

  #sweep(): void {
    const nowMs = this.#options.now();
    this.#unproven.prune(nowMs);
    for (const [user, quota] of this.#perUser) if (quota.isAtRest(nowMs)) this.#perUser.delete(user);
    for (const [key, allocation] of this.#allocations) {
      if (allocation.state.expiresAtMs <= nowMs) this.#release(key, allocation);
      else allocation.state.prune(nowMs);
    }
  }
}
