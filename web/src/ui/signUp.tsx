import { useState } from 'preact/hooks';
import { linkInAddress } from '../state/callLinks.ts';
import { carillon } from '../state/session.ts';
import { deviceName } from '../words/deviceName.ts';
import { codeOf, failureWords } from '../words/failure.ts';
import { LinkHere } from './linkHere.tsx';
import { Logo } from './logo.tsx';
import { SignUpCode } from './signUpCode.tsx';
import { SignUpWho } from './signUpWho.tsx';

interface Begun {
  readonly registrationId: string;
  readonly handle: string;
  readonly name: string;
}

/** After these the code is of no use any more: back to the first step. */
const START_AGAIN = new Set(['registration-unknown', 'code-attempts-exhausted']);

export function SignUp() {
  const [begun, setBegun] = useState<Begun>();
  const [who, setWho] = useState({ handle: '', name: '' });
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  const [linking, setLinking] = useState(false);

  const trying = async (act: () => Promise<void>) => {
    setBusy(true);
    setProblem('');
    try {
      await act();
    } catch (error) {
      setProblem(failureWords(error));
      if (START_AGAIN.has(codeOf(error) ?? '')) setBegun(undefined);
    } finally {
      setBusy(false);
    }
  };
  const begin = (handle: string, name: string) =>
    trying(async () => {
      setWho({ handle, name });
      const { registrationId } = await carillon().beginRegistration(handle);
      setBegun({ registrationId, handle, name });
    });
  const verify = (code: string) =>
    trying(async () => {
      if (begun === undefined) return;
      const device = deviceName(navigator.userAgent);
      await carillon().finishRegistration(begun.registrationId, code, begun.name, device);
    });

  return (
    <main class="sign-up">
      <section class="sign-up-card" aria-labelledby="sign-up-title">
        {!linking && <Logo size={64} />}
        <h1 id="sign-up-title">Carillon</h1>
        {!linking && <p class="quiet">Calls and messages that only you and your friends can open.</p>}
        {linkInAddress.value !== undefined && (
          <p>
            <strong>You opened a call link.</strong> Sign up, or link this device to your account, and you can join.
          </p>
        )}
        {linking ? (
          <LinkHere onBack={() => setLinking(false)} />
        ) : begun === undefined ? (
          <>
            <SignUpWho who={who} busy={busy} problem={problem} onSubmit={begin} />
            <p class="or">or</p>
            <button type="button" class="button wide" data-testid="link-this" onClick={() => setLinking(true)}>
              Link to my main device
            </button>
          </>
        ) : (
          <SignUpCode
            handle={begun.handle}
            busy={busy}
            problem={problem}
            onSubmit={verify}
            onBack={() => {
              setProblem('');
              setBegun(undefined);
            }}
          />
        )}
      </section>
    </main>
  );
}
