import { historyProgress } from '../state/ownDevices.ts';
import { historyShare, historyWords } from '../words/history.ts';

/** Earlier conversations on their way from or to another device. */
export function HistoryBanner() {
  const progress = historyProgress.value;
  if (progress === undefined) return null;
  const share = historyShare(progress);
  const words = historyWords(progress);
  return (
    <div class="history" data-testid="history" data-stage={progress.stage}>
      <p>{words}</p>
      <progress aria-label={words} {...(share === undefined ? {} : { value: share })} />
    </div>
  );
}
