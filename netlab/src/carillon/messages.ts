/** What the process of the system is told and what it answers, over IPC. */

export interface SystemWanted {
  readonly dataDir: string;
  /** Of the web app and all services but the relay; port 443. */
  readonly webAddress: string;
  /** Of the relay: 3478 for UDP and TCP, 443 for TLS; and of the sfu. */
  readonly mediaAddress: string;
  readonly webDir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly isLoud: boolean;
}

export type SystemRequest = ({ readonly do: 'start' } & SystemWanted) | { readonly do: 'stop' };

export interface SystemReply {
  readonly id: number;
  readonly failed?: string;
}
