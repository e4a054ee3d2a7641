import { avatarColour, initials } from '../layout/person.ts';

export type AvatarSize = 'small' | 'medium' | 'large' | 'huge';

export interface AvatarProps {
  /** A group, too, by its own id. */
  readonly person: { readonly accountId: string; readonly name: string };
  readonly size?: AvatarSize;
}

/** Decorative: the name is always written beside it. */
export function Avatar({ person, size = 'medium' }: AvatarProps) {
  return (
    <span class={`avatar avatar-${size}`} data-colour={avatarColour(person.accountId)} aria-hidden="true">
      {initials(person.name)}
    </span>
  );
}
