/**
 * Tables of collective algorithms: the file of `--mpi-tuning` and `verbena bench tune`, and what the MPI library reads of it (libs/guest-mpi/src/coll/choice.h). A line is a row, with a comment
 * from `#` on; the first row that fits a call and can do it counts, and the library's own follow behind.
 */
import { usageError } from '../errors.ts';
import { readNamedFile } from './read-image.ts';

export const wheres = ['one', 'spread', 'nested', '*'] as const;
export type Where = (typeof wheres)[number];

/** The algorithms of each collective, as the library names them. */
export const algorithmsOf = {
  barrier: ['dissemination', 'two-level'],
  bcast: ['binomial', 'scatter-ring', 'two-level'],
  reduce: ['binomial', 'two-level'],
  allreduce: ['doubling', 'pieces', 'rabenseifner', 'two-level'],
  allgather: ['doubling', 'bruck', 'ring', 'two-level'],
  alltoall: ['pairwise', 'bruck'],
} as const satisfies Readonly<Record<string, readonly string[]>>;
export type Collective = keyof typeof algorithmsOf;
export const collectives = Object.keys(algorithmsOf) as readonly Collective[];

export interface TuningRow {
  readonly collective: Collective;
  readonly where: Where;
  /** Of the communicator, at most. */
  readonly ranks: number;
  /** Of the call, at most: one rank's part, of an allgather all ranks'. */
  readonly bytes: number;
  readonly algorithm: string;
}

/** As many as the library takes. */
export const mostRows = 256;
const mostRanks = 2 ** 32 - 1;

export const formatRow = ({ collective, where, ranks, bytes, algorithm }: TuningRow): string =>
  [collective, where, ...[ranks, bytes].map((limit) => (limit === Infinity ? '*' : String(limit))), algorithm].join(' ');

function limit(text: string, most: number): number | undefined {
  if (text === '*') return Infinity;
  return /^\d{1,16}$/.test(text) && Number(text) <= most ? Number(text) : undefined;
}

function parseRow(words: readonly string[], refuse: (why: string) => Error): TuningRow {
  const [name = '', place = '', upToRanks = '', upToBytes = '', algorithm = ''] = words;
  if (words.length !== 5)
    throw refuse('wants five words: COLLECTIVE WHERE RANKS BYTES ALGORITHM, for example "bcast nested 16 4096 two-level"');
  const collective = collectives.find((each) => each === name);
  if (collective === undefined) throw refuse(`there is no table for "${name}", only for ${collectives.join(', ')}`);
  const where = wheres.find((each) => each === place);
  if (where === undefined) throw refuse(`"${place}" is not one of ${wheres.join(', ')}`);
  const ranks = limit(upToRanks, mostRanks);
  const bytes = limit(upToBytes, Number.MAX_SAFE_INTEGER);
  if (ranks === undefined || bytes === undefined)
    throw refuse(`"${ranks === undefined ? upToRanks : upToBytes}" is neither a number nor *`);
  if (!algorithmsOf[collective].some((each) => each === algorithm))
    throw refuse(`${collective} has no algorithm "${algorithm}", only ${algorithmsOf[collective].join(', ')}`);
  return { collective, where, ranks, bytes, algorithm };
}

/** @throws {CliError} that names the line and what is wrong with it */
export function parseTuning(text: string, file: string): readonly TuningRow[] {
  const rows = text.split('\n').flatMap((line, i) => {
    const words = line
      .replace(/#.*/, '')
      .trim()
      .split(/\s+/)
      .filter((word) => word !== '');
    return words.length === 0 ? [] : [parseRow(words, (why) => usageError(`${file}, line ${String(i + 1)}: ${why}`))];
  });
  if (rows.length > mostRows) throw usageError(`${file} has ${String(rows.length)} rows; the library takes ${String(mostRows)}`);
  return rows;
}

/** The variable for the MPI library; none without a file. @throws {CliError} when the file cannot be read or means nothing */
export async function tuningVariables(file: string | undefined, cwd: string): Promise<readonly string[]> {
  if (file === undefined) return [];
  const rows = parseTuning(new TextDecoder().decode(await readNamedFile(file, cwd)), file);
  return [`VERBENA_MPI_TUNING=${rows.map(formatRow).join(';')}`];
}
