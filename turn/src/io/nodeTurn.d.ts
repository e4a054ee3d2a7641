// The part of node-turn 0.0.6 (which has no types) that the relay stands on.
declare module 'node-turn' {
  import type { EventEmitter } from 'node:events';

  interface NodeTurnConfig {
    readonly listeningIps?: readonly string[];
    readonly listeningPort?: number;
    readonly relayIps?: readonly string[];
    readonly externalIps?: string | null;
    readonly minPort?: number;
    readonly maxPort?: number;
    readonly realm?: string;
    readonly authMech?: 'none' | 'long-term';
    readonly defaultAllocatetLifetime?: number;
    readonly maxAllocateLifetime?: number;
    readonly log?: (line: unknown) => void;
  }

  class NodeTurn extends EventEmitter {
    constructor(config: NodeTurnConfig);
    listeningIps: string[];
    listeningPort: number;
    relayIps: string[];
    externalIps: string | null;
    minPort: number;
    maxPort: number;
    realm: string;
  }
  export = NodeTurn;
}
