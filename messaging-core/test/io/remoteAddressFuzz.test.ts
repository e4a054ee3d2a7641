// X-Forwarded-For as anybody may write it.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import fc from 'fast-check';
import { remoteAddress } from '../../src/io/remoteAddress.ts';

/** A seed that failed may be given to run it again. */
const SEED = Number(process.env.CARILLON_FUZZ_SEED ?? randomInt(2 ** 31));
const RUNS = { seed: SEED, numRuns: 2_000 };
const PROXY = '2001:db8:ffff::1';

const from = (remote: string, forwarded: string | string[]): IncomingMessage =>
  ({ socket: { remoteAddress: remote }, headers: { 'x-forwarded-for': forwarded } }) as unknown as IncomingMessage;

/** An address in any of the forms that RFC 4291 §2.2 allows, and what it is limited by. */
const ipv4 = fc.ipV4().filter((text) => !text.startsWith('127.'));
const ipv6 = fc
  .record({
    groups: fc.array(fc.oneof(fc.constant(0), fc.nat({ max: 0xffff })), { minLength: 8, maxLength: 8 }),
    long: fc.boolean(),
    upper: fc.boolean(),
    dotted: fc.boolean(),
    compressed: fc.boolean(),
    zone: fc.boolean(),
  })
  // Those of IPv4, and the loopback, are something else.
  .filter(({ groups }) => groups.slice(0, 5).some((group) => group !== 0))
  .map(({ groups, long, upper, dotted, compressed, zone }) => {
    const parts = groups.map((group) => group.toString(16).padStart(long ? 4 : 1, '0'));
    const [high, low] = [groups[6]!, groups[7]!];
    if (dotted) parts.splice(6, 2, [high >> 8, high & 255, low >> 8, low & 255].join('.'));
    const firstZero = groups.slice(0, 6).indexOf(0);
    let text = parts.join(':');
    if (compressed && firstZero >= 0) {
      const [before, after] = [parts.slice(0, firstZero), parts.slice(firstZero + 1)];
      text = `${before.join(':')}::${after.join(':')}`;
    }
    if (upper) text = text.toUpperCase();
    return {
      text: zone ? `${text}%eth0` : text,
      key: groups
        .slice(0, 4)
        .map((group) => group.toString(16))
        .join(':'),
    };
  });
const someone = fc.oneof(
  ipv6,
  ipv4.map((text) => ({ text, key: text })),
  ipv4.map((text) => ({ text: `::FFFF:${text}`, key: text })),
);
const junk = fc.oneof(fc.string({ maxLength: 60 }), fc.stringMatching(/^[0-9a-f:.,%[\] ]{0,60}$/));

test(`whatever the header says, whoever is no proxy is limited by their own address (CARILLON_FUZZ_SEED=${SEED})`, () => {
  fc.assert(
    fc.property(someone, fc.oneof(junk, fc.array(junk, { maxLength: 5 })), ({ text, key }, header) => {
      assert.equal(remoteAddress(from(text, header), [PROXY]), key);
    }),
    RUNS,
  );
});

test(`behind a proxy the last word counts, in whatever form, and nothing before it (CARILLON_FUZZ_SEED=${SEED})`, () => {
  const proxies = fc.constantFrom('127.0.0.1', '::1', '::ffff:127.0.0.9', PROXY, '2001:DB8:ffff:0::1');
  fc.assert(
    fc.property(proxies, junk, someone, (proxy, before, { text, key }) => {
      assert.equal(remoteAddress(from(proxy, `${before}, ${text}`), [PROXY]), key);
    }),
    RUNS,
  );
});

test(`a proxy that says nothing readable speaks for itself, and nothing throws (CARILLON_FUZZ_SEED=${SEED})`, () => {
  fc.assert(
    fc.property(fc.oneof(fc.constant('127.0.0.1'), junk), junk, (remote, header) => {
      assert.equal(typeof remoteAddress(from(remote, header), [PROXY]), 'string');
      assert.equal(remoteAddress(from('127.0.0.1', `${header}, no address`), []), '127.0.0.1');
    }),
    RUNS,
  );
});
