/** Text from elsewhere (job names, reasons, events) on its way to a terminal: no control characters, and a known width. */

/** Replaces control characters, which could drive the terminal, by a visible sign; line breaks become spaces. */
export function plain(text: string): string {
  return text.replace(/[\r\n\t]+/g, ' ').replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}

/** As `plain`, but keeps line breaks: for reports of several lines. */
export function plainLines(text: string): string {
  return text.split(/\r?\n/).map(plain).join('\n');
}

const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const noWidth = /\p{Mark}|\u200b|\u200d|\ufe0f/u;

/** Columns that a character takes on a terminal. */
function widthOf(character: string): number {
  if (noWidth.test(character)) return 0;
  return wide.test(character) ? 2 : 1;
}

export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += widthOf(character);
  return width;
}

/** Cuts a text to a width, with an ellipsis at the end when something was lost. */
export function truncate(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text;
  let width = 0;
  let kept = '';
  for (const character of text) {
    if (width + widthOf(character) > columns - 1) break;
    kept += character;
    width += widthOf(character);
  }
  return columns > 0 ? `${kept}…` : '';
}

/** Breaks a text at spaces so that no line is wider than `columns`, and indents every line but the first. */
export function wrap(text: string, columns: number, indent = ''): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/ +/)) {
    const prefix = lines.length > 0 ? indent : '';
    if (line !== '' && displayWidth(`${prefix}${line} ${word}`) > columns) {
      lines.push(prefix + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  lines.push((lines.length > 0 ? indent : '') + line);
  return lines.join('\n');
}
