/** What was typed into a handle's field, as the handle it stands for; empty when nothing was. */
export const typedHandle = (typed: string): string => typed.trim().replace(/^@/, '').toLowerCase();
