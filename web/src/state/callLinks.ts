// Call links: ours, who waits at them, and the one in the address that we knock at.
import type { CallId, CallLinkView, JoiningView, KnockView } from '@carillon/client';
import { effect, signal } from '@preact/signals';
import { attempt } from './attempt.ts';
import { carillon } from './session.ts';

export const callLinks = signal<readonly CallLinkView[] | undefined>(undefined);
export const lobby = signal<readonly KnockView[]>([]);
/** Also when it is over, until the person has read why. */
export const joining = signal<JoiningView | undefined>(undefined);

const LINK = /^#call\/./;
const inAddress = () => (LINK.test(location.hash) ? location.hash : undefined);

/** What stands behind the `#`, as far as it is meant to be a call link. */
export const linkInAddress = signal(inAddress());

export function followLinks(): void {
  addEventListener('hashchange', () => {
    linkInAddress.value = inAddress();
  });
  effect(() => {
    if (joining.value?.end === 'joined') leaveLink();
  });
}

/** Its call is accepted by itself: nothing is to ring. */
export const isLetIn = (call: CallId): boolean => joining.value?.callId === call;

export function openLink(link: string): void {
  location.hash = link.slice(link.indexOf('#'));
}

/** Out of the address, so that a reload does not knock again. */
export function leaveLink(): void {
  joining.value = undefined;
  linkInAddress.value = undefined;
  if (LINK.test(location.hash)) history.replaceState(undefined, '', location.pathname + location.search);
}

export async function loadCallLinks(): Promise<void> {
  callLinks.value = await carillon().links.list();
}

export async function admit(knock: string): Promise<void> {
  await attempt(() => carillon().links.admit(knock));
}

export async function refuse(knock: string): Promise<void> {
  await attempt(() => carillon().links.refuse(knock));
}

export function forgetCallLinks(): void {
  callLinks.value = undefined;
  lobby.value = [];
  joining.value = undefined;
}
