import { account, opening } from '../state/session.ts';
import { Announcer } from './announcer.tsx';
import { ErrorBoundary } from './errorBoundary.tsx';
import { FullPage } from './fullPage.tsx';
import { Shell } from './shell.tsx';
import { SignUp } from './signUp.tsx';
import { Toasts } from './toasts.tsx';

function Page() {
  const state = opening.value;
  switch (state.state) {
    case 'opening':
      return (
        <main class="splash" aria-busy="true">
          <img src="/icon.svg" alt="Carillon is opening" width={88} height={88} />
        </main>
      );
    case 'failed':
      return (
        <FullPage title="Carillon could not open">
          <p>{state.words}</p>
          <button type="button" class="button primary" onClick={() => location.reload()}>
            Try again
          </button>
        </FullPage>
      );
    case 'open':
      return account.value === undefined ? <SignUp /> : <Shell />;
    default:
      return state satisfies never;
  }
}

export function App() {
  return (
    <>
      <ErrorBoundary>
        <Page />
      </ErrorBoundary>
      <Toasts />
      <Announcer />
    </>
  );
}
