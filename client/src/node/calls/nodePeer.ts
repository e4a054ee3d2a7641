// A peer connection of a Node device. The media sections are those of the
// browser's (browserPeer.ts): microphone, camera, screen, in this order.
import { type MediaStreamTrack, RTCPeerConnection, type RTCRtpTransceiver, useOPUS, useVP8 } from 'werift';
import {
  type Candidate,
  type Description,
  type Peer,
  type PeerOptions,
  SOURCES,
  type StatsEntry,
} from '../../calls/engine.ts';
import type { NodeMedia } from './nodeMedia.ts';

/** Between two requests for a key frame while a received picture has none. */
const KEY_FRAME_EVERY_MS = 2_000;

export interface NodePeerOptions extends PeerOptions {
  readonly media: NodeMedia;
  readonly relayOnly: boolean;
}

export class NodePeer implements Peer {
  readonly #pc: RTCPeerConnection;
  readonly #options: NodePeerOptions;
  readonly #timers = new Set<ReturnType<typeof setInterval>>();

  constructor(options: NodePeerOptions) {
    this.#options = options;
    const { events } = options;
    const pc = new RTCPeerConnection({
      iceServers: options.iceServers.flatMap(({ urls, ...rest }) => urls.map((one) => ({ urls: one, ...rest }))),
      iceTransportPolicy: options.relayOnly ? 'relay' : 'all',
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
    pc.connectionStateChange.subscribe((state) => {
      if (state === 'connected') options.media.play();
      if (state !== 'new' && state !== 'closed') events.connection(state);
    });
    pc.onRemoteTransceiverAdded.subscribe((transceiver) => this.#listen(transceiver));
    if (options.offerer) {
      for (const source of SOURCES) {
        const kind = source === 'microphone' ? 'audio' : 'video';
        this.#listen(pc.addTransceiver(kind, { direction: 'sendrecv' }));
      }
      void this.#sendTracks();
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
    return this.localDescription!;
  }

  async setRemoteDescription(description: Description): Promise<void> {
    await this.#pc.setRemoteDescription(description);
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

  async #sendTracks(): Promise<void> {
    const transceivers = this.#pc.getTransceivers();
    await Promise.all(
      SOURCES.map(async (source, index) => {
        const track = this.#options.media.track(source);
        const sender = transceivers[index]?.sender;
        if (sender && track && sender.track !== track) await sender.replaceTrack(track);
      }),
    );
  }

  #listen(transceiver: RTCRtpTransceiver): void {
    transceiver.onTrack.subscribe((track: MediaStreamTrack) => {
      const source = SOURCES[this.#pc.getTransceivers().indexOf(transceiver)];
      if (source === 'screen') return;
      this.#options.media.recording?.add(track);
      if (track.kind === 'video') this.#askForKeyFrames(transceiver, track);
    });
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
