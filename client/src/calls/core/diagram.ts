// A call's phases on one device, for README.md, drawn from the table of
// callMachine.ts. Run `node src/calls/core/diagram.ts` to print it; a test holds
// README.md to it.
import { TRANSITIONS } from './callMachine.ts';

/** Mermaid source, without the fence. */
export function phaseDiagram(): string {
  const edges = new Map<string, string[]>();
  for (const [phase, row] of Object.entries(TRANSITIONS)) {
    for (const [event, transition] of Object.entries(row)) {
      for (const to of (transition as { readonly to: readonly string[] }).to) {
        const edge = `${phase} --> ${to}`;
        edges.set(edge, [...(edges.get(edge) ?? []), event]);
      }
    }
  }
  // Mermaid takes a hyphen in a state's name for part of an arrow.
  const named = (edge: string) => edge.replace(/([a-z])-([a-z])/g, '$1_$2');
  return [
    'stateDiagram-v2',
    '  [*] --> starting: the person calls',
    '  [*] --> ringing_in: an invite',
    '  [*] --> reconnecting: a page loaded again',
    ...[...edges].map(([edge, events]) => `  ${named(edge)}: ${events.join(', ')}`),
  ].join('\n');
}

if (import.meta.main) console.log(phaseDiagram());
