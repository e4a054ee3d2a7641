import type { Contact } from '@carillon/client';
import { attempt } from '../state/attempt.ts';
import { carillon } from '../state/session.ts';
import { Icon } from './icon.tsx';

/** Somebody new has written: they learn nothing of the person until this is decided, or answered. */
export function RequestBanner({ contact }: { contact: Contact }) {
  return (
    <section class="identity" aria-label="Message request">
      <Icon name="shield" />
      <p>
        <strong>{contact.name} wants to write to you.</strong> Until you accept or answer, they do not see whether you
        have read this, or when you are here.
      </p>
      <div class="identity-acts">
        <button
          type="button"
          class="button small"
          data-testid="block-request"
          onClick={() => void attempt(() => carillon().block(contact.accountId))}
        >
          Block
        </button>
        <button
          type="button"
          class="button primary small"
          data-testid="accept-request"
          onClick={() => void attempt(() => carillon().acceptRequest(contact.accountId))}
        >
          Accept
        </button>
      </div>
    </section>
  );
}
