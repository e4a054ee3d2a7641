import type { AccountId } from '@carillon/client';
import { avatarColour, initials } from '../layout/person.ts';

export interface AvatarProps {
  readonly person: { readonly accountId: AccountId; readonly name: string };
  readonly size?: 'small' | 'medium' | 'large' | 'huge';
}

/** Decorative: the name is always written beside it. */
export function Avatar({ person, size = 'medium' }: AvatarProps) {
  return (
    <span class={`avatar avatar-${size}`} data-colour={avatarColour(person.accountId)} aria-hidden="true">
      {initials(person.name)}
    </span>
  );
}
