/** What the emulator is told and what it answers, over IPC. */
import type { LinkCounts, LinkSettings } from '../core/link.ts';

/** Both directions, as the near end (a NAT or a host) sees them. */
export interface LinkWays {
  /** Into the internet. */
  readonly up: LinkSettings;
  readonly down: LinkSettings;
}

export interface LinkReport {
  readonly up: LinkCounts;
  readonly down: LinkCounts;
}

export type EmulatorRequest =
  | { readonly do: 'open'; readonly link: number; readonly ways: LinkWays; readonly seed: number }
  | { readonly do: 'set'; readonly link: number; readonly ways: LinkWays }
  | { readonly do: 'report'; readonly link: number };

export interface EmulatorReply {
  readonly id: number;
  readonly report?: LinkReport | undefined;
  readonly failed?: string;
}

/** Names of a link's devices before they are moved to where they belong. */
export function deviceNames(link: number): { readonly near: string; readonly far: string } {
  return { near: `near${link}`, far: `far${link}` };
}
