/**
 * One source through clang's front end. Clang's driver is asked once per set of flags what it would run (`-###`); the answer is a template
 * into which each source's name, macros and search paths go. That spares a run per source, and the check of input files that the driver
 * makes without our overlay.
 */
import { basename, resolve } from 'node:path';
import type { Cache } from './cache.ts';
import { keyOf } from './cache.ts';
import { ToolchainError } from './errors.ts';
import type { DependencyOutput } from './arguments.ts';
import { isCxx } from './languages.ts';
import type { SourceLanguage } from './languages.ts';
import { EMULATION_DEFINES, EXCEPTION_FLAGS, TARGET_FLAGS } from './target.ts';
import type { ToolPool } from './tool-pool.ts';
import type { ToolResult } from './tool-protocol.ts';
import { OVERLAY_PATH, virtualFiles } from './virtual-files.ts';
import { TOOLCHAIN_VERSION } from './version.ts';

export interface Translation {
  /** The source as the user typed it, and its language. */
  readonly path: string;
  readonly language: SourceLanguage;
  readonly stage: 'object' | 'assembly' | 'preprocess' | 'syntax';
  readonly cwd: string;
  readonly driverFlags: readonly string[];
  readonly frontendFlags: readonly string[];
  /** Our own header directories, searched after the user's and before wasi-libc's. */
  readonly systemDirectories: readonly string[];
  readonly dependencies: { readonly request: DependencyOutput; readonly target: string } | undefined;
  readonly colors: boolean;
  /** Everything that the source may read, by absolute path. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

export interface Translated {
  readonly exitCode: number;
  readonly diagnostics: string;
  /** The object, assembly or preprocessed text; absent after an error and for -fsyntax-only. */
  readonly output: Uint8Array | undefined;
  readonly dependencyText: string | undefined;
}

const STAGE_FLAG = { object: '-c', assembly: '-S', preprocess: '-E', syntax: '-fsyntax-only' } as const;

/**
 * gcc 12, which unmodified MPI programs are written for, warns where clang refuses: old C stays compilable. Warning options that only gcc
 * knows are not worth a warning of their own.
 */
const LENIENT_C = [
  'implicit-function-declaration',
  'implicit-int',
  'int-conversion',
  'incompatible-function-pointer-types',
  'return-mismatch',
];

function dialectFlags(language: SourceLanguage): string[] {
  if (language === 'assembler') return [];
  const quiet = ['-Wno-unknown-warning-option', '-Wno-ignored-optimization-argument'];
  return isCxx(language)
    ? [...quiet, ...EXCEPTION_FLAGS.cxx]
    : [...quiet, ...EXCEPTION_FLAGS.c, ...LENIENT_C.map((name) => `-Wno-error=${name}`)];
}

/** Translates one source. Throws ToolchainError when clang itself fails; errors in the source are in the result. */
export async function translate(translation: Translation, pool: ToolPool, cache: Cache): Promise<Translated> {
  const key = translationKey(translation);
  const cached = cache.get(key);
  if (cached !== undefined) return decodeTranslated(cached);
  const { stage } = translation;
  const template = await commandTemplate(translation, pool, cache);
  if (!template.ok) return { exitCode: 1, diagnostics: template.text, output: undefined, dependencyText: undefined };
  const result = await runFrontend(fillIn(template.command, translation), translation, pool);
  const dependencyText = result.out['d'] === undefined ? undefined : Buffer.from(result.out['d']).toString('utf8');
  const translated: Translated = {
    exitCode: result.exitCode,
    diagnostics: template.text + result.text,
    output: result.exitCode === 0 && stage !== 'syntax' ? result.out['o'] : undefined,
    dependencyText,
  };
  if (result.exitCode === 0) cache.set(key, encodeTranslated(translated));
  return translated;
}

/**
 * LLVM comes with its assertions on, and one of them fails for some loops that it would compile well: the vectorizer's two cost models must
 * agree. When clang stops, it is tried again with equal costs, then without vectorizing loops, then without vectorizing at all.
 */
const RETRIES: readonly ((command: readonly string[]) => string[])[] = [
  (command) => [...command],
  (command) => [...command.slice(0, 2), '-mllvm', '-force-target-instruction-cost=1', ...command.slice(2)],
  (command) => command.filter((word) => word !== '-vectorize-loops'),
  (command) => command.filter((word) => word !== '-vectorize-loops' && word !== '-vectorize-slp'),
];

