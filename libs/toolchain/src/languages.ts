import { extname } from 'node:path';
import { UsageError } from './errors.ts';

/** The language of a driver: what `verbena cc` and `verbena c++` take a `.c` file for. */
export type DriverLanguage = 'c' | 'c++';

/** Clang's names of what it translates. */
export type SourceLanguage = 'c' | 'c++' | 'cpp-output' | 'c++-cpp-output' | 'assembler' | 'assembler-with-cpp';

const BY_EXTENSION: Readonly<Record<string, SourceLanguage>> = {
  '.c': 'c',
  '.i': 'cpp-output',
  '.cc': 'c++',
  '.cp': 'c++',
  '.cxx': 'c++',
  '.cpp': 'c++',
  '.CPP': 'c++',
  '.c++': 'c++',
  '.C': 'c++',
  '.ii': 'c++-cpp-output',
  '.s': 'assembler',
  '.S': 'assembler-with-cpp',
  '.sx': 'assembler-with-cpp',
};

const BY_NAME: Readonly<Record<string, SourceLanguage>> = Object.fromEntries(Object.values(BY_EXTENSION).map((name) => [name, name]));

const OBJECTS: ReadonlySet<string> = new Set(['.o', '.obj', '.a', '.lo']);
const FORTRAN = /^\.(f|for|ftn|f77|f90|f95|f03|f08)$/i;

/** What an input is by its name: a source in a language, or an object or archive for the linker. Throws UsageError for what is neither. */
export function classify(path: string, driver: DriverLanguage, forced: SourceLanguage | undefined): SourceLanguage | 'object' {
  if (forced !== undefined) return forced;
  const extension = extname(path);
  if (OBJECTS.has(extension)) return 'object';
  const language = BY_EXTENSION[extension];
  if (language === 'c' && driver === 'c++') return 'c++';
  if (language !== undefined) return language;
  if (path === '-') throw new UsageError('-E or -x required when input is from standard input');
  if (FORTRAN.test(extension)) throw new UsageError(`${path}: Fortran is not supported; guests are C and C++`);
  if (extension === '.so') throw new UsageError(`${path}: shared libraries are not supported; link a static archive (.a) instead`);
  throw new UsageError(`${path}: file format not recognized; sources end in .c, .cc, .cpp, .cxx, .C or .s, objects in .o or .a`);
}

/** The language that `-x name` asks for; "none" returns to the file's name. */
export function languageNamed(name: string): SourceLanguage | undefined {
  if (name === 'none') return undefined;
  const language = BY_NAME[name];
  if (language === undefined) throw new UsageError(`language not recognized: '${name}'`);
  return language;
}

export const isCxx = (language: SourceLanguage): boolean => language === 'c++' || language === 'c++-cpp-output';
