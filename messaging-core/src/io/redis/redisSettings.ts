// What an account has set: who may see it, whom it has blocked, where its
// devices are woken; and when it was last there.
import { type AccountId, type Address, base64urlToBytes, bytesToBase64url } from '@carillon/protocol';
import type { RedisLink } from '@carillon/service/redis';
import type { PresenceAudienceName, PrivacyRecord, PushServiceName, PushTarget } from '../../core/messagingStore.ts';
import { DROP_TARGET, SEEN, SET_BLOCKED, SET_PRIVACY, SET_TARGET } from './accountScripts.ts';
import { accountKey } from './keys.ts';
import { asBuffer } from './redisQueues.ts';

interface StoredTarget {
  readonly token: string;
  readonly p256dh?: string;
  readonly auth?: string;
}

export class RedisSettings {
  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  async seen({ accountId, deviceId }: Address, atMs: number): Promise<void> {
    await this.#link.run(SEEN, accountKey(accountId), [`${deviceId}`, `${atMs}`]);
  }

  async lastSeenMs(accountId: AccountId): Promise<number> {
    const key = accountKey(accountId);
    return Number((await this.#link.command(key, ['HGET', key, 'seen'])) ?? 0);
  }

  async privacy(accountId: AccountId): Promise<PrivacyRecord> {
    const key = accountKey(accountId);
    const [presence, digest] = (await this.#link.command(key, ['HMGET', key, 'pv', 'pd'])) as (Buffer | null)[];
    return {
      presence: (presence?.toString() ?? 'key-holders') as PresenceAudienceName,
      presenceKeyDigest: digest && digest.length > 0 ? new Uint8Array(digest) : undefined,
    };
  }

  async setPrivacy(accountId: AccountId, { presence, presenceKeyDigest }: PrivacyRecord): Promise<void> {
    const digest = presenceKeyDigest ? asBuffer(presenceKeyDigest) : '';
    await this.#link.write(SET_PRIVACY, accountKey(accountId), [presence, digest]);
  }

  async setBlocked(accountId: AccountId, other: AccountId, blocked: boolean, max: number): Promise<boolean> {
    return (await this.#link.write(SET_BLOCKED, accountKey(accountId), [other, blocked ? '1' : '0', `${max}`])) === 1;
  }

  async blocked(accountId: AccountId): Promise<readonly AccountId[]> {
    const key = `${accountKey(accountId)}:b`;
    const members = (await this.#link.command(key, ['SMEMBERS', key])) as Iterable<Buffer>;
    return [...members].map((member) => `${member}` as AccountId).sort();
  }

  async isBlocked(accountId: AccountId, by: AccountId): Promise<boolean> {
    const key = `${accountKey(by)}:b`;
    return (await this.#link.command(key, ['SISMEMBER', key, accountId])) === 1;
  }

  async setPushTarget(address: Address, service: PushServiceName, target: PushTarget | undefined): Promise<void> {
    const stored: StoredTarget | undefined = target && {
      token: target.token,
      ...(target.p256dh && { p256dh: bytesToBase64url(target.p256dh) }),
      ...(target.auth && { auth: bytesToBase64url(target.auth) }),
    };
    const args = [`${address.deviceId}`, service, stored ? JSON.stringify(stored) : ''];
    await this.#link.write(SET_TARGET, accountKey(address.accountId), args);
  }

  async pushTargets({ accountId, deviceId }: Address): Promise<readonly PushTarget[]> {
    const key = `${accountKey(accountId)}:t:${deviceId}`;
    const services = ['apns', 'apns-voip', 'fcm', 'web'] as const;
    const stored = (await this.#link.command(key, ['HMGET', key, ...services])) as (Buffer | null)[];
    return services.flatMap((service, i) => {
      const text = stored[i];
      if (!text) return [];
      const { token, p256dh, auth } = JSON.parse(`${text}`) as StoredTarget;
      const bytes = (value: string | undefined) => (value === undefined ? undefined : base64urlToBytes(value));
      return [{ service, token, p256dh: bytes(p256dh), auth: bytes(auth) }];
    });
  }

  async dropPushTarget({ accountId, deviceId }: Address, service: PushServiceName, token: string): Promise<void> {
    await this.#link.write(DROP_TARGET, accountKey(accountId), [`${deviceId}`, service, token]);
  }
}
