import { notSignedIn } from '../account/profile.ts';
import type { CallLinksApi } from '../api.ts';

const refuse = () => Promise.reject(notSignedIn());

/** Call links while nobody is signed in. */
export const noLinks: CallLinksApi = {
  list: refuse,
  create: refuse,
  change: refuse,
  revoke: refuse,
  lobby: [],
  admit: refuse,
  refuse,
  read: refuse,
  joining: undefined,
  join: refuse,
  cancel: async () => {},
};
