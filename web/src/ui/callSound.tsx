import type { CallView } from '@carillon/client';
import { asStream } from '../state/stream.ts';
import { StreamAudio } from './streamAudio.tsx';

/** What is heard, apart from what is seen: it does not stop when the screen changes or is minimised. */
export function CallSound({ call }: { call: CallView }) {
  if (call.phase === 'ended') return null;
  return (
    <>
      {call.others.map(({ contact, stream, screen }) => {
        const voice = asStream(stream);
        const shared = asStream(screen);
        return [
          voice && <StreamAudio key={`${contact.accountId} voice`} stream={voice} handle={contact.handle} />,
          shared && <StreamAudio key={`${contact.accountId} screen`} stream={shared} handle={contact.handle} />,
        ];
      })}
    </>
  );
}
