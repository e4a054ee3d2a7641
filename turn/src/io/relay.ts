// Allocations, their sockets and the data path, on node-turn's server: its class
// and its configuration stay; its network, authentication, codecs and
// allocations are replaced (README.md says why).
import { createSecretKey, randomBytes } from 'node:crypto';
import type { RemoteInfo, Socket } from 'node:dgram';
import type { Socket as NetSocket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import NodeTurn from 'node-turn';
import type { Family, TransportAddress } from '../core/address.ts';
import { AllocationState, type PeerPath } from '../core/allocation.ts';
import { dataIndication } from '../core/dataIndication.ts';
import { OwnHost } from '../core/ownHost.ts';
import { PeerPolicy } from '../core/peerPolicy.ts';
import { allocated, handleMessage, notAllocated, type Outcome, type RelayRules } from '../core/requests.ts';
import { SourceLimit } from '../core/sourceLimit.ts';
import { CLASS, decodeStun, type StunMessage } from '../core/stun.ts';
import { UserQuota } from '../core/userQuota.ts';
import { type Allocation, AllocationTable } from './allocationTable.ts';
import { BoundedLog } from './boundedLog.ts';
import { type ClientLink, udpLink } from './clientLink.ts';
import { ClientListeners } from './clientListeners.ts';
import { ownAddresses } from './ownAddresses.ts';
import type { RelayOptions, RelayPorts, RelayStats } from './relayOptions.ts';
import { NO_STATS } from './relayStats.ts';
import { bindInRange, isBacklogged } from './udpSocket.ts';

/** How often expired allocations are released; none lives longer than its lifetime by more than this. */
const SWEEP_MS = 5_000;
/** A call sends something every few tens of milliseconds; what was silent for so long is not cut by our end. */
const QUIET_MS = 1_000;
const DRAIN_LOOK_MS = 50;

export class Relay extends NodeTurn {
  readonly #options: RelayOptions;
  readonly #log: BoundedLog;
  readonly #rules: RelayRules;
  readonly #allocations = new AllocationTable();
  readonly #host: OwnHost;
  readonly #pending = new Set<string>();
  readonly #perUser = new Map<string, UserQuota>();
  readonly #unproven: SourceLimit;
  readonly #listeners: ClientListeners;
  #sweeper: NodeJS.Timeout | undefined;
  #draining = false;
  #stopped = false;
  #relayedAtMs = 0;
  /** Counted here; what is in use now is asked for when it is told. */
  readonly #stats: { -readonly [Name in keyof RelayStats]: number } = { ...NO_STATS };

  constructor(options: RelayOptions) {
    super({
      listeningIps: [options.listen, ...(options.ipv6 ? [options.ipv6.listen] : [])],
      listeningPort: options.port,
      relayIps: [options.listen, ...(options.ipv6 ? [options.ipv6.listen] : [])],
      externalIps: options.relayAddress ?? null,
      minPort: options.portMin,
      maxPort: options.portMax,
      realm: options.realm,
      authMech: 'long-term',
    });
    // node-turn's own handlers answer from its defective state: none of them stays.
    this.removeAllListeners();
    this.#options = options;
    this.#log = new BoundedLog(options.log);
    const policy = new PeerPolicy(options.allowPeers);
    const { hostPorts = [], adoptsStreams, portMin, portMax } = options;
    this.#host = new OwnHost({
      addresses: ownAddresses(options),
      isNamed: (address) => policy.names(address),
      isRelayed: (peer) => this.#allocations.relaying(peer) !== undefined,
      // What the other workers relay from they alone know; that they relay from this range all know.
      peerPorts: adoptsStreams ? [...hostPorts, { first: portMin, last: portMax }] : hostPorts,
    });
    this.#rules = {
      realm: options.realm,
      secrets: options.secrets,
      nonceKey: createSecretKey(randomBytes(32)),
      policy,
      host: this.#host,
      allocationsPerUserMax: options.allocationsPerUserMax,
      allocationsMax: options.allocationsMax,
      families: options.ipv6 ? ['ipv4', 'ipv6'] : ['ipv4'],
    };
    this.#unproven = new SourceLimit(options.unprovenPerSecond);
    this.#listeners = new ClientListeners(options, {
      onDatagram: (datagram, from, listener) => this.#fromDatagram(datagram, from, listener),
      onMessage: (message, link) => this.#fromStream(message, link),
      onClosed: ({ key }) => {
        // Without its connection an allocation cannot be reached any more.
        const allocation = this.#allocations.of(key);
        if (allocation) this.#release(allocation);
      },
    });
  }

  /** Resolves with the ports once it listens. @throws Error when one is taken; nothing is left listening */
  async start(): Promise<RelayPorts> {
    try {
      const ports = await this.#listeners.start();
      this.#host.listensOn(ports.udp);
      if (ports.ipv6) this.#host.listensOn(ports.ipv6.udp);
      this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
      return ports;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Makes no more allocations, waits for those in use, releases everything; resolves when the listener is closed. */
  async stop(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    const until = performance.now() + this.#options.drainMs;
    while (this.#isInUse() && performance.now() < until) await setTimeout(DRAIN_LOOK_MS);
    this.#stopped = true;
    clearInterval(this.#sweeper);
    for (const allocation of this.#allocations.all()) this.#release(allocation);
    await this.#listeners.stop();
  }

  /** A client's connection that the process before the workers accepted. */
  adopt(over: 'tcp' | 'tls', socket: NetSocket): void {
    if (this.#draining) socket.destroy();
    else this.#listeners.adopt(over, socket);
  }

  #isInUse(): boolean {
    return this.#allocations.size > 0 && this.#options.now() - this.#relayedAtMs < QUIET_MS;
  }

  get stats(): RelayStats {
    const { connections } = this.#listeners;
    return { ...this.#stats, allocations: this.#allocations.size, users: this.#perUser.size, connections };
  }

  #fromDatagram(datagram: Buffer, from: RemoteInfo, listener: Socket): void {
    const { address, port } = from;
    // A forged source port of 0 could not be answered: sending there throws.
    if (port === 0) return;
    try {
      const known = this.#live(this.#allocations.from(address, port));
      this.#fromClient(datagram, known, () => udpLink(listener, `${address}:${port}`, { address, port }));
    } catch (error) {
      this.#failed(error);
    }
  }

  #fromStream(message: Buffer, link: ClientLink): void {
    try {
      this.#fromClient(message, this.#live(this.#allocations.of(link.key)), () => link);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** An error of our own costs the packet that brought it about, not everybody's calls. */
  #failed(error: unknown): void {
    this.#stats.failedPackets++;
    // Where, and not in which words: they may have an address in them.
    const [, where = error] = /\n\s+(at .+)/.exec(error instanceof Error ? (error.stack ?? '') : '') ?? [];
    this.#log.warn('a packet could not be handled', where);
  }

  /** One message; its link is only made for what is answered, not for each packet of a call. */
  #fromClient(bytes: Buffer, allocation: Allocation | undefined, linkOf: () => ClientLink): void {
    // The first two bits tell STUN (00) from ChannelData (01) (RFC 8656 §12).
    if (bytes.length >= 4 && (bytes[0]! & 0xc0) === 0x40) {
      this.#channelData(bytes, allocation);
      return;
    }
    const message = decodeStun(bytes);
    if (!message) {
      this.#stats.refusedPackets++;
      return;
    }
    const link = allocation?.link ?? linkOf();
    const nowMs = this.#options.now();
    // Before credentials are looked at, which costs more than it costs to send them.
    if (!allocation && message.class === CLASS.request && this.#unproven.isSpent(link.from.address, nowMs)) {
      this.#stats.limitedRequests++;
      return;
    }
    const client = {
      from: link.from,
      allocation,
      allocations: this.#draining ? Number.POSITIVE_INFINITY : this.#allocations.size + this.#pending.size,
      allocationsOf: (user: string) => this.#perUser.get(user)?.allocations ?? 0,
      unixMs: this.#options.unixNow(),
    };
    const outcome = handleMessage(message, client, this.#rules, nowMs);
    this.#carryOut(outcome, message, link, allocation);
  }

  #carryOut(outcome: Outcome, message: StunMessage, link: ClientLink, allocation: Allocation | undefined): void {
    switch (outcome.do) {
      case 'nothing':
        this.#stats.refusedPackets++;
        return;
      case 'reply-unproven':
        // Who has an allocation has proved itself, whatever others send from its address.
        if (!allocation && !this.#unproven.admits(link.from.address, this.#options.now())) {
          this.#stats.limitedRequests++;
          return;
        }
        this.#reply(link, outcome.bytes);
        return;
      case 'reply':
        this.#reply(link, outcome.bytes);
        return;
      case 'release':
        this.#reply(link, outcome.bytes);
        if (allocation) this.#release(allocation);
        return;
      case 'send':
        if (allocation) this.#toPeer(allocation, outcome.data, outcome.peer, this.#options.now());
        return;
      case 'allocate':
        // A retransmission that overtakes the binding of the port is answered by the first.
        if (!this.#pending.has(link.key)) void this.#allocate(outcome, message, link);
        return;
      default:
        outcome satisfies never;
    }
  }

  #reply(link: ClientLink, bytes: Buffer): void {
    if (!link.send(bytes)) this.#stats.backlogPackets++;
  }

  async #allocate(wanted: Extract<Outcome, { do: 'allocate' }>, message: StunMessage, link: ClientLink): Promise<void> {
    const { key } = link;
    const { user, username, lifetimeSeconds, family } = wanted;
    this.#pending.add(key);
    const quota = this.#perUser.get(user) ?? new UserQuota(this.#options.userRates, this.#options.now());
    this.#perUser.set(user, quota);
    quota.allocations++;
    try {
      const socket = await this.#bindRelayed(family, wanted.evenPort);
      if (this.#stopped || !link.isOpen()) {
        quota.allocations--;
        socket.close();
        return;
      }
      const { address, port } = socket.address();
      const { ipv6, relayAddress } = this.#options;
      const relayed = { address: (family === 'ipv4' ? relayAddress : ipv6?.relayAddress) ?? address, port };
      const reply = allocated(message, { relayed, mapped: link.from, lifetimeSeconds, key: wanted.key });
      const allocation: Allocation = {
        quota,
        username,
        key: wanted.key,
        family,
        link,
        socket,
        relayed,
        transaction: message.transactionId.toString('hex'),
        reply,
        state: new AllocationState(this.#options.now() + lifetimeSeconds * 1000),
      };
      socket.on('error', () => {});
      socket.on('message', (datagram, peer) => this.#fromPeer(allocation, datagram, peer));
      this.#allocations.add(allocation);
      this.#stats.allocatedTotal++;
      link.onAllocation?.(true);
      this.#reply(link, reply);
    } catch (error) {
      quota.allocations--;
      this.#log.warn('no port to relay from', error);
      // The listener may have been closed meanwhile, and sending by it would throw.
      if (!this.#stopped) this.#reply(link, notAllocated(message, wanted.key));
    } finally {
      this.#pending.delete(key);
    }
  }

  #bindRelayed(family: Family, even: boolean): Promise<Socket> {
    const address = family === 'ipv6' ? this.#options.ipv6?.listen : this.#options.listen;
    // Which families there are is a rule that requests are checked by.
    if (address === undefined) throw new Error(`no address to relay ${family} from`);
    return bindInRange(family, address, { min: this.minPort, max: this.maxPort, even });
  }

  #channelData(datagram: Buffer, allocation: Allocation | undefined): void {
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
    if (!this.#host.permits(peer)) {
      this.#stats.refusedPackets++;
      return;
    }
    if (!this.#admits(allocation, data.length, nowMs)) return;
    if (isBacklogged(allocation.socket)) {
      this.#stats.backlogPackets++;
      return;
    }
    this.#stats.toPeerPackets++;
    this.#stats.toPeerBytes += data.length;
    this.#options.tap?.(data);
    allocation.socket.send(data, peer.port, this.#host.inside(peer));
  }

  #fromPeer(allocation: Allocation, data: Buffer, peer: TransportAddress): void {
    try {
      this.#toClient(allocation, data, peer);
    } catch (error) {
      this.#failed(error);
    }
  }

  #toClient(allocation: Allocation, data: Buffer, peer: TransportAddress): void {
    const nowMs = this.#options.now();
    const path = this.#pathFrom(allocation.state, peer, nowMs);
    const message = path?.channel === undefined ? path && dataIndication(path, data) : data;
    if (!path || !message) {
      this.#stats.refusedPackets++;
      return;
    }
    if (!this.#admits(allocation, data.length, nowMs)) return;
    this.#stats.toClientPackets++;
    this.#stats.toClientBytes += data.length;
    this.#options.tap?.(data);
    const { link } = allocation;
    const sent = path.channel === undefined ? link.sendData(message) : link.sendChannelData(path.channel, message);
    if (!sent) this.#stats.backlogPackets++;
  }

  /** Who reached us inside, as `OwnHost.inside` has our own host do, is known by its address outside. */
  #pathFrom(state: AllocationState, { address, port }: TransportAddress, nowMs: number): PeerPath | undefined {
    const path = state.pathFrom(address, port, nowMs);
    const outside = path ? undefined : this.#host.outside(address);
    return outside === undefined ? path : state.pathFrom(outside, port, nowMs);
  }

  #live(allocation: Allocation | undefined): Allocation | undefined {
    if (allocation && allocation.state.expiresAtMs <= this.#options.now()) {
      this.#release(allocation);
      return undefined;
    }
    return allocation;
  }

  #release(allocation: Allocation): void {
    this.#allocations.delete(allocation);
    allocation.socket.removeAllListeners('message');
    allocation.socket.close();
    allocation.quota.allocations--;
    allocation.link.onAllocation?.(false);
  }

  #sweep(): void {
    const nowMs = this.#options.now();
    this.#unproven.prune(nowMs);
    for (const [user, quota] of this.#perUser) if (quota.isAtRest(nowMs)) this.#perUser.delete(user);
    for (const allocation of this.#allocations.all()) {
      if (allocation.state.expiresAtMs <= nowMs) this.#release(allocation);
      else allocation.state.prune(nowMs);
    }
  }
}
