import type { CallView, RemoteParticipant } from '@carillon/client';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { fitGrid, type Room } from '../layout/grid.ts';
import { CallTile } from './callTile.tsx';
import { SelfTile } from './selfTile.tsx';

const GAP_PX = 8;

function useRoom() {
  const ref = useRef<HTMLDivElement>(null);
  const [room, setRoom] = useState<Room>({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const element = ref.current;
    if (element === null) return;
    const measure = () => setRoom({ width: element.clientWidth, height: element.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return { ref, room };
}

/** Three and more: everybody alike, as large as the screen allows. */
export function CallGrid({ call, others }: { call: CallView; others: readonly RemoteParticipant[] }) {
  const { ref, room } = useRoom();
  const grid = fitGrid(others.length + 1, room, GAP_PX);
  const style = { width: `${grid.tileWidth}px`, height: `${grid.tileHeight}px` };
  return (
    <div class="grid" ref={ref}>
      <div
        class="grid-tiles"
        style={{ 'max-width': `${grid.columns * (grid.tileWidth + GAP_PX)}px`, gap: `${GAP_PX}px` }}
      >
        {others.map((other) => (
          <CallTile key={other.contact.accountId} other={other} style={style} />
        ))}
        <SelfTile local={call.local} style={style} />
      </div>
    </div>
  );
}
