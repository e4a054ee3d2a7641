import { linkParts } from '../words/links.ts';

/** Up to three emoji and nothing else are drawn large. */
const ONLY_EMOJI = /^(?:\p{RGI_Emoji}\s*){1,3}$/v;

export function TextBody({ text }: { text: string }) {
  return (
    <p class={ONLY_EMOJI.test(text) ? 'text large' : 'text'} dir="auto">
      {linkParts(text).map((part, index) =>
        part.href === undefined ? (
          part.text
        ) : (
          <a key={index} href={part.href} target="_blank" rel="noopener noreferrer">
            {part.text}
          </a>
        ),
      )}
    </p>
  );
}
