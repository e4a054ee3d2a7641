import { useState } from 'preact/hooks';
import { announce } from '../state/announcer.ts';
import { openDialog } from '../state/dialog.ts';
import { carillon } from '../state/session.ts';
import { failureWords } from '../words/failure.ts';
import { CodeScanner, canScan } from './codeScanner.tsx';
import { DialogFrame } from './dialogFrame.tsx';
import { Field } from './field.tsx';

/** As a new device shows it; whether it is whole, the SDK says. */
const CODE = /^carillon:link\?\S+$/;

function Ask({ onCode }: { onCode: (code: string) => void }) {
  const [scanning, setScanning] = useState(false);
  const [text, setText] = useState('');
  const [problem, setProblem] = useState('');
  const submit = (event: Event) => {
    event.preventDefault();
    const code = text.trim();
    if (CODE.test(code)) onCode(code);
    else setProblem('That is not the code of a new device. It begins with carillon:link.');
  };
  return (
    <>
      <p>
        Open Carillon on the new device and choose <strong>Link to my main device</strong>. It shows a code.
      </p>
      {scanning && <CodeScanner onCode={(code) => CODE.test(code) && onCode(code)} />}
      {!scanning && canScan && (
        <button type="button" class="button primary wide" data-testid="scan-code" onClick={() => setScanning(true)}>
          Scan with the camera
        </button>
      )}
      <form class="form inline" onSubmit={submit} noValidate>
        <Field
          label={canScan ? 'Or paste the code' : 'Paste the code'}
          problem={problem}
          value={text}
          onText={(next) => {
            setText(next);
            setProblem('');
          }}
          autoCapitalize="none"
          autoComplete="off"
          spellcheck={false}
          data-testid="paste-code"
        />
        <button type="submit" class="button" data-testid="paste-submit">
          Next
        </button>
      </form>
    </>
  );
}

function Confirm({ code, onBack, onDone }: { code: string; onBack: () => void; onDone: () => void }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  const link = async () => {
    setBusy(true);
    try {
      await carillon().approveLink(code);
      announce('The device is being linked.');
      onDone();
    } catch (error) {
      setProblem(failureWords(error));
      setBusy(false);
    }
  };
  return (
    <>
      <p>
        <strong>This device will be able to read and send your messages</strong>, and gets those of before. Go on only
        if it is yours and in front of you. Nobody who helps you from afar needs it.
      </p>
      <p class="problem" role="alert">
        {problem}
      </p>
      <div class="acts">
        <button type="button" class="button" onClick={onBack}>
          {problem === '' ? 'Cancel' : 'Try another code'}
        </button>
        <button
          type="button"
          class="button primary"
          disabled={busy || problem !== ''}
          data-testid="confirm-link"
          onClick={() => void link()}
        >
          {busy ? 'Linking…' : 'Link it'}
        </button>
      </div>
    </>
  );
}

export function LinkDevice({ onClose }: { onClose: () => void }) {
  const [code, setCode] = useState<string>();
  const back = () => openDialog({ type: 'linked-devices' });
  return (
    <DialogFrame title={code === undefined ? 'Link a device' : 'Link this device?'} onClose={onClose} onBack={back}>
      {code === undefined ? (
        <Ask onCode={setCode} />
      ) : (
        <Confirm code={code} onBack={() => setCode(undefined)} onDone={back} />
      )}
    </DialogFrame>
  );
}
