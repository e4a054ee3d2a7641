import type { ComponentProps } from 'preact';
import { Field } from './field.tsx';

/** A handle and the @ that people put before it. */
const LENGTH_MAX = 33;

/** A field for a handle: no keyboard or browser is to change what is typed. */
export function HandleField(props: ComponentProps<typeof Field>) {
  return <Field autoCapitalize="none" autoComplete="off" spellcheck={false} maxLength={LENGTH_MAX} {...props} />;
}
