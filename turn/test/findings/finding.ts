import type { Subject, SubjectOptions } from './subject.ts';

/** One thing that stock node-turn 0.0.6 gets wrong: what is done, and what each answers to it. */
export interface Finding {
  readonly name: string;
  readonly stock: string;
  readonly ours: string;
  /** A relay of its own: the probe ends it, looks at the whole of it, or needs it otherwise. */
  readonly alone?: Partial<Pick<SubjectOptions, 'bare' | 'holdsTime' | 'hosts' | 'isTaken'>>;
  readonly probe: (subject: Subject) => Promise<string>;
}
