import type { AccessTokens } from '../account/accessTokens.ts';
import type { HttpJson } from '../connection/httpJson.ts';
import type { Emitter } from '../events.ts';
import type { Account } from '../model.ts';
import type { Platform } from '../ports.ts';
import type { Ledger } from '../store/ledger.ts';

/** What it takes to move sealed blobs to and from the media service. */
export interface TransferParts {
  readonly platform: Platform;
  readonly ledger: Ledger;
  readonly emitter: Emitter;
  readonly http: HttpJson;
  readonly tokens: AccessTokens;
  readonly baseUrl: string;
  readonly account: () => Account;
  readonly isOnline: () => boolean;
}
