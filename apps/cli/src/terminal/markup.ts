/** Text that goes into HTML or SVG: what could be markup is written as character references. */
export function escape(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
