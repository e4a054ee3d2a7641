// Pushes to Android devices by Firebase Cloud Messaging.
import type { PushTarget } from '../../core/messagingStore.ts';
import { fcmOutcome, fcmRequest } from '../core/fcm.ts';
import type { PushOutcome, PushRequest, PushSender, Wake } from '../core/pushSender.ts';
import { GoogleAccessToken, type ServiceAccount } from './googleAccessToken.ts';
import { Http2Client } from './http2Client.ts';
import { UNREACHABLE } from './unreachable.ts';

export interface FcmSenderOptions {
  /** https://fcm.googleapis.com */
  readonly url: string;
  readonly account: ServiceAccount;
  readonly ca?: string | undefined;
  readonly now: () => number;
}

export class FcmSender implements PushSender {
  readonly #options: FcmSenderOptions;
  readonly #client: Http2Client;
  readonly #accessToken: GoogleAccessToken;

  constructor(options: FcmSenderOptions) {
    this.#options = options;
    this.#client = new Http2Client({ origin: options.url, ca: options.ca });
    this.#accessToken = new GoogleAccessToken(options.account, options.ca, options.now);
  }

  async send(target: PushTarget, wake: Wake): Promise<PushOutcome> {
    const request = fcmRequest(this.#options.account.project_id, target.token, wake, this.#options.now());
    if (!request) return { type: 'token-gone' };
    const first = await this.#post(request, wake);
    if (first.type !== 'credentials') return first;
    const second = await this.#post(request, wake);
    return second.type === 'credentials' ? { type: 'refused', reason: 'the access token is not accepted' } : second;
  }

  async close(): Promise<void> {
    await Promise.all([this.#client.close(), this.#accessToken.close()]);
  }

  async #post(request: PushRequest, wake: Wake): Promise<ReturnType<typeof fcmOutcome>> {
    try {
      const token = await this.#accessToken.get();
      const headers = { ...request.headers, authorization: `Bearer ${token}` };
      const reply = await this.#client.post({ ...request, headers }, wake.urgent);
      const outcome = fcmOutcome(reply, this.#options.now());
      if (outcome.type === 'credentials') this.#accessToken.drop(token);
      return outcome;
    } catch {
      return UNREACHABLE;
    }
  }
}
