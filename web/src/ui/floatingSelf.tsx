import type { CallView } from '@carillon/client';
import { useRef, useState } from 'preact/hooks';
import { SelfPicture } from './selfTile.tsx';

const CORNERS = ['bottom-right', 'bottom-left', 'top-left', 'top-right'] as const;
type Corner = (typeof CORNERS)[number];

/** Less than this is a press, not a drag. */
const DRAG_MIN_PX = 6;

function nearestCorner(x: number, y: number, room: DOMRect): Corner {
  const vertical = y < room.top + room.height / 2 ? 'top' : 'bottom';
  const horizontal = x < room.left + room.width / 2 ? 'left' : 'right';
  return `${vertical}-${horizontal}`;
}

/** One's own picture in a corner: dragged to another, or sent round by a press or Enter. */
export function FloatingSelf({ local }: { local: CallView['local'] }) {
  const ref = useRef<HTMLButtonElement>(null);
  const from = useRef<{ x: number; y: number }>(undefined);
  const dragged = useRef(false);
  const [corner, setCorner] = useState<Corner>('bottom-right');
  const [offset, setOffset] = useState<{ x: number; y: number }>();

  const onDown = (event: PointerEvent) => {
    from.current = { x: event.clientX, y: event.clientY };
    dragged.current = false;
    ref.current?.setPointerCapture(event.pointerId);
  };
  const onMove = (event: PointerEvent) => {
    if (from.current === undefined) return;
    const x = event.clientX - from.current.x;
    const y = event.clientY - from.current.y;
    if (!dragged.current && Math.hypot(x, y) < DRAG_MIN_PX) return;
    dragged.current = true;
    setOffset({ x, y });
  };
  const onUp = (event: PointerEvent) => {
    const room = ref.current?.parentElement?.getBoundingClientRect();
    if (dragged.current && room !== undefined) setCorner(nearestCorner(event.clientX, event.clientY, room));
    from.current = undefined;
    setOffset(undefined);
  };
  return (
    <button
      ref={ref}
      type="button"
      class={offset === undefined ? 'self' : 'self dragging'}
      data-corner={corner}
      aria-label="Your own picture; press to move it to another corner"
      style={{ translate: offset === undefined ? 'none' : `${offset.x}px ${offset.y}px` }}
      onPointerDown={onDown}
      onPointerMove={onMove}
      onPointerUp={onUp}
      onPointerCancel={onUp}
      onClick={() => {
        if (!dragged.current) setCorner(CORNERS[(CORNERS.indexOf(corner) + 1) % CORNERS.length]!);
      }}
    >
      <SelfPicture local={local} />
    </button>
  );
}
