// What a call needs of the platform's WebRTC. src/browser/calls gives it by the
// browser's own, src/node/calls by a pure TypeScript one.
import type { CallId } from '@carillon/protocol';
import type { ContentChannel } from '../messaging/contentChannel.ts';
import type { Notice } from '../model.ts';
import type { Platform } from '../ports.ts';
import type { Target } from './core/ladder.ts';
import type { Joined } from './core/roster.ts';
import type { FrameKeyStore } from './frameKeys.ts';

export interface IceServer {
  readonly urls: readonly string[];
  readonly username: string;
  readonly credential: string;
}

export type Source = 'microphone' | 'camera' | 'screen';
/** The order of the media sections of a peer connection: the section's number is its place here. */
export const SOURCES: readonly Source[] = ['microphone', 'camera', 'screen'];

/** This device's microphone, camera and screen. `undefined` tracks: off. */
export interface LocalMedia {
  /** MediaStream in the browser. */
  readonly stream: unknown;
  readonly screen: unknown;
  readonly microphoneOn: boolean;
  readonly cameraOn: boolean;
  readonly screenOn: boolean;
  /** Whatever is on or off, or a track, changed. Returns the way to stop. */
  onChange(listener: () => void): () => void;
  setMicrophone(on: boolean): Promise<void>;
  /** @throws Error with words for the person */
  setCamera(on: boolean): Promise<void>;
  /** @throws Error with words for the person */
  setScreenShare(on: boolean): Promise<void>;
  setInputDevice(kind: 'audioinput' | 'videoinput', deviceId: string): Promise<void>;
  /**
   * Nothing is sent while the call is held; camera and screen are closed, and the camera opened again afterwards.
   * @throws Error with words for the person when it cannot be
   */
  setHeld(on: boolean): Promise<void>;
  close(): void;
}

export interface Description {
  readonly type: 'offer' | 'answer' | 'pranswer' | 'rollback';
  readonly sdp: string;
}

/** RTCIceCandidateInit. */
export interface Candidate {
  readonly candidate: string;
  readonly sdpMid: string | null;
  readonly sdpMLineIndex: number | null;
  readonly usernameFragment: string | null;
}

export type StatsEntry = Record<string, unknown>;

export interface PeerEvents {
  candidate(candidate: Candidate): void;
  /** An offer should be made (W3C WebRTC 1.0, section 4.7.3). */
  negotiationNeeded(): void;
  connection(state: 'connecting' | 'connected' | 'disconnected' | 'failed'): void;
  /** The other's streams, new or changed. */
  remote(streams: { readonly stream: unknown; readonly screen: unknown }): void;
}

export interface PeerOptions {
  readonly iceServers: readonly IceServer[];
  /** Only ways through TURN, until `restartIce` says otherwise. */
  readonly relayOnly: boolean;
  /** Makes the media sections; the other end takes them from the offer. */
  readonly offerer: boolean;
  readonly events: PeerEvents;
}

/** One peer connection. */
export interface Peer {
  readonly signalingState: string;
  /** No description was agreed on yet. */
  readonly isFresh: boolean;
  readonly localDescription: Description | undefined;
  /** Makes and applies the offer or answer that is due. */
  setLocalDescription(): Promise<Description>;
  /** An offer that collides with ours rolls ours back. */
  setRemoteDescription(description: Description): Promise<void>;
  addIceCandidate(candidate: Candidate): Promise<void>;
  /** What is sent from now on, without a new offer; undefined: nothing, as at first. */
  setMedia(media: LocalMedia | undefined): void;
  /** What may be sent as the link is now. Absent: this platform sends as it does. */
  limit?(target: Target): void;
  restartIce(iceServers: readonly IceServer[], relayOnly: boolean): void;
  stats(): Promise<StatsEntry[]>;
  close(): void;
}

export interface RemoteMedia {
  readonly stream: unknown;
  readonly screen: unknown;
  readonly microphoneOn: boolean;
  readonly cameraOn: boolean;
  /** The other has pictures on, and leaves them out for its link. */
  readonly videoPaused: boolean;
  readonly speaking: boolean;
}

export interface RoomEvents {
  connection(state: 'connected' | 'disconnected' | 'failed', words?: string): void;
  /** What is known of each other participant, by number. */
  remote(media: ReadonlyMap<number, RemoteMedia>): void;
  /** Frames of these participants open and play. */
  flows(numbers: ReadonlySet<number>): void;
}

export interface RoomOptions {
  readonly callId: CallId;
  readonly channel: ContentChannel;
  readonly platform: Platform;
  readonly iceServers: readonly IceServer[];
  readonly media: LocalMedia;
  readonly keys: FrameKeyStore;
  readonly events: RoomEvents;
  notice(notice: Notice): void;
  /** A ticket and the place to use it; asked again for each new connection. @throws ProtocolError */
  assignment(): Promise<{ readonly url: string; readonly ticket: string }>;
}

export interface Room {
  /** Who may be heard; others' producers wait. */
  setMembers(members: readonly Joined[]): void;
  stats(): Promise<StatsEntry[]>;
  close(): void;
}

export interface CallEngine {
  /** Whether `openMedia` will not have to ask the person first. */
  mayOpenMedia(options: { readonly video: boolean }): Promise<boolean>;
  /** @throws Error with words for the person when there is no microphone to use */
  openMedia(options: { readonly video: boolean }): Promise<LocalMedia>;
  createPeer(options: PeerOptions): Peer;
  /** Whether a connection that began relayed can look for a direct way later. */
  readonly canLiftRelay: boolean;
  /** Undefined where group calls cannot be had. */
  readonly openRoom: ((options: RoomOptions) => Room) | undefined;
  /** Calls back when the network changed under us. Returns the way to stop. */
  onNetworkChange(listener: () => void): () => void;
}
