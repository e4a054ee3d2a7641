// A conversation taken off this device, message by message with what belongs to them.
import { type ConversationId, isGroupId, ProtocolError } from '@carillon/protocol';
import { forgetGroup, readGroup } from '../groups/groupRecord.ts';
import { forgetMediaKey } from '../media/mediaMessage.ts';
import type { Ledger } from '../store/ledger.ts';
import { forgetConversation } from './conversations.ts';
import { takeMessages } from './history.ts';

/** Messages of one transaction: more hold up whatever else wants the store. */
const BATCH = 200;

/** @throws ProtocolError while we are in the group */
export async function deleteConversation(ledger: Ledger, id: ConversationId): Promise<void> {
  await ledger.change(async (tx) => {
    if (isGroupId(id)) {
      if ((await readGroup(tx, id))?.joined) {
        throw new ProtocolError('invalid-request', { words: 'Leave the group before you delete it.' });
      }
      await forgetGroup(tx, id);
    }
    // First, so that what is half deleted after a crash is not shown.
    await forgetConversation(tx, id);
  });
  for (let more = true; more; ) {
    more = await ledger.change(async (tx) => {
      const taken = await takeMessages(tx, id, BATCH);
      for (const message of taken) await forgetMediaKey(tx, message.id);
      return taken.length === BATCH;
    });
  }
}
