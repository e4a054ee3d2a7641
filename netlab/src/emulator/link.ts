// An emulated link, as a test holds it.
import { CLEAR, type LinkSettings } from '../core/link.ts';
import type { Controlled } from '../io/controlled.ts';
import type { EmulatorReply, EmulatorRequest, LinkReport, LinkWays } from './messages.ts';

/** Of one direction, or of both where nothing else is said; what is not named is as on a clear link. */
export type LinkWanted = Partial<LinkSettings> & {
  readonly up?: Partial<LinkSettings>;
  readonly down?: Partial<LinkSettings>;
};

export type EmulatorProcess = Controlled<EmulatorRequest, EmulatorReply>;

export function waysOf({ up, down, ...both }: LinkWanted): LinkWays {
  return { up: { ...CLEAR, ...both, ...up }, down: { ...CLEAR, ...both, ...down } };
}

export class Link {
  readonly #emulator: EmulatorProcess;
  readonly #number: number;

  constructor(emulator: EmulatorProcess, number: number) {
    this.#emulator = emulator;
    this.#number = number;
  }

  /** Another link from now on, in the middle of what it carries. What is not named is clear again. */
  async set(wanted: LinkWanted): Promise<void> {
    await this.#emulator.request({ do: 'set', link: this.#number, ways: waysOf(wanted) });
  }

  async report(): Promise<LinkReport> {
    const { report } = await this.#emulator.request({ do: 'report', link: this.#number });
    if (!report) throw new Error(`no report of link ${this.#number}`);
    return report;
  }
}
