// Counters, gauges and histograms in Prometheus' text format, version 0.0.4.
// https://prometheus.io/docs/instrumenting/exposition_formats/
//
// Labels are for what has few values. An account, device or call in a label
// would make the metrics a record of who did what: the types of the callers
// keep to closed sets, and the number of series is bounded besides.

/** Of one counter. A set that is larger is no label. */
const SERIES_MAX = 100;
const NAME = /^[a-z][a-z0-9_]*$/;

export interface Histogram<Label extends string = never> {
  observe(labels: Readonly<Record<Label, string>>, value: number): void;
}

export interface Counter<Label extends string = never> {
  add(labels: Readonly<Record<Label, string>>, count?: number): void;
}

interface Family {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly name: string;
  readonly help: string;
  lines(): string[];
}

export class Metrics {
  readonly #families: Family[] = [];

  counter<Label extends string = never>(name: string, help: string, labels: readonly Label[] = []): Counter<Label> {
    const series = new Map<string, number>();
    if (labels.length === 0) series.set('', 0);
    this.#add({
      type: 'counter',
      name,
      help,
      lines: () => [...series].map(([labelled, value]) => `${name}${labelled} ${value}`),
    });
    return {
      add: (values, count = 1) => {
        const labelled = labels.length === 0 ? '' : `{${pairsOf(labels, values)}}`;
        if (!series.has(labelled) && series.size >= SERIES_MAX) return;
        series.set(labelled, (series.get(labelled) ?? 0) + count);
      },
    };
  }

  /** `bounds`: the upper bounds of its buckets, ascending; one without a bound is added. */
  histogram<Label extends string = never>(
    name: string,
    help: string,
    bounds: readonly number[],
    labels: readonly Label[] = [],
  ): Histogram<Label> {
    const series = new Map<string, { readonly counts: number[]; sum: number }>();
    const lines = ([labelled, { counts, sum }]: [string, { readonly counts: number[]; sum: number }]) => {
      const total = counts.reduce((so, count) => so + count, 0);
      let below = 0;
      const buckets = [...bounds, '+Inf'].map((bound, index) => {
        below += counts[index]!;
        return `${name}_bucket{${labelled === '' ? '' : `${labelled},`}le="${bound}"} ${below}`;
      });
      const braced = labelled === '' ? '' : `{${labelled}}`;
      return [...buckets, `${name}_sum${braced} ${sum}`, `${name}_count${braced} ${total}`];
    };
    this.#add({ type: 'histogram', name, help, lines: () => [...series].flatMap(lines) });
    return {
      observe: (values, value) => {
        const labelled = pairsOf(labels, values);
        if (!series.has(labelled) && series.size >= SERIES_MAX) return;
        const counted = series.get(labelled) ?? { counts: Array<number>(bounds.length + 1).fill(0), sum: 0 };
        const bucket = bounds.findIndex((bound) => value <= bound);
        counted.counts[bucket === -1 ? bounds.length : bucket]!++;
        counted.sum += value;
        series.set(labelled, counted);
      },
    };
  }

  /** Read when somebody looks. */
  gauge(name: string, help: string, read: () => number): void {
    this.#add({ type: 'gauge', name, help, lines: () => [`${name} ${read()}`] });
  }

  /** A counter that somebody else counts. */
  total(name: string, help: string, read: () => number): void {
    this.#add({ type: 'counter', name, help, lines: () => [`${name} ${read()}`] });
  }

  text(): string {
    return this.#families
      .map(({ type, name, help, lines }) =>
        [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines(), ''].join('\n'),
      )
      .join('');
  }

  #add(family: Family): void {
    if (!NAME.test(family.name) || this.#families.some(({ name }) => name === family.name))
      throw new Error(`${family.name} is no name for another metric`);
    this.#families.push(family);
  }
}

function pairsOf<Label extends string>(labels: readonly Label[], values: Readonly<Record<Label, string>>): string {
  return labels.map((label) => `${label}="${escaped(values[label])}"`).join(',');
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
