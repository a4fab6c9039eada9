import { judge, median, type Result } from './figure.ts';

const words = { aim: 'reaches the aim', floor: 'above the floor', below: 'BELOW THE FLOOR', skipped: 'skipped' } as const;

function short(value: number): string {
  if (value >= 1000) return value.toFixed(0);
  return value.toPrecision(3);
}

/** One line a figure, then what was skipped and why. 100 columns. */
export function report(results: readonly Result[]): string {
  const header = ['figure', 'ours', 'peer', 'ratio', 'floor', 'aim', ''];
  const rows = results.map((result) => {
    const { ratio, verdict } = judge(result);
    const sign = result.figure.smallerIsBetter ? '<=' : '>=';
    const { floor, aim, unit } = result.figure;
    const bounds = [`${sign} ${typeof floor === 'number' ? floor : `${floor.absolute} ${unit}`}`, `${sign} ${aim}`];
    if (verdict === 'skipped') return [result.figure.name, '-', '-', '-', ...bounds, words.skipped];
    return [
      result.figure.name,
      `${short(median(result.ours))} ${unit}`,
      `${short(median(result.peer))} ${unit}`,
      ratio.toPrecision(3),
      ...bounds,
      words[verdict],
    ];
  });
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  const skipped = results.flatMap((result) => (result.skipped === undefined ? [] : [`skipped: ${result.figure.name}: ${result.skipped}`]));
  return [line(header), ...rows.map(line), ...skipped].join('\n');
}
