/** One at a time for each key, in the order of asking. */
export class Exclusive {
  readonly #tails = new Map<string, Promise<unknown>>();

  run<T>(key: string, job: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const result = before.then(job);
    const tail = result
      .catch(() => {})
      .then(() => {
        if (this.#tails.get(key) === tail) this.#tails.delete(key);
      });
    this.#tails.set(key, tail);
    return result;
  }

  isBusy(key: string): boolean {
    return this.#tails.has(key);
  }

  /** When everything asked for until now is over. */
  async idle(): Promise<void> {
    await Promise.all(this.#tails.values());
  }
}
