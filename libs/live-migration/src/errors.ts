/** What came from a stream or a file is not what its format says. Nothing of it was taken. */
export class BadStream extends Error {
  override readonly name = 'BadStream';
}
