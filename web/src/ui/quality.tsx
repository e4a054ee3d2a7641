import type { NetworkQuality } from '@carillon/client';
import { qualityWords } from '../words/call.ts';

/** Three bars and, where `worded`, the same in words. */
export function Quality({ quality, worded = false }: { quality: NetworkQuality; worded?: boolean }) {
  if (quality === 0) return null;
  const words = qualityWords(quality);
  return (
    <span class={`quality quality-${quality}`} title={words} data-testid="quality" data-quality={quality}>
      <svg viewBox="0 0 18 16" width={16} height={14} aria-hidden="true">
        {[1, 2, 3].map((bar) => (
          <rect
            key={bar}
            class={bar <= quality ? 'lit' : ''}
            x={bar * 6 - 5}
            y={15 - bar * 5}
            width={4}
            height={bar * 5}
            rx={1}
          />
        ))}
      </svg>
      <span class={worded ? '' : 'visually-hidden'}>{words}</span>
    </span>
  );
}
