import type { Ledger } from '../store/ledger.ts';

/** The server keeps what is unacknowledged for 30 days: what is older cannot come again. */
const REMEMBER_MS = 60 * 24 * 60 * 60_000;
const BATCH = 500;

/** Forgets message ids seen so long ago that they cannot be delivered again. */
export async function forgetOldReceived(ledger: Ledger, nowMs: number): Promise<void> {
  let from = '';
  for (;;) {
    const next = await ledger.change(async (tx) => {
      const rows = await tx.list<number>('received', { from, limit: BATCH });
      for (const { key, value } of rows) if (nowMs - value > REMEMBER_MS) await tx.delete('received', key);
      return rows.length < BATCH ? undefined : `${rows.at(-1)!.key}\u0000`;
    });
    if (next === undefined) return;
    from = next;
  }
}
