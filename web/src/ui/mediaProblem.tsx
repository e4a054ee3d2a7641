import { Icon } from './icon.tsx';

export function MediaProblem({ words, onAgain }: { words: string; onAgain: () => void }) {
  return (
    <div class="media-problem" role="alert" data-testid="media-problem">
      <Icon name="alert" size={18} />
      <span>{words}</span>
      <button type="button" class="link" onClick={onAgain}>
        Try again
      </button>
    </div>
  );
}
