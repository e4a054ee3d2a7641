// A step that Redis runs as one: loaded once by its source, called by its digest.
import { createHash } from 'node:crypto';

export class LuaScript {
  readonly name: string;
  readonly source: string;
  readonly digest: string;

  /** @param source Its KEYS, and all it touches, share one hash tag: a cluster runs it in one slot. */
  constructor(name: string, source: string) {
    this.name = name;
    this.source = source;
    this.digest = createHash('sha1').update(source).digest('hex');
  }
}
