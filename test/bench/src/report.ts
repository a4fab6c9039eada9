import { judge, median, type Result } from './figure.ts';

const words = { aim: 'reaches the aim', floor: 'above the floor', below: 'BELOW THE FLOOR', skipped: 'skipped', failed: 'FAILED' } as const;

function short(value: number): string {
  if (value >= 1000) return value.toFixed(0);
  return value.toPrecision(3);
}

/** One line a figure, then what was skipped or failed and why. 100 columns. */
export function report(results: readonly Result[]): string {
  const header = ['figure', 'ours', 'peer', 'ratio', 'floor', 'aim', ''];
  const rows = results.map((result) => {
    const { ratio, verdict } = judge(result);
    const sign = result.figure.smallerIsBetter ? '<=' : '>=';
    const { floor, aim, unit } = result.figure;
    const bounds = [`${sign} ${typeof floor === 'number' ? floor : `${floor.absolute} ${unit}`}`, `${sign} ${aim}`];
    if (verdict === 'skipped' || verdict === 'failed') return [result.figure.name, '-', '-', '-', ...bounds, words[verdict]];
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
  const reasons = results.flatMap(({ figure, skipped, failed }) =>
    skipped !== undefined ? [`skipped: ${figure.name}: ${skipped}`] : failed !== undefined ? [`failed: ${figure.name}: ${failed}`] : [],
  );
  return [line(header), ...rows.map(line), ...reasons].join('\n');
}
