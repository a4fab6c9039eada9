/** Reads a command line in the style of mpicc and gcc. Options of other machines are taken and have no effect. */
import { basename } from 'node:path';
import { UsageError } from './errors.ts';
import { classify, languageNamed } from './languages.ts';
import { sanitizers } from './sanitizers.ts';
import type { DriverLanguage, SourceLanguage } from './languages.ts';

export type Input =
  | { readonly kind: 'source'; readonly path: string; readonly language: SourceLanguage }
  | { readonly kind: 'object'; readonly path: string }
  | { readonly kind: 'library'; readonly name: string };

export interface DependencyOutput {
  /** -M and -MM write the dependencies instead of an object; -MD and -MMD write both. */
  readonly only: boolean;
  readonly file: string | undefined;
  readonly targets: readonly string[];
  readonly phony: boolean;
}

export type Stage = 'link' | 'object' | 'assembly' | 'preprocess' | 'syntax';
export type Query = 'version' | 'help' | 'machine' | 'dumpversion' | 'show' | 'compileFlags' | 'linkFlags' | 'cmake';

export interface CommandLine {
  readonly inputs: readonly Input[];
  readonly stage: Stage;
  readonly output: string | undefined;
  readonly query: Query | undefined;
  readonly verbose: boolean;
  readonly asyncify: boolean;
  readonly polls: boolean;
  /** Flags whose meaning clang's driver works out. */
  readonly driverFlags: readonly string[];
  /** Macros and search paths, which clang's front end takes as they are. */
  readonly frontendFlags: readonly string[];
  readonly quoteDirectories: readonly string[];
  readonly includeDirectories: readonly string[];
  /** Files named by -include and -imacros. */
  readonly forcedHeaders: readonly string[];
  readonly libraryDirectories: readonly string[];
  /** Files that the image carries, and their paths in it. */
  readonly embedded: readonly { readonly file: string; readonly path: string }[];
  readonly dependencies: DependencyOutput | undefined;
  /** Sentences for the user about options that have no effect though one would expect it. */
  readonly notes: readonly string[];
}

/** What the options add up to while they are read. */
class Draft {
  inputs: Input[] = [];
  stage: Stage = 'link';
  output: string | undefined;
  query: Query | undefined;
  verbose = false;
  asyncify = true;
  polls = true;
  optimized = false;
  language: SourceLanguage | undefined;
  driverFlags: string[] = [];
  frontendFlags: string[] = [];
  quoteDirectories: string[] = [];
  includeDirectories: string[] = [];
  forcedHeaders: string[] = [];
  libraryDirectories: string[] = [];
  embedded: { file: string; path: string }[] = [];
  notes: string[] = [];
  dependencyMode: 'none' | 'only' | 'also' = 'none';
  dependencyFile: string | undefined;
  dependencyTargets: string[] = [];
  dependencyPhony = false;
}

type Apply = (draft: Draft, value: string, option: string) => void;

const search =
  (list: 'quoteDirectories' | 'includeDirectories' | 'forcedHeaders'): Apply =>
  (draft, value, option) => {
    draft[list].push(value);
    draft.frontendFlags.push(option, value);
  };
const macro: Apply = (draft, value, option) => {
  draft.frontendFlags.push(`${option}${value}`);
};
const ignored: Apply = () => undefined;
const dependencies =
  (mode: 'only' | 'also'): Apply =>
  (draft) => {
    draft.dependencyMode = mode;
  };
const stage =
  (name: Stage): Apply =>
  (draft) => {
    draft.stage = name;
  };
const query =
  (name: Query): Apply =>
  (draft) => {
    draft.query ??= name;
  };
const keep: Apply = (draft, _value, option) => {
  draft.driverFlags.push(option);
};
const note =
  (text: string): Apply =>
  (draft, _value, option) => {
    draft.notes.push(`${option} ${text}`);
  };
const refuse =
  (text: string): Apply =>
  (_draft, _value, option) => {
    throw new UsageError(`${option}: ${text}`);
  };

