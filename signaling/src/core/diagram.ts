// The participant's state diagram for README.md, drawn from the table.
// Run `node src/core/diagram.ts` to print it; a test holds README.md to it.
import type { ParticipantState } from './call.ts';
import { type Outcome, type ParticipantEvent, TRANSITIONS } from './transitions.ts';

/** Events that change what is kept of a participant though its state stays. */
const SPEAKING_LOOPS: ReadonlySet<string> = new Set(['ringing preconnect', 'joined update']);

/** Mermaid source, without the fence. */
export function participantDiagram(): string {
  const edges = new Map<string, string[]>();
  for (const [standing, row] of Object.entries(TRANSITIONS) as [string, Record<ParticipantEvent, Outcome>][]) {
    // A viewpoint, not a state: see transitions.ts.
    if (standing === 'joined_elsewhere') continue;
    for (const [event, outcome] of Object.entries(row)) {
      const isLoop = 'to' in outcome && outcome.to === (standing as ParticipantState);
      if ('refuse' in outcome || (isLoop && !SPEAKING_LOOPS.has(`${standing} ${event}`))) continue;
      const edge = `${standing} --> ${outcome.to}`;
      edges.set(edge, [...(edges.get(edge) ?? []), event]);
    }
  }
  const lines = [...edges].map(([edge, events]) => `  ${edge}: ${events.join(', ')}`);
  return [
    'stateDiagram-v2',
    '  [*] --> invited: create, invite',
    '  [*] --> joined: create (the caller)',
    ...lines,
  ].join('\n');
}

if (import.meta.main) console.log(participantDiagram());
