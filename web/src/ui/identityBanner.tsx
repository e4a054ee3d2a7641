import type { Contact } from '@carillon/client';
import { attempt } from '../state/attempt.ts';
import { dialog } from '../state/dialog.ts';
import { carillon } from '../state/session.ts';
import { Icon } from './icon.tsx';

export function IdentityBanner({ contact }: { contact: Contact }) {
  return (
    <section class="identity" aria-label="Safety number changed">
      <Icon name="shield" />
      <p>
        <strong>{contact.name}’s safety number has changed.</strong> Usually they have a new device. It could also be
        someone else: compare the number before you go on.
      </p>
      <div class="identity-acts">
        <button
          type="button"
          class="button small"
          onClick={() => {
            dialog.value = { type: 'safety-number', contact };
          }}
        >
          Compare
        </button>
        <button
          type="button"
          class="button primary small"
          data-testid="accept-identity"
          onClick={() => void attempt(() => carillon().acceptIdentity(contact.accountId))}
        >
          Accept
        </button>
      </div>
    </section>
  );
}
