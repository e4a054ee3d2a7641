// Work on one thing at a time: whoever comes while it is under way waits.
export class Turns<Key> {
  readonly #last = new Map<Key, Promise<unknown>>();

  take<T>(key: Key, run: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const mine = before ? before.then(run, run) : run();
    this.#last.set(key, mine);
    const done = () => {
      if (this.#last.get(key) === mine) this.#last.delete(key);
    };
    mine.then(done, done);
    return mine;
  }
}