/** Options that stand alone. */
const FLAGS: Readonly<Record<string, Apply>> = {
  '-c': stage('object'),
  '-S': stage('assembly'),
  '-E': stage('preprocess'),
  '-fsyntax-only': stage('syntax'),
  '--version': query('version'),
  '--help': query('help'),
  '-dumpmachine': query('machine'),
  '-dumpversion': query('dumpversion'),
  '-dumpfullversion': query('dumpversion'),
  '-show': query('show'),
  '-showme': query('show'),
  '--showme': query('show'),
  '-print-cmake-toolchain': query('cmake'),
  '-compile_info': query('show'),
  '-compile-info': query('show'),
  '-link_info': query('show'),
  '-link-info': query('show'),
  '-showme:compile': query('compileFlags'),
  '--showme:compile': query('compileFlags'),
  '-showme:link': query('linkFlags'),
  '--showme:link': query('linkFlags'),
  '-v': (draft) => {
    draft.verbose = true;
  },
  '--no-asyncify': (draft) => {
    draft.asyncify = false;
  },
  '--no-polls': (draft) => {
    draft.polls = false;
  },
  '-M': dependencies('only'),
  '-MM': dependencies('only'),
  '-MD': dependencies('also'),
  '-MMD': dependencies('also'),
  '-MG': ignored,
  '-MP': (draft) => {
    draft.dependencyPhony = true;
  },
  '-shared': refuse('a guest is one module; shared libraries are not supported'),
  '-dynamiclib': refuse('a guest is one module; shared libraries are not supported'),
  '-fopenmp': note('has no effect: guests have one thread each; use more ranks instead'),
  '-fexceptions': ignored,
  '-w': keep,
  '-pedantic': keep,
  '-pedantic-errors': keep,
  '-ansi': keep,
  '-trigraphs': keep,
  '-undef': keep,
  '-nostdinc': keep,
  '-nostdinc++': keep,
  '-P': keep,
  '-C': keep,
  '-CC': keep,
  '-H': keep,
  '-dM': keep,
  '-dD': keep,
  '-dI': keep,
};

/** Options with a value, joined to them or in the next argument. */
const WITH_VALUE: Readonly<Record<string, Apply>> = {
  '-o': (draft, value) => {
    draft.output = value;
  },
  '-I': search('includeDirectories'),
  '-isystem': search('includeDirectories'),
  '-idirafter': search('includeDirectories'),
  '-iquote': search('quoteDirectories'),
  '-include': search('forcedHeaders'),
  '-imacros': search('forcedHeaders'),
  '-D': macro,
  '-U': macro,
  '-L': (draft, value) => {
    draft.libraryDirectories.push(value);
  },
  '-l': (draft, value) => {
    draft.inputs.push({ kind: 'library', name: value });
  },
  '-x': (draft, value) => {
    draft.language = languageNamed(value);
  },
  '--embed-file': (draft, value) => {
    const at = value.lastIndexOf('@');
    const file = at < 0 ? value : value.slice(0, at);
    draft.embedded.push({ file, path: at < 0 ? basename(file) : value.slice(at + 1) });
  },
  '-MF': (draft, value) => {
    draft.dependencyFile = value;
  },
  '-MT': (draft, value) => {
    draft.dependencyTargets.push(value);
  },
  '-MQ': (draft, value) => {
    draft.dependencyTargets.push(value);
  },
};

/** Options whose value is in the next argument and concerns other machines and linkers. */
const SKIPPED_WITH_VALUE: ReadonlySet<string> = new Set(
  '-Xlinker -Xassembler -T -u -z -e -aux-info --param -isysroot --sysroot -target -arch -specs -wrapper -rpath -Xclang'.split(' '),
);

