// Which SFU node holds the next room. A port, so that a chooser which knows the
// nodes' load can take the place of the count of rooms.
export interface SfuNode {
  readonly id: string;
  /** Absolute ws(s) URL, or a path on the origin that served signaling. */
  readonly url: string;
}

export interface SfuNodes {
  readonly ids: readonly string[];
  find(id: string): SfuNode | undefined;
  /** The node for one more room; undefined when there is none. */
  choose(): SfuNode | undefined;
  assigned(id: string): void;
  released(id: string): void;
}

export class FewestRooms implements SfuNodes {
  readonly #nodes: ReadonlyMap<string, SfuNode>;
  readonly #rooms = new Map<string, number>();

  constructor(nodes: readonly SfuNode[]) {
    this.#nodes = new Map(nodes.map((node) => [node.id, node]));
  }

  get ids(): readonly string[] {
    return [...this.#nodes.keys()];
  }

  find(id: string): SfuNode | undefined {
    return this.#nodes.get(id);
  }

  choose(): SfuNode | undefined {
    let best: SfuNode | undefined;
    for (const node of this.#nodes.values()) if (!best || this.#count(node.id) < this.#count(best.id)) best = node;
    return best;
  }

  assigned(id: string): void {
    this.#rooms.set(id, this.#count(id) + 1);
  }

  released(id: string): void {
    this.#rooms.set(id, Math.max(0, this.#count(id) - 1));
  }

  #count(id: string): number {
    return this.#rooms.get(id) ?? 0;
  }
}

/** `id=url` of the configuration. */
export const SFU_NODE = /^([A-Za-z0-9_-]{1,64})=(\/\S*|wss?:\/\/\S+)$/;

export function sfuNodeOf(text: string): SfuNode {
  const [, id, url] = SFU_NODE.exec(text) ?? [];
  if (!id || !url) throw new Error(`"${text}" is not id=url`);
  return { id, url };
}
