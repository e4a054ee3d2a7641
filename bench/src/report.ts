// One row a figure: what was measured, beside what, and their ratio.

export interface Row {
  readonly what: string;
  /** Median of the samples unless `how` says otherwise. */
  readonly value: number;
  readonly unit: string;
  /** What stands beside it in the same run, and its value in the same unit. */
  readonly beside?: { readonly what: string; readonly value: number };
  readonly how: string;
}

function shown(value: number): string {
  if (!Number.isFinite(value)) return '-';
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** A table of fixed columns, for people. */
export function table(rows: readonly Row[]): string {
  const cells = rows.map(({ what, value, unit, beside, how }) => [
    what,
    `${shown(value)} ${unit}`,
    beside ? `${shown(beside.value)} ${unit} (${beside.what})` : '',
    beside ? `${shown(value / beside.value)} x` : '',
    how,
  ]);
  const all = [['figure', 'Carillon', 'beside', 'ratio', 'how'], ...cells];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
