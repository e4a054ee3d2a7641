// Which service is told what: the configuration that only the whole knows.
import { peerNetworks } from './lan.ts';

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

/** As its configuration bounds them. */
const SFU_WORKERS_MAX = 64;

type Environment = Record<string, string>;

export interface ServiceEnvironment {
  /** What must be so for the services to find each other, whatever else is configured. */
  readonly told: Environment;
  /** What the whole would choose: the operator's own value goes before it, an empty one too. */
  readonly proposed: Environment;
}

/** On loopback alone nothing else is opened; else every interface is. */
export function listenAddress(mediaAddress: string): string {
  return mediaAddress.startsWith('127.') ? mediaAddress : '0.0.0.0';
}

export function signalingEnvironment(wiring: Wiring, messagingUrl: string): ServiceEnvironment {
  const { mediaAddress, turnPort, turnWorkers, turnTls, turnSecret } = wiring;
  const udpPorts = turnWorkers > 1 ? `${turnPort}-${turnPort + turnWorkers - 1}` : `${turnPort}`;
  const turnUrls = [
    `turn:${mediaAddress}:${udpPorts}?transport=udp`,
    `turn:${mediaAddress}:${turnPort}?transport=tcp`,
    ...(turnTls ? [`turns:${mediaAddress}:${turnTls.port}?transport=tcp`] : []),
  ];
  return {
    told: { CARILLON_MESSAGING_URL: messagingUrl },
    proposed: {
      CARILLON_TURN_SECRET: turnSecret,
      CARILLON_ICE_STUN_URLS: `stun:${mediaAddress}:${turnPort}`,
      CARILLON_ICE_TURN_URLS: turnUrls.join(','),
    },
  };
}

export function mediaEnvironment(messagingUrl: string): ServiceEnvironment {
  return { told: { CARILLON_MESSAGING_URL: messagingUrl }, proposed: {} };
}

export function turnEnvironment({
  turnTls,
  turnPort,
  turnWorkers,
  turnSecret,
  mediaAddress,
  sfuPort,
}: Wiring): ServiceEnvironment {
  return {
    told: {
      CARILLON_TURN_PORT: String(turnPort),
      CARILLON_TURN_WORKERS: String(turnWorkers),
      ...(turnTls
        ? {
            CARILLON_TURN_TLS_PORT: String(turnTls.port),
            CARILLON_TURN_TLS_CERT: turnTls.certificate,
            CARILLON_TURN_TLS_KEY: turnTls.key,
          }
        : {}),
    },
    proposed: {
      CARILLON_TURN_SECRET: turnSecret,
      CARILLON_TURN_LISTEN: listenAddress(mediaAddress),
      CARILLON_TURN_RELAY_ADDRESS: mediaAddress,
      CARILLON_TURN_ALLOW_PEERS: peerNetworks(mediaAddress).join(','),
      // The relay reaches no other port of its own host: each worker of the SFU has the next one.
      CARILLON_TURN_HOST_PORTS: sfuPort === 0 ? '' : `${sfuPort}-${sfuPort + SFU_WORKERS_MAX - 1}`,
    },
  };
}

export function sfuEnvironment(wiring: Wiring, signalingUrl: string): ServiceEnvironment {
  return {
    told: { CARILLON_SIGNALING_URL: signalingUrl, CARILLON_SFU_RTC_PORT: String(wiring.sfuPort) },
    proposed: {
      CARILLON_SFU_LISTEN_IP: listenAddress(wiring.mediaAddress),
      CARILLON_SFU_ANNOUNCED: wiring.mediaAddress,
    },
  };
}
