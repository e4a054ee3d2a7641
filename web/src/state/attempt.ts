import { failureWords } from '../words/failure.ts';
import { notify } from './notices.ts';

/** For acts started by a press: what fails is said in words, and goes no further. */
export async function attempt<T>(act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    notify(failureWords(error), 'problem');
    return undefined;
  }
}
