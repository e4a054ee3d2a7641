// A peer connection of a Node device. The media sections are those of the
// browser's (browserPeer.ts): microphone, camera, screen, in this order.
import { type MediaStreamTrack, RTCPeerConnection, type RTCRtpTransceiver, useOPUS, useVP8 } from 'werift';
import {
  type Candidate,
  type Description,
  type LocalMedia,
  type Peer,
  type PeerEvents,
  type PeerOptions,
  SOURCES,
  type StatsEntry,
} from '../../calls/engine.ts';
import type { NodeMedia } from './nodeMedia.ts';
import type { Recording } from './recording.ts';

type ConnectionState = RTCPeerConnection['connectionState'];

/** Between two requests for a key frame while a received picture has none. */
const KEY_FRAME_EVERY_MS = 2_000;

export interface NodePeerOptions extends PeerOptions {
  /** Whatever the call says. */
  readonly isAlwaysRelayed: boolean;
}

export class NodePeer implements Peer {
  readonly #pc: RTCPeerConnection;
  readonly #events: PeerEvents;
  #connection: ConnectionState = 'new';
  /** Of the restarted ICE whose checks have begun. */
  #checkedGeneration: number | undefined;
  /** What is sent: undefined while nothing is. The first to come also gets what is received. */
  #media: NodeMedia | undefined;
  #recording: Recording | undefined;
  readonly #received: { readonly transceiver: RTCRtpTransceiver; readonly track: MediaStreamTrack }[] = [];
  readonly #timers = new Set<ReturnType<typeof setInterval>>();

  constructor(options: NodePeerOptions) {
    const { events } = options;
    this.#events = events;
    const pc = new RTCPeerConnection({
      iceServers: options.iceServers.flatMap(({ urls, ...rest }) => urls.map((one) => ({ urls: one, ...rest }))),
      iceTransportPolicy: options.isAlwaysRelayed || options.relayOnly ? 'relay' : 'all',
      bundlePolicy: 'max-bundle',
      codecs: { audio: [useOPUS()], video: [useVP8()] },
      // Two devices on one machine find each other without a network.
      iceAdditionalHostAddresses: ['127.0.0.1'],
    });
    this.#pc = pc;
    pc.onIceCandidate.subscribe((candidate) => {
      if (!candidate?.candidate) return;
      const { sdpMid, sdpMLineIndex, usernameFragment } = candidate;
      events.candidate({
        candidate: candidate.candidate,
        sdpMid: sdpMid ?? null,
        sdpMLineIndex: sdpMLineIndex ?? null,
        usernameFragment: usernameFragment ?? null,
      });
    });
    pc.onNegotiationneeded.subscribe(() => events.negotiationNeeded());
    pc.connectionStateChange.subscribe(() => this.#tellConnection());
    pc.iceConnectionStateChange.subscribe(() => this.#tellConnection());
    pc.onRemoteTransceiverAdded.subscribe((transceiver) => this.#listen(transceiver));
    if (options.offerer) {
      for (const source of SOURCES) {
        const kind = source === 'microphone' ? 'audio' : 'video';
        this.#listen(pc.addTransceiver(kind, { direction: 'sendrecv' }));
      }
    }
  }

  get signalingState(): string {
    return this.#pc.signalingState;
  }

  get isFresh(): boolean {
    return this.#pc.currentRemoteDescription === null;
  }

  get localDescription(): Description | undefined {
    const description = this.#pc.localDescription;
    return description ? { type: description.type, sdp: description.sdp } : undefined;
  }

  async setLocalDescription(): Promise<Description> {
    await this.#pc.setLocalDescription();
    this.#checkAgain();
    return this.localDescription!;
  }

  async setRemoteDescription(description: Description): Promise<void> {
    await this.#pc.setRemoteDescription(description);
    this.#checkAgain();
    if (description.type !== 'offer') return;
    for (const transceiver of this.#pc.getTransceivers()) transceiver.direction = 'sendrecv';
    await this.#sendTracks();
  }

  async addIceCandidate(candidate: Candidate): Promise<void> {
    await this.#pc.addIceCandidate({
      candidate: candidate.candidate,
      ...(candidate.sdpMid === null ? {} : { sdpMid: candidate.sdpMid }),
      ...(candidate.sdpMLineIndex === null ? {} : { sdpMLineIndex: candidate.sdpMLineIndex }),
    });
  }

  setMedia(media: LocalMedia | undefined): void {
    // The engine only ever gets back the media it opened.
    this.#media = media as NodeMedia | undefined;
    if (this.#pc.connectionState === 'connected') this.#media?.play();
    void this.#sendTracks();
    if (!this.#media || this.#recording) return;
    this.#recording = this.#media.recording;
    for (const { transceiver, track } of this.#received) this.#record(transceiver, track);
  }

  restartIce(): void {
    this.#pc.restartIce();
  }

  async stats(): Promise<StatsEntry[]> {
    const report = await this.#pc.getStats();
    return [...report.values()] as unknown as StatsEntry[];
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    void this.#pc.close();
  }

  /**
   * Once DTLS is up werift takes the connection for made, and after a restart
   * begins no checks by itself (RFC 8445, section 9): without them nothing flows.
   */
  #checkAgain(): void {
    const [dtls] = this.#pc.dtlsTransports;
    if (dtls?.state !== 'connected' || this.#pc.signalingState !== 'stable') return;
    const ice = dtls.iceTransport;
    const { generation, nominated } = ice.connection;
    if (nominated || generation === this.#checkedGeneration) return;
    this.#checkedGeneration = generation;
    // A failure shows in the connection's state.
    void ice.start().then(
      () => this.#tellConnection(),
      () => {},
    );
  }

  /** For the same reason its word alone is not enough: media needs a nominated pair. */
  #tellConnection(): void {
    const { connectionState, iceTransports } = this.#pc;
    const hasWay = iceTransports.every(({ connection }) => connection.nominated !== undefined);
    const state = connectionState === 'connected' && !hasWay ? 'connecting' : connectionState;
    if (state === this.#connection) return;
    this.#connection = state;
    if (state === 'connected') this.#media?.play();
    if (state !== 'new' && state !== 'closed') this.#events.connection(state);
  }

  async #sendTracks(): Promise<void> {
    const transceivers = this.#pc.getTransceivers();
    await Promise.all(
      SOURCES.map(async (source, index) => {
        const track = this.#media?.track(source) ?? null;
        const sender = transceivers[index]?.sender;
        if (sender && (sender.track ?? null) !== track) await sender.replaceTrack(track);
      }),
    );
  }

  #listen(transceiver: RTCRtpTransceiver): void {
    transceiver.onTrack.subscribe((track: MediaStreamTrack) => {
      const source = SOURCES[this.#pc.getTransceivers().indexOf(transceiver)];
      if (source === 'screen') return;
      this.#received.push({ transceiver, track });
      if (this.#recording) this.#record(transceiver, track);
    });
  }

  #record(transceiver: RTCRtpTransceiver, track: MediaStreamTrack): void {
    this.#recording?.add(track);
    if (track.kind === 'video') this.#askForKeyFrames(transceiver, track);
  }

  /** A picture begins with a key frame; what a recording misses of it nobody sends again. */
  #askForKeyFrames(transceiver: RTCRtpTransceiver, track: MediaStreamTrack): void {
    track.onReceiveRtp.once((packet) => {
      const ask = () => void transceiver.receiver.sendRtcpPLI(packet.header.ssrc).catch(() => {});
      ask();
      this.#timers.add(setInterval(ask, KEY_FRAME_EVERY_MS));
    });
  }
}
