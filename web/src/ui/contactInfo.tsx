import type { Contact } from '@carillon/client';
import { nowMs } from '../state/clock.ts';
import { conversationOf } from '../state/conversations.ts';
import { openDialog } from '../state/dialog.ts';
import { showList } from '../state/route.ts';
import { carillon, locale } from '../state/session.ts';
import { presence } from '../state/social.ts';
import { presenceWords } from '../words/people.ts';
import { Avatar } from './avatar.tsx';
import { DialogFrame } from './dialogFrame.tsx';
import { Sure } from './sure.tsx';

export function ContactInfo({ contact, onClose }: { contact: Contact; onClose: () => void }) {
  const { accountId, name, handle } = contact;
  const blocked = conversationOf(accountId)?.blocked === true;
  const here = presenceWords(presence.value.get(accountId), nowMs.value, locale);
  return (
    <DialogFrame title={name} onClose={onClose}>
      <div class="profile-who">
        <Avatar person={contact} size="large" />
        <div>
          <p class="profile-handle">@{handle}</p>
          {here !== '' && <p class="quiet">{here}</p>}
        </div>
      </div>
      <section class="setting">
        <div>
          <h3>Safety number</h3>
          <p class="hint">Compare it to be sure that nobody stands between you.</p>
        </div>
        <button type="button" class="button small" onClick={() => openDialog({ type: 'safety-number', contact })}>
          Show
        </button>
      </section>
      {blocked ? (
        <Sure
          title="Blocked"
          hint="They cannot write to you or call you, and do not see when you are here."
          question={`What ${name} sent meanwhile does not come any more. Unblock them?`}
          act="Unblock"
          yes="Yes, unblock"
          testId="contact-block"
          onSure={() => carillon().unblock(accountId)}
        />
      ) : (
        <Sure
          title="Block"
          hint="They can no longer write to you or call you. They are not told."
          question={`What ${name} sends from now on is lost. Really block them?`}
          act="Block"
          yes="Yes, block"
          testId="contact-block"
          onSure={async () => {
            await carillon().block(accountId);
            onClose();
          }}
        />
      )}
      <Sure
        title="Delete conversation"
        hint="Its messages go from this device. Theirs stay with them."
        question="The messages cannot be brought back. Really delete them?"
        act="Delete"
        yes="Yes, delete"
        testId="contact-delete"
        onSure={async () => {
          await carillon().deleteConversation(accountId);
          onClose();
          showList();
        }}
      />
    </DialogFrame>
  );
}