/** Beginnings of options that have no effect in a guest: of the processor, the linker, position independence and profiling. */
const SKIPPED =
  /^-(m|Wl,|Wa,|static|pthread|pipe|rdynamic|s$|no-pie|pie|nostartfiles|nodefaultlibs|save-temps|flto|fpic|fPIC|fpie|fPIE|fno-pi|fno-PI|fcommon|fno-common|fstack-|fno-stack-|fsplit-stack|fcf-protection|fprofile|fno-plt|fdump|fgnu|fuse-ld|frecord-gcc|fopenmp|fno-openmp|fno-exceptions|fno-lto|fmax-errors|B|-param=|-sysroot=)/;

/** Reads the arguments. Throws UsageError for what cannot be done. Response files must have been expanded. */
export function parseArguments(args: readonly string[], driver: DriverLanguage): CommandLine {
  const draft = new Draft();
  const words = args.flatMap((word) => (word.startsWith('-Wp,') ? word.slice(4).split(',') : [word]));
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word === '-' || !word.startsWith('-')) addInput(draft, word, driver);
    else if (!readFlag(draft, word)) at += readValued(draft, word, words[at + 1]);
  }
  if (!draft.optimized) draft.driverFlags.unshift('-O2');
  return finished(draft);
}

function addInput(draft: Draft, path: string, driver: DriverLanguage): void {
  const language = classify(path, driver, draft.language);
  draft.inputs.push(language === 'object' ? { kind: 'object', path } : { kind: 'source', path, language });
}

/** Takes an option without a value; false when it has one. */
function readFlag(draft: Draft, word: string): boolean {
  const apply = FLAGS[word];
  if (apply !== undefined) {
    apply(draft, '', word);
    return true;
  }
  if (/^-M[FTQ]|^-include|^-imacros|^-isystem|^-idirafter|^-iquote|^-isysroot/.test(word)) return false;
  if (word.startsWith('-fsanitize=')) {
    draft.driverFlags.push(...sanitizers(word));
    return true;
  }
  if (/^-fn?o?-?sanitize/.test(word)) return true;
  if (SKIPPED_WITH_VALUE.has(word)) return false;
  if (word.startsWith('-O')) {
    draft.optimized = true;
    draft.driverFlags.push(...optimization(word));
    return true;
  }
  if (SKIPPED.test(word)) return true;
  if (word.startsWith('-g')) draft.driverFlags.push('-g');
  else if (/^-(W|f|std=|-std=|print-)/.test(word)) draft.driverFlags.push(word);
  else return false;
  return true;
}

/** Clang has deprecated -Ofast and knows no level above 3. */
function optimization(word: string): string[] {
  if (word === '-Ofast') return ['-O3', '-ffast-math'];
  if (word === '-O') return ['-O1'];
  return /^-O[4-9]/.test(word) ? ['-O3'] : [word];
}

/** Takes an option with a value; returns how many further arguments that used. */
function readValued(draft: Draft, word: string, next: string | undefined): 0 | 1 {
  if (SKIPPED_WITH_VALUE.has(word)) return 1;
  const option = Object.keys(WITH_VALUE)
    .filter((name) => word.startsWith(name))
    .sort((a, b) => b.length - a.length)[0];
  const apply = option === undefined ? undefined : WITH_VALUE[option];
  if (option === undefined || apply === undefined) throw new UsageError(`unrecognized command-line option '${word}'`);
  const joined = word.slice(option.length).replace(option.startsWith('--') ? /^=/ : /^(?!)/, '');
  if (joined !== '') {
    apply(draft, joined, option);
    return 0;
  }
  if (next === undefined) throw new UsageError(`missing argument to '${option}'`);
  apply(draft, next, option);
  return 1;
}

function finished(draft: Draft): CommandLine {
  const { dependencyMode, dependencyFile, dependencyTargets, dependencyPhony, optimized: _optimized, language: _language, ...rest } = draft;
  const dependencyOutput =
    dependencyMode === 'none'
      ? undefined
      : { only: dependencyMode === 'only', file: dependencyFile, targets: dependencyTargets, phony: dependencyPhony };
  return { ...rest, dependencies: dependencyOutput };
}
