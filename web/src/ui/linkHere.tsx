import type { LinkOffer } from '@carillon/client';
import { useEffect, useRef, useState } from 'preact/hooks';
import { announce } from '../state/announcer.ts';
import { carillon } from '../state/session.ts';
import { deviceName } from '../words/deviceName.ts';
import { codeOf, failureWords } from '../words/failure.ts';
import { duration } from '../words/time.ts';
import { CopyText } from './copyText.tsx';
import { QrCode } from './qrCode.tsx';

/** A page left open would otherwise show codes for ever. */
const CODES_MAX = 5;

type Shown =
  | { readonly state: 'asking' }
  | { readonly state: 'code'; readonly offer: LinkOffer }
  | { readonly state: 'over' }
  | { readonly state: 'failed'; readonly words: string };

function Countdown({ untilMs }: { untilMs: number }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return (
    <p class="hint" role="timer">
      A new code follows in {duration(untilMs - now)}
    </p>
  );
}

/** One code after another until one is taken, or nobody seems to be there. */
function useCodes(turn: number): Shown {
  const [shown, setShown] = useState<Shown>({ state: 'asking' });
  const current = useRef<LinkOffer>(null);
  useEffect(() => {
    let gone = false;
    const run = async () => {
      for (let count = 0; count < CODES_MAX && !gone; count += 1) {
        const offer = await carillon().beginLink(deviceName(navigator.userAgent));
        if (gone) return offer.cancel();
        current.current = offer;
        setShown({ state: 'code', offer });
        if (count > 0) announce('There is a new code.');
        try {
          // Once linked, the account itself takes this screen away.
          await offer.linked;
          return;
        } catch (error) {
          if (codeOf(error) !== 'link-unknown') throw error;
        }
      }
      if (!gone) setShown({ state: 'over' });
    };
    setShown({ state: 'asking' });
    run().catch((error: unknown) => gone || setShown({ state: 'failed', words: failureWords(error) }));
    return () => {
      gone = true;
      current.current?.cancel();
    };
  }, [turn]);
  return shown;
}

/** On a device without an account: shows the code that the main device takes in. */
export function LinkHere({ onBack }: { onBack: () => void }) {
  const [turn, setTurn] = useState(0);
  const shown = useCodes(turn);
  return (
    <div class="link-here" data-testid="link-here">
      <h2>Link this device</h2>
      <ol class="steps">
        <li>Open Carillon on your main device.</li>
        <li>Press your picture, then Linked devices, then Link a device.</li>
        <li>Scan this code, or copy its text over.</li>
      </ol>
      {shown.state === 'asking' && (
        <div class="qr" aria-busy="true">
          <span class="visually-hidden">Getting a code</span>
        </div>
      )}
      {shown.state === 'code' && (
        <>
          <QrCode text={shown.offer.code} label="Code to scan with your main device" />
          <Countdown key={shown.offer.code} untilMs={shown.offer.expiresAtMs} />
          <CopyText label="The code as text" text={shown.offer.code} testId="link-code" />
        </>
      )}
      {shown.state === 'over' && <p>The code has ended.</p>}
      {shown.state === 'failed' && (
        <p class="problem" role="alert">
          {shown.words}
        </p>
      )}
      {(shown.state === 'over' || shown.state === 'failed') && (
        <button type="button" class="button primary wide" onClick={() => setTurn(turn + 1)}>
          Show a new code
        </button>
      )}
      <button type="button" class="button plain wide" onClick={onBack}>
        Back
      </button>
    </div>
  );
}
