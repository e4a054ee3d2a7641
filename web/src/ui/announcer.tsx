import { announcement } from '../state/announcer.ts';

export function Announcer() {
  return (
    <div class="visually-hidden" aria-live="polite" aria-atomic="true">
      {announcement.value}
    </div>
  );
}
