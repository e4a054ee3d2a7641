import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { IconButton } from './iconButton.tsx';

interface DialogFrameProps {
  readonly title: string;
  readonly onClose: () => void;
  /** To the dialog this one was opened from. */
  readonly onBack?: () => void;
  readonly children: ComponentChildren;
  readonly class?: string;
  /** The heading stays for the screen reader only. */
  readonly bare?: boolean;
}

/** A native modal dialog: focus goes in and comes back, Escape and a press beside it close. */
export function DialogFrame({
  title,
  onClose,
  onBack,
  children,
  class: className = '',
  bare = false,
}: DialogFrameProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const dialog = ref.current;
    const before = document.activeElement;
    if (dialog?.open === false) dialog.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape, which the element itself handles, is the keyboard's way
    <dialog
      ref={ref}
      class={`dialog ${className}`}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === ref.current) onClose();
      }}
    >
      <div class="dialog-body">
        <header class={bare ? 'dialog-head bare' : 'dialog-head'}>
          {onBack !== undefined && <IconButton icon="back" label="Back" onClick={onBack} data-testid="dialog-back" />}
          <h2 id={titleId} class={bare ? 'visually-hidden' : ''}>
            {title}
          </h2>
          <IconButton icon="close" label="Close" onClick={onClose} />
        </header>
        {children}
      </div>
    </dialog>
  );
}
