import { useRef } from 'preact/hooks';
import { squarePicture } from '../picture/square.ts';
import { attempt } from '../state/attempt.ts';
import { GROUP_PICTURE_BYTES_MAX } from '../state/limits.ts';
import { Avatar } from './avatar.tsx';
import { Icon } from './icon.tsx';
import { useObjectUrl } from './objectUrl.ts';

interface GroupPictureProps {
  readonly id: string;
  readonly name: string;
  readonly picture: Uint8Array<ArrayBuffer> | undefined;
  /** Undefined: it is only shown. */
  readonly onPicture: ((picture: Uint8Array<ArrayBuffer>) => void) | undefined;
}

export function GroupPicture({ id, name, picture, onPicture }: GroupPictureProps) {
  const input = useRef<HTMLInputElement>(null);
  const url = useObjectUrl(picture);
  const face =
    url !== undefined ? (
      <img class="avatar avatar-large" src={url} alt="" data-testid="chosen-picture" />
    ) : name.trim() === '' ? (
      <span class="avatar avatar-large blank" aria-hidden="true">
        <Icon name="people" size={34} />
      </span>
    ) : (
      <Avatar person={{ accountId: id, name }} size="large" />
    );
  if (onPicture === undefined) return face;
  return (
    <>
      <button
        type="button"
        class="picture-button"
        aria-label={picture === undefined ? 'Choose a picture for the group' : 'Change the picture'}
        title={picture === undefined ? 'Choose a picture' : 'Change the picture'}
        onClick={() => input.current?.click()}
      >
        {face}
        <span class="picture-mark">
          <Icon name="photo" size={16} />
        </span>
      </button>
      <input
        ref={input}
        type="file"
        accept="image/*"
        hidden
        aria-label="Picture of the group"
        data-testid="picture-input"
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          event.currentTarget.value = '';
          if (file !== undefined)
            void attempt(() => squarePicture(file, GROUP_PICTURE_BYTES_MAX)).then(
              (made) => made !== undefined && onPicture(made),
            );
        }}
      />
    </>
  );
}
