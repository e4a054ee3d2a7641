// Pushes to Apple devices.
import { randomUUID } from 'node:crypto';
import type { PushTarget } from '../../core/messagingStore.ts';
import { apnsOutcome, apnsRequest } from '../core/apns.ts';
import type { PushOutcome, PushRequest, PushSender, Wake } from '../core/pushSender.ts';
import { Http2Client } from './http2Client.ts';
import { type ProviderKey, ProviderToken } from './providerToken.ts';
import { UNREACHABLE } from './unreachable.ts';

export interface ApnsSenderOptions {
  /** https://api.push.apple.com, or its sandbox. */
  readonly url: string;
  readonly bundle: string;
  readonly key: ProviderKey;
  readonly ca?: string | undefined;
  readonly now: () => number;
}

export class ApnsSender implements PushSender {
  readonly #options: ApnsSenderOptions;
  readonly #client: Http2Client;
  readonly #token: ProviderToken;

  private constructor(options: ApnsSenderOptions, token: ProviderToken) {
    this.#options = options;
    this.#token = token;
    this.#client = new Http2Client({ origin: options.url, ca: options.ca });
  }

  /** @throws Error when the key cannot be read */
  static async open(options: ApnsSenderOptions): Promise<ApnsSender> {
    const token = new ProviderToken(options.key, options.now);
    await token.check();
    return new ApnsSender(options, token);
  }

  async send(target: PushTarget, wake: Wake): Promise<PushOutcome> {
    const { bundle } = this.#options;
    const service = target.service === 'apns-voip' ? 'apns-voip' : 'apns';
    const request = apnsRequest({ deviceToken: target.token, service, bundle, wake, id: randomUUID() });
    if (!request) return { type: 'token-gone' };
    const first = await this.#post(request, wake);
    if (first.type !== 'credentials') return first;
    const second = this.#token.renew() ? await this.#post(request, wake) : first;
    return second.type === 'credentials' ? { type: 'refused', reason: 'the provider token is not accepted' } : second;
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #post(request: PushRequest, wake: Wake): Promise<ReturnType<typeof apnsOutcome>> {
    try {
      const authorization = `bearer ${await this.#token.get()}`;
      const reply = await this.#client.post(
        { ...request, headers: { ...request.headers, authorization } },
        wake.urgent,
      );
      return apnsOutcome(reply, this.#options.now());
    } catch {
      return UNREACHABLE;
    }
  }
}