async function runFrontend(command: readonly string[], { files }: Translation, pool: ToolPool): Promise<ToolResult> {
  let failure: unknown;
  for (const variant of RETRIES) {
    try {
      return await pool.run({ kind: 'llvm', args: variant(command), files: virtualFiles(files), stdoutAs: 'o' });
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

/** Whether the translation's result is at hand, so that no compiler is needed. */
export const isTranslated = (translation: Translation, cache: Cache): boolean => cache.has(translationKey(translation));

/** The digest of all that a translation depends on. */
export function translationKey(translation: Translation): string {
  const { files, ...settings } = translation;
  const ordered = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
  return keyOf('translate', TOOLCHAIN_VERSION, JSON.stringify(settings), ...ordered.flat());
}

type Template =
  { readonly ok: true; readonly command: readonly string[]; readonly text: string } | { readonly ok: false; readonly text: string };

/** What clang's driver would run for these flags. Options of gcc's optimizer that clang does not know are dropped with a note. */
async function commandTemplate(translation: Translation, pool: ToolPool, cache: Cache): Promise<Template> {
  const { language, stage, colors } = translation;
  const dummy = `/in.${language === 'assembler' ? 's' : 'c'}`;
  const fixed = [...TARGET_FLAGS, colors ? '-fcolor-diagnostics' : '-fno-color-diagnostics', ...dialectFlags(language), STAGE_FLAG[stage]];
  let flags = translation.driverFlags;
  let notes = '';
  for (;;) {
    const args = [isCxx(language) ? 'clang++' : 'clang', '-###', ...fixed, ...flags, '-x', language, dummy, '-o', '/out/o'];
    const key = keyOf('driver', TOOLCHAIN_VERSION, ...args);
    const text = await driverAnswer(args, dummy, key, pool, cache);
    const unknown = [...text.matchAll(/error: (?:unknown argument|unsupported option):? '(-f[^']*)'/g)].map(([, flag]) => flag ?? '');
    const command = commandIn(text);
    if (command !== undefined) return { ok: true, command, text: notes + warningsIn(text) };
    const known = flags.filter((flag) => !unknown.includes(flag));
    if (known.length === flags.length) return { ok: false, text: errorsIn(text) };
    notes += unknown.map((flag) => `verbena: warning: ${flag} is not known to clang and has no effect\n`).join('');
    flags = known;
  }
}

async function driverAnswer(args: readonly string[], dummy: string, key: string, pool: ToolPool, cache: Cache): Promise<string> {
  const cached = cache.get(key);
  if (cached !== undefined) return Buffer.from(cached).toString('utf8');
  const { text } = await pool.run({ kind: 'llvm', args, files: { [dummy.slice(1)]: '', out: {} } });
  cache.set(key, Buffer.from(text, 'utf8'));
  return text;
}

function commandIn(text: string): string[] | undefined {
  if (/(^|\n)[^\n]*error: /.test(text)) return undefined;
  const line = text.split('\n').find((each) => each.startsWith(' "'));
  if (line === undefined) throw new ToolchainError(`clang's driver did not say what to run: ${text}`);
  const words = Array.from(
    line.matchAll(/ (?:"((?:[^"\\]|\\.)*)"|([^ "]+))/g),
    ([, quoted, bare]) => quoted?.replaceAll(/\\(.)/g, '$1') ?? bare ?? '',
  );
  return words[0] === '' ? words.slice(1) : words;
}

const plain = (line: string): string => line.replaceAll(/\u001b\[[0-9;]*m/g, '');
const isDriverSpeech = (line: string): boolean => /^clang(\+\+)?: (warning|error): /.test(plain(line));
const warningsIn = (text: string): string =>
  text
    .split('\n')
    .filter(isDriverSpeech)
    .map((line) => `${line}\n`)
    .join('');
const errorsIn = (text: string): string => warningsIn(text) || text;

/** Puts one source into the template: its name, the macros and search paths, where results go, and the overlay. */
function fillIn(template: readonly string[], translation: Translation): string[] {
  const { path, language, cwd, frontendFlags, systemDirectories, dependencies, files } = translation;
  const end = template.lastIndexOf('-o');
  const head = template.slice(0, end === -1 ? template.lastIndexOf('-x') : end).map((word, index, all) => {
    const option = all[index - 1];
    if (option === '-main-file-name') return basename(path);
    return word === '-fdebug-compilation-dir=/' || word === '-fcoverage-compilation-dir=/' ? word.replace(/\/$/, cwd) : word;
  });
  const source = path === '-' ? resolve(cwd, '-') : path;
  if (head[1] === '-cc1as') return [...head, '-o', '-', assemblerInput(source, cwd, files)];
  return [
    ...head,
    ...EMULATION_DEFINES,
    ...frontendFlags,
    ...systemDirectories.flatMap((directory) => ['-isystem', directory]),
    ...(usesSetjmp(files) ? ['-mllvm', '-wasm-enable-sjlj', '-target-feature', '+exception-handling', '-exception-model=wasm'] : []),
    ...(dependencies === undefined ? [] : dependencyFlags(dependencies.request, dependencies.target)),
    '-ivfsoverlay',
    OVERLAY_PATH,
    `-working-directory=${cwd}`,
    '-o',
    dependencies?.request.only === true ? '/out/unused' : '-',
    '-x',
    language,
    source,
  ];
}

/** The assembler reads no overlay: it gets the file where it lies in the tree. */
function assemblerInput(source: string, cwd: string, files: ReadonlyMap<string, Uint8Array>): string {
  return `/vfs/f${String([...files.keys()].indexOf(resolve(cwd, source)))}`;
}

/** setjmp needs a lowering of its own, which costs every call in the file something: only where the header is included. */
const usesSetjmp = (files: ReadonlyMap<string, Uint8Array>): boolean =>
  [...files.values()].some((content) => Buffer.from(content.buffer, content.byteOffset, content.length).includes('setjmp.h'));

function dependencyFlags(request: DependencyOutput, target: string): string[] {
  const targets = request.targets.length === 0 ? [target] : request.targets;
  return [
    ...(request.only ? ['-Eonly'] : []),
    '-dependency-file',
    '/out/d',
    ...targets.flatMap((name) => ['-MT', name]),
    ...(request.phony ? ['-MP'] : []),
  ];
}

function encodeTranslated({ diagnostics, output, dependencyText }: Translated): Uint8Array {
  const header = Buffer.from(JSON.stringify({ diagnostics, dependencyText, output: output !== undefined }), 'utf8');
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  return Buffer.concat([length, header, output ?? new Uint8Array()]);
}

function decodeTranslated(bytes: Uint8Array): Translated {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const end = 4 + buffer.readUInt32LE(0);
  const header = JSON.parse(buffer.toString('utf8', 4, end)) as { diagnostics: string; dependencyText?: string; output: boolean };
  return {
    exitCode: 0,
    diagnostics: header.diagnostics,
    output: header.output ? bytes.slice(end) : undefined,
    dependencyText: header.dependencyText,
  };
}
