/** What a probe is told and what it answers, over IPC. */

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** A datagram that came back. */
export interface Trip {
  readonly number: number;
  readonly roundTripMs: number;
  /** Of its return, since the first was sent. */
  readonly atMs: number;
}

export interface TripsWanted {
  readonly to: Endpoint;
  readonly count: number;
  readonly everyMs: number;
  /** Of UDP payload on the way there; some 25 more on the way back. */
  readonly bytes: number;
  /** For stragglers, after the last was sent. */
  readonly waitMs: number;
}

export type ProbeRequest =
  | { readonly do: 'serve'; readonly address: string; readonly port: number }
  | { readonly do: 'bind'; readonly port: number }
  | { readonly do: 'ask'; readonly port: number; readonly to: Endpoint }
  | { readonly do: 'say'; readonly port: number; readonly to: Endpoint; readonly text: string }
  | { readonly do: 'hears'; readonly port: number; readonly text: string }
  | { readonly do: 'dial'; readonly to: Endpoint }
  | ({ readonly do: 'trips' } & TripsWanted);

export interface ProbeReply {
  readonly id: number;
  readonly value?: unknown;
  readonly failed?: string;
}
