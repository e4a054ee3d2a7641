import { useEffect, useRef } from 'preact/hooks';
import { dismiss, toasts } from '../state/notices.ts';
import { Icon } from './icon.tsx';
import { IconButton } from './iconButton.tsx';

/**
 * A popover, so that words are seen above an open modal dialog too; open from
 * the start, because a live region that was hidden is not read out.
 */
export function Toasts() {
  const ref = useRef<HTMLDivElement>(null);
  const shown = toasts.value;
  useEffect(() => {
    const layer = ref.current;
    if (layer === null || typeof layer.showPopover !== 'function') return;
    if (layer.matches(':popover-open') && shown.length === 0) return;
    // Hidden and shown again: whatever was opened last is on top.
    if (layer.matches(':popover-open')) layer.hidePopover();
    layer.showPopover();
  }, [shown]);
  return (
    <div ref={ref} class="toasts" role="status" popover="manual">
      {shown.map((toast) => (
        <div key={toast.id} class={`toast toast-${toast.tone}`} data-testid="notice">
          <Icon name={toast.tone === 'problem' ? 'alert' : 'bell'} size={20} />
          <p>{toast.words}</p>
          <IconButton icon="close" label="Dismiss" iconSize={16} onClick={() => dismiss(toast.id)} />
        </div>
      ))}
    </div>
  );
}
