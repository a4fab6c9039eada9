import { resolve } from 'node:path';
import type { CommandLine } from './arguments.ts';
import { UsageError } from './errors.ts';
import { isFile } from './include-scanner.ts';

/** Libraries that every guest has, or that a guest has no use for: naming them changes nothing. */
const SATISFIED: ReadonlySet<string> = new Set(
  'm c pthread dl rt util crypt resolv nsl gcc gcc_s gcc_eh atomic gomp mpi mpich mpicxx mpi_cxx mpichcxx mpl opa pmpi open-pal open-rte hwloc ibverbs verbs setjmp'.split(
    ' ',
  ),
);
const CXX: ReadonlySet<string> = new Set(['stdc++', 'c++', 'c++abi', 'supc++']);

export interface FoundLibraries {
  /** Archives by the name that -l gave. */
  readonly paths: ReadonlyMap<string, string>;
  readonly cxx: boolean;
}

/** Looks for each -l in the -L directories, then among what every guest has. Throws UsageError naming the library that is nowhere. */
export function findLibraries({ inputs, libraryDirectories }: CommandLine, cwd: string): FoundLibraries {
  const paths = new Map<string, string>();
  let cxx = false;
  for (const input of inputs) {
    if (input.kind !== 'library') continue;
    const { name } = input;
    const file = name.startsWith(':') ? name.slice(1) : `lib${name}.a`;
    const found = libraryDirectories.map((directory) => resolve(cwd, directory, file)).find(isFile);
    if (found !== undefined) paths.set(name, found);
    else if (CXX.has(name)) cxx = true;
    else if (!SATISFIED.has(name)) throw missing(name, file, libraryDirectories);
  }
  return { paths, cxx };
}

function missing(name: string, file: string, directories: readonly string[]): UsageError {
  const where = directories.length === 0 ? 'and no -L directory is given' : `and ${file} is not in ${directories.join(', ')}`;
  return new UsageError(`cannot find -l${name}: guests do not come with it, ${where}`);
}
