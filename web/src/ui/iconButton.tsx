import type { ButtonHTMLAttributes } from 'preact';
import { Icon, type IconName } from './icon.tsx';

interface IconButtonProps extends Omit<ButtonHTMLAttributes, 'icon' | 'label' | 'size'> {
  readonly icon: IconName;
  /** The button's name, for the screen reader and as a tooltip. */
  readonly label: string;
  readonly tone?: 'plain' | 'accent' | 'danger' | 'call' | 'go';
  readonly pressed?: boolean | undefined;
  readonly iconSize?: number;
}

export function IconButton({ icon, label, tone = 'plain', pressed, iconSize = 22, ...rest }: IconButtonProps) {
  return (
    <button
      type="button"
      class={`icon-button tone-${tone}`}
      aria-label={label}
      title={label}
      aria-pressed={pressed}
      {...rest}
    >
      <Icon name={icon} size={iconSize} />
    </button>
  );
}
