// The SDK as the whole app sees it, and what it says about itself.
import type { Account, CarillonApi, ConnectionStatus } from '@carillon/client';
import { signal } from '@preact/signals';

export type Opening =
  | { readonly state: 'opening' }
  | { readonly state: 'open'; readonly api: CarillonApi }
  | { readonly state: 'failed'; readonly words: string };

export const opening = signal<Opening>({ state: 'opening' });
export const account = signal<Account | undefined>(undefined);
export const connection = signal<ConnectionStatus>({ state: 'connecting', words: undefined });

/** Only called from what is drawn after opening; anything else is a bug of ours. */
export function carillon(): CarillonApi {
  if (opening.value.state !== 'open') throw new Error('The SDK is not open yet.');
  return opening.value.api;
}

/** Words are English; dates follow the person's own form of it, if the browser names one. */
export const locale = navigator.languages.find((language) => language.startsWith('en')) ?? 'en-GB';
