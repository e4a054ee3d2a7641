import type { Message } from '@carillon/client';
import { tickOf } from '../words/ticks.ts';
import { Icon } from './icon.tsx';

export function Ticks({ message }: { message: Message }) {
  const tick = tickOf(message);
  if (tick === undefined) return null;
  return (
    <span
      class={`ticks ticks-${tick.icon}${tick.accent ? ' accent' : ''}`}
      role="img"
      aria-label={tick.label}
      title={tick.label}
    >
      <Icon name={tick.icon} size={16} />
    </span>
  );
}
