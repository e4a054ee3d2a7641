// Which service is told what: the configuration that only the whole knows.
import { localNetworks } from './lan.ts';

export interface Wiring {
  /** By which clients reach the relay and the SFU. */
  readonly mediaAddress: string;
  readonly turnPort: number;
  /** Its processes, on as many UDP ports from that on. */
  readonly turnWorkers: number;
  readonly turnTls: { readonly port: number; readonly certificate: string; readonly key: string } | undefined;
  readonly sfuPort: number;
  /** Shared by signaling and the relay. */
  readonly turnSecret: string;
}

type Environment = Record<string, string>;

/** On loopback alone nothing else is opened; else every interface is. */
export function listenAddress(mediaAddress: string): string {
  return mediaAddress.startsWith('127.') ? mediaAddress : '0.0.0.0';
}

export function signalingEnvironment(wiring: Wiring, messagingUrl: string): Environment {
  const { mediaAddress, turnPort, turnWorkers, turnTls, turnSecret } = wiring;
  const udpPorts = turnWorkers > 1 ? `${turnPort}-${turnPort + turnWorkers - 1}` : `${turnPort}`;
  const turnUrls = [
    `turn:${mediaAddress}:${udpPorts}?transport=udp`,
    `turn:${mediaAddress}:${turnPort}?transport=tcp`,
    ...(turnTls ? [`turns:${mediaAddress}:${turnTls.port}?transport=tcp`] : []),
  ];
  return {
    CARILLON_MESSAGING_URL: messagingUrl,
    CARILLON_TURN_SECRET: turnSecret,
    CARILLON_ICE_STUN_URLS: `stun:${mediaAddress}:${turnPort}`,
    CARILLON_ICE_TURN_URLS: turnUrls.join(','),
  };
}

export function mediaEnvironment(messagingUrl: string): Environment {
  return { CARILLON_MESSAGING_URL: messagingUrl };
}

export function turnEnvironment(wiring: Wiring): Environment {
  const { turnTls } = wiring;
  return {
    CARILLON_TURN_SECRET: wiring.turnSecret,
    CARILLON_TURN_LISTEN: listenAddress(wiring.mediaAddress),
    CARILLON_TURN_PORT: String(wiring.turnPort),
    CARILLON_TURN_WORKERS: String(wiring.turnWorkers),
    ...(turnTls
      ? {
          CARILLON_TURN_TLS_PORT: String(turnTls.port),
          CARILLON_TURN_TLS_CERT: turnTls.certificate,
          CARILLON_TURN_TLS_KEY: turnTls.key,
        }
      : {}),
    CARILLON_TURN_RELAY_ADDRESS: wiring.mediaAddress,
    CARILLON_TURN_ALLOW_PEERS: localNetworks().join(','),
  };
}

export function sfuEnvironment(wiring: Wiring, signalingUrl: string): Environment {
  return {
    CARILLON_SIGNALING_URL: signalingUrl,
    CARILLON_SFU_LISTEN_IP: listenAddress(wiring.mediaAddress),
    CARILLON_SFU_ANNOUNCED: wiring.mediaAddress,
    CARILLON_SFU_RTC_PORT: String(wiring.sfuPort),
  };
}
