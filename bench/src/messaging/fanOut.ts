// One ciphertext into a group of 1,024, everybody connected: how long until the
// last device has it.
import { randomBytes, sign } from 'node:crypto';
import { create, toBinary } from '@bufbuild/protobuf';
import { bytesToBase64url, GroupChangeSchema, GroupRole, groupChangeProof } from '@carillon/protocol';
import { median } from '../statistics.ts';
import type { BenchDevice, CarillonPeer, MessagingSocket } from './carillonPeer.ts';

export const MEMBERS = 1024;
const ROUNDS = 10;

export interface FanOut {
  readonly allReachedMs: number;
  readonly deliveriesPerCpuSecond: number;
}

export async function measureFanOut(
  peer: CarillonPeer,
  devices: readonly BenchDevice[],
  sockets: readonly MessagingSocket[],
): Promise<FanOut> {
  const members = devices.slice(0, MEMBERS);
  const [sender] = sockets;
  const group = await createGroup(sender!, members);
  const tookMs: number[] = [];
  let deliveries = 0;
  const cpuBefore = peer.cpuSeconds();
  for (let round = 0; round < ROUNDS; round++) {
    let left = members.length - 1;
    const all = new Promise<void>((resolve) => {
      for (const socket of sockets.slice(1, MEMBERS)) {
        socket.onDelivered = () => {
          deliveries++;
          if (--left === 0) resolve();
        };
      }
    });
    const began = performance.now();
    await sender!.request({
      case: 'groupSend',
      value: { ...group, messageId: randomId(), ciphertext: new Uint8Array(randomBytes(1024)) },
    });
    await all;
    tookMs.push(performance.now() - began);
  }
  return {
    allReachedMs: median(tookMs),
    deliveriesPerCpuSecond: deliveries / (peer.cpuSeconds() - cpuBefore),
  };
}

async function createGroup(socket: MessagingSocket, members: readonly BenchDevice[]) {
  const groupId = `g${randomId()}`;
  const [maker] = members;
  const change = toBinary(
    GroupChangeSchema,
    create(GroupChangeSchema, {
      groupId,
      rosterRevision: 1,
      put: members.map(({ accountId }, index) => ({
        accountId,
        role: index === 0 ? GroupRole.ADMIN : GroupRole.MEMBER,
      })),
      sealedState: new Uint8Array(randomBytes(64)),
      madeAtMs: BigInt(Date.now()),
    }),
  );
  const by = { accountId: maker!.accountId, deviceId: maker!.deviceId };
  const signature = new Uint8Array(sign(null, groupChangeProof(change), maker!.identity.privateKey));
  const made = await socket.request({ case: 'createGroup', value: { change: { change, by, signature } } });
  if (made.case !== 'group') throw new Error('no group was made');
  const { rosterRevision = 0, devicesRevision = 0n } = made.value.revision ?? {};
  return { groupId, rosterRevision, devicesRevision };
}

const randomId = () => bytesToBase64url(new Uint8Array(randomBytes(16)));
