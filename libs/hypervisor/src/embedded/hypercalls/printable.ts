/**
 * Text of a guest as it may be shown to people: UTF-8 up to the first NUL, with what does not decode replaced, and without control
 * characters that could drive a terminal. Line feeds and tabs stay when `lines` is set.
 */
export function printable(bytes: Uint8Array, lines = false): string {
  const end = bytes.indexOf(0);
  const text = new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
  return Array.from(text, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (lines && (code === 0x0a || code === 0x09)) return character;
    return code < 0x20 ||
      (code >= 0x7f && code < 0xa0) ||
      (code >= 0x200e && code <= 0x200f) ||
      (code >= 0x2028 && code <= 0x202e) ||
      (code >= 0x2066 && code <= 0x2069)
      ? '\ufffd'
      : character;
  }).join('');
}
