// A peer connection of the browser. Its media sections are fixed: microphone,
// camera, screen, in this order, made by the offerer and empty while their
// source is off. So turning one on or off is a replaceTrack and needs no new
// offer, and which picture is which needs no telling.

import type { Target } from '../../calls/core/ladder.ts';
import { SENDING } from '../../calls/core/readings.ts';
import {
  type Description,
  type LocalMedia,
  type Peer,
  type PeerOptions,
  SOURCES,
  type StatsEntry,
} from '../../calls/engine.ts';
import type { BrowserMedia } from './browserMedia.ts';
import { announceOpus, preferRedundancy } from './codecs.ts';
import { PICTURE_BPS_MAX, SenderLimits } from './senders.ts';

export class BrowserPeer implements Peer {
  readonly #pc: RTCPeerConnection;
  readonly #options: PeerOptions;
  readonly #policy: RTCIceTransportPolicy;
  readonly #limits: SenderLimits;
  #media: BrowserMedia | undefined;
  #stopMedia = () => {};
  readonly #stream = new MediaStream();
  readonly #screen = new MediaStream();

  /** `policy` is the person's; a call may be stricter. */
  constructor(options: PeerOptions, policy: RTCIceTransportPolicy) {
    this.#options = options;
    this.#policy = policy;
    const pc = new RTCPeerConnection({
      iceServers: options.iceServers.map(({ urls, ...rest }) => ({ urls: [...urls], ...rest })),
      iceTransportPolicy: options.relayOnly ? 'relay' : policy,
      bundlePolicy: 'max-bundle',
    });
    this.#pc = pc;
    this.#limits = new SenderLimits(pc);
    const { events } = options;
    pc.onicecandidate = ({ candidate }) => {
      if (!candidate?.candidate) return;
      const { sdpMid, sdpMLineIndex, usernameFragment } = candidate;
      events.candidate({ candidate: candidate.candidate, sdpMid, sdpMLineIndex, usernameFragment });
    };
    pc.onnegotiationneeded = () => events.negotiationNeeded();
    pc.onconnectionstatechange = () => {
      const state = pc.connectionState;
      if (state !== 'new' && state !== 'closed') events.connection(state);
    };
    pc.ontrack = ({ track, transceiver }) => this.#onTrack(track, transceiver);
    if (options.offerer) for (const source of SOURCES) this.#addSection(source);
  }

  get signalingState(): string {
    return this.#pc.signalingState;
  }

  get isFresh(): boolean {
    return this.#pc.currentRemoteDescription === null;
  }

  get localDescription(): Description | undefined {
    const description = this.#pc.localDescription;
    return description ? { type: description.type, sdp: announceOpus(description.sdp) } : undefined;
  }

  async setLocalDescription(): Promise<Description> {
    await this.#pc.setLocalDescription();
    return this.localDescription!;
  }

  async setRemoteDescription(description: Description): Promise<void> {
    await this.#pc.setRemoteDescription(description);
    if (description.type !== 'offer') return;
    const [microphone] = this.#pc.getTransceivers();
    if (microphone) preferRedundancy(microphone);
    for (const transceiver of this.#pc.getTransceivers()) {
      if (transceiver.direction !== 'stopped') transceiver.direction = 'sendrecv';
    }
    await this.#sendTracks();
  }

  async addIceCandidate(candidate: RTCIceCandidateInit): Promise<void> {
    await this.#pc.addIceCandidate(candidate);
  }

  setMedia(media: LocalMedia | undefined): void {
    this.#stopMedia();
    // The engine only ever gets back the media it opened.
    this.#media = media as BrowserMedia | undefined;
    this.#stopMedia = media?.onChange(() => void this.#sendTracks()) ?? (() => {});
    void this.#sendTracks();
  }

  restartIce(iceServers: PeerOptions['iceServers'], relayOnly: boolean): void {
    // Credentials of the first servers may be over by now.
    const configuration = this.#pc.getConfiguration();
    this.#pc.setConfiguration({
      ...configuration,
      iceTransportPolicy: relayOnly ? 'relay' : this.#policy,
      iceServers: iceServers.map(({ urls, ...rest }) => ({ urls: [...urls], ...rest })),
    });
    this.#pc.restartIce();
  }

  limit(target: Target): void {
    void this.#limits.apply(target);
  }

  async stats(): Promise<StatsEntry[]> {
    const entries: StatsEntry[] = [{ id: SENDING, type: SENDING, redundant: this.#limits.redundant }];
    (await this.#pc.getStats()).forEach((entry) => {
      entries.push(entry as StatsEntry);
    });
    return entries;
  }

  close(): void {
    this.#stopMedia();
    this.#pc.close();
  }

  #addSection(source: (typeof SOURCES)[number]): void {
    if (source === 'microphone') preferRedundancy(this.#pc.addTransceiver('audio', { direction: 'sendrecv' }));
    else {
      const sendEncodings = [{ maxBitrate: PICTURE_BPS_MAX[source] }];
      this.#pc.addTransceiver('video', { direction: 'sendrecv', sendEncodings });
    }
  }

  async #sendTracks(): Promise<void> {
    const transceivers = this.#pc.getTransceivers();
    await Promise.all(
      SOURCES.map(async (source, index) => {
        const sender = transceivers[index]?.sender;
        const track = this.#media?.track(source) ?? null;
        if (sender && sender.track !== track) await sender.replaceTrack(track);
      }),
    );
  }

  #onTrack(track: MediaStreamTrack, transceiver: RTCRtpTransceiver): void {
    const source = SOURCES[this.#pc.getTransceivers().indexOf(transceiver)];
    (source === 'screen' ? this.#screen : this.#stream).addTrack(track);
    this.#options.events.remote({ stream: this.#stream, screen: this.#screen });
  }
}
