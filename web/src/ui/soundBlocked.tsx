import { allowSound, soundBlocked } from '../state/sound.ts';

export function SoundBlocked() {
  if (!soundBlocked.value) return null;
  return (
    <div class="sound-blocked">
      <button type="button" class="button primary" onClick={() => void allowSound()}>
        Turn the sound on
      </button>
    </div>
  );
}
