/** A report: one HTML file that needs nothing else to be read, made of plots and tables. */
import { escape } from '../terminal/markup.ts';
import { short } from './charts.ts';

const style = `
body{font:15px/1.5 system-ui,sans-serif;max-width:1000px;margin:32px auto;padding:0 16px;color:#1c1c1c}
h1{font-size:26px}h2{font-size:19px;margin-top:36px}table{border-collapse:collapse;margin:12px 0;display:block;overflow-x:auto;font-size:14px}
th,td{padding:4px 9px;border-bottom:1px solid #ddd;text-align:right}th:first-child,td:first-child{text-align:left}td{white-space:nowrap}
.paper{color:#666;font-style:italic}svg{width:100%;height:auto;font:12px system-ui,sans-serif}.grid{stroke:#e4e4e4}.small{font-size:10px}
figure{margin:8px 0 20px}figcaption{color:#444}details{margin:24px 0}pre{overflow:auto;max-height:400px;background:#f6f6f6;padding:12px;font-size:11px}
@media(prefers-color-scheme:dark){body{background:#16181b;color:#ddd}.grid{stroke:#333}svg text{fill:#bbb}th,td{border-color:#333}.paper,figcaption{color:#999}pre{background:#1f2226}}`;

export type Cell = string | number | undefined;

export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const cell = (value: Cell): string => (value === undefined ? '–' : typeof value === 'number' ? short(value) : escape(value));
  const line = (tag: string, cells: readonly Cell[]): string =>
    `<tr>${cells.map((each) => `<${tag}>${cell(each)}</${tag}>`).join('')}</tr>`;
  return `<table>${line('th', head)}${rows.map((row) => line('td', row)).join('')}</table>`;
}

/** What the paper says. */
export const paper = (text: string): string => `<p class="paper">${escape(text)}</p>`;
export const figure = (chart: string, caption: string): string => `<figure>${chart}<figcaption>${escape(caption)}</figcaption></figure>`;

export function page(title: string, parts: readonly string[]): string {
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escape(title)}</title><style>${style}</style>`;
  return `<!doctype html><html lang="en">${head}<body>${parts.join('\n')}</body></html>\n`;
}
