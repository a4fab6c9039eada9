/** Why a chunk could not be kept or given. */
export type ChunkProblem =
  /** The name is no "sha256:<64 hexadecimal digits>". */
  | 'invalid-digest'
  /** The bytes are not what their name says. */
  | 'mismatch'
  | 'too-large'
  /** The quota is used up by what may not be evicted. */
  | 'quota'
  /** The disk is full. */
  | 'no-space'
  /** What lay on the disk had changed; it was removed. */
  | 'corrupt';

export class ChunkError extends Error {
  override readonly name = 'ChunkError';
  readonly problem: ChunkProblem;

  constructor(problem: ChunkProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = problem;
  }
}
