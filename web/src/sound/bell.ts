// A struck bell, made of its partials: hum, prime, tierce, quint, nominal and
// above, in the ratios that bell founders tune to (a minor third, the tierce,
// is what makes it a bell). Higher partials die sooner.

interface Partial {
  readonly ratio: number;
  readonly level: number;
  readonly decayS: number;
}

const PARTIALS: readonly Partial[] = [
  { ratio: 0.5, level: 0.5, decayS: 2.4 },
  { ratio: 1, level: 0.6, decayS: 1.9 },
  { ratio: 1.2, level: 0.4, decayS: 1.3 },
  { ratio: 1.5, level: 0.22, decayS: 0.9 },
  { ratio: 2, level: 0.5, decayS: 1.1 },
  { ratio: 2.67, level: 0.14, decayS: 0.5 },
  { ratio: 4.07, level: 0.08, decayS: 0.25 },
];

/** Strikes at `atS` of the context's clock; the nodes end and free themselves. */
export function strike(into: AudioNode, primeHz: number, atS: number, level: number): void {
  const context = into.context;
  for (const partial of PARTIALS) {
    const oscillator = context.createOscillator();
    const gain = context.createGain();
    oscillator.frequency.value = primeHz * partial.ratio;
    gain.gain.setValueAtTime(0.0001, atS);
    gain.gain.exponentialRampToValueAtTime(level * partial.level, atS + 0.004);
    gain.gain.exponentialRampToValueAtTime(0.0001, atS + partial.decayS);
    oscillator.connect(gain).connect(into);
    oscillator.start(atS);
    oscillator.stop(atS + partial.decayS + 0.05);
  }
}
