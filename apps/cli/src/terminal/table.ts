/** Tables that never wrap: columns that may shrink give way until the line fits. */
import { displayWidth, plain, truncate } from './text.ts';

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  readonly align?: 'left' | 'right';
  /** The column may be cut down to this width; without it, it is always shown in full (identifiers, states, numbers). */
  readonly least?: number;
}

const gap = '  ';

/** The lines of a table, without line breaks at their ends. An empty list gives no lines. */
export function tableLines<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number): string[] {
  if (rows.length === 0) return [];
  const cells = rows.map((row) => columns.map(({ value }) => plain(value(row)) || '-'));
  const widths = columns.map(({ title }, index) => Math.max(displayWidth(title), ...cells.map((line) => displayWidth(line[index] ?? ''))));
  shrink(columns, widths, width);
  const header = columns.map(({ title }) => title);
  return [header, ...cells].map((line) => lineOf(columns, widths, line));
}

/** Takes columns away from the widest that may give, one by one. */
function shrink<Row>(columns: readonly Column<Row>[], widths: number[], width: number): void {
  const total = (): number => widths.reduce((sum, one) => sum + one, 0) + gap.length * (widths.length - 1);
  while (total() > width) {
    const candidates = columns.map(({ least }, index) => (least !== undefined && (widths[index] ?? 0) > least ? (widths[index] ?? 0) : 0));
    const widest = Math.max(...candidates);
    if (widest === 0) return;
    const index = candidates.indexOf(widest);
    widths[index] = widest - 1;
  }
}

function lineOf<Row>(columns: readonly Column<Row>[], widths: readonly number[], line: readonly string[]): string {
  return columns
    .map(({ align }, index) => {
      const text = truncate(line[index] ?? '', widths[index] ?? 0);
      const padding = ' '.repeat(Math.max(0, (widths[index] ?? 0) - displayWidth(text)));
      return align === 'right' ? padding + text : text + padding;
    })
    .join(gap)
    .trimEnd();
}

/** Lines of "label  value" with the values in one column; values wider than the rest of the line are cut. */
export function factLines(facts: readonly (readonly [label: string, value: string])[], width: number): string[] {
  const labelWidth = Math.max(...facts.map(([label]) => displayWidth(label)));
  return facts.map(([label, value]) =>
    `${label.padEnd(labelWidth)}  ${truncate(plain(value), Math.max(10, width - labelWidth - 2))}`.trimEnd(),
  );
}
