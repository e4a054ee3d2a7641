// Where calls are in Redis. Calls are dealt over slots; what one step touches is
// in one slot of a cluster, so that a call, its deadline, who holds its places
// and what is said of it change together or not at all.
//
//   carillon:{cN}:CALL           hash: v version, c the call (JSON); of each device
//                                @DEVICE its seat, s:DEVICE the last sequence, b:DEVICE bytes kept; of each account
//                                n:ACCOUNT devices frames were kept for, f:ACCOUNT bytes it has relayed, e:ACCOUNT until
//                   :o:DEVICE    list: frames kept for it
//                   :q:DEVICE    it has said how good the call was
//                                and the channel of its news
//   carillon:{cN}:t              deadlines (by time)
//   carillon:{cN}:r:RUN          calls in which this run of a node has a seat
//   carillon:{sc:ACCOUNT}        calls that the account created (by time)
//   carillon:{sd:ACCOUNT}        device -> seat, the newest
//   carillon:{sn}                runs of nodes (by the end of their lease); !RUN is one that is being buried
//               :RUN             the channel of what is said to it
import { createHash } from 'node:crypto';
import { type AccountId, type Address, addressKey, type CallId, type DeviceId } from '@carillon/protocol';

/** More spread calls more evenly over a cluster; each is asked for overdue calls every second by every node. */
const SLOTS = 32;

export const slots: readonly string[] = Array.from({ length: SLOTS }, (_, i) => `carillon:{c${i}}`);
export const slotOf = (callId: CallId) => slots[createHash('sha1').update(callId).digest()[0]! % SLOTS]!;
export const callKey = (callId: CallId) => `${slotOf(callId)}:${callId}`;
export const createdKey = (accountId: AccountId) => `carillon:{sc:${accountId}}`;
export const devicesKey = (accountId: AccountId) => `carillon:{sd:${accountId}}`;
export const RUNS = 'carillon:{sn}';
export const runChannel = (run: string) => `${RUNS}:${run}`;

/** Of a seat's name, `run|number`. */
export const runOf = (seat: string) => seat.slice(0, seat.lastIndexOf('|'));

export const deviceField = addressKey;
/** @param field as `addressKey` makes it */
export function addressOf(field: string): Address {
  const split = field.lastIndexOf('.');
  return { accountId: field.slice(0, split) as AccountId, deviceId: Number(field.slice(split + 1)) as DeviceId };
}
