/** The whole of `verbena cc` and `verbena c++`: the command-line tool only forwards its arguments. */
import { join } from 'node:path';
import { compile, writeOutputs } from './compile.ts';
import { parseArguments } from './arguments.ts';
import type { Query } from './arguments.ts';
import { ToolchainError, UsageError } from './errors.ts';
import { usage } from './help.ts';
import type { DriverLanguage } from './languages.ts';
import { expandResponseFiles } from './response-files.ts';
import { EMULATION_DEFINES, LINK_FLAGS, TARGET_FLAGS } from './target.ts';
import { HEADER_DIRECTORIES } from './runtime.ts';
import { CLANG_VERSION, VERBENA_VERSION } from './version.ts';

export interface DriverIo {
  readonly cwd: string;
  stdout(bytes: Uint8Array | string): void;
  stderr(text: string): void;
  /** Whether standard error is a terminal that shows colours. */
  readonly colors?: boolean;
  readonly stdin?: () => Uint8Array;
  readonly cacheDirectory?: string;
}

/** Runs a compiler command line and resolves with its exit code: clang's own, 1 for a wrong command line, 70 when a tool fails inside. */
export async function compilerDriver(argv: readonly string[], language: DriverLanguage, io: DriverIo): Promise<number> {
  const name = language === 'c' ? 'verbena cc' : 'verbena c++';
  try {
    const line = parseArguments(expandResponseFiles(argv, io.cwd), language);
    const answer = line.query === undefined ? undefined : answerTo(line.query, argv, language);
    if (answer !== undefined) {
      io.stdout(answer);
      return 0;
    }
    if (line.verbose) {
      io.stderr(versionText(name));
      if (line.inputs.length === 0) return 0;
      io.stderr(commandText(argv, language));
    }
    const result = await compile({
      language,
      args: argv,
      cwd: io.cwd,
      onDiagnostics: (text) => {
        io.stderr(text);
      },
      ...(io.colors === undefined ? {} : { colors: io.colors }),
      ...(io.stdin === undefined ? {} : { stdin: io.stdin }),
      ...(io.cacheDirectory === undefined ? {} : { cacheDirectory: io.cacheDirectory }),
    });
    writeOutputs(result, io.cwd);
    for (const { path, content } of result.outputs) if (path === '-') io.stdout(content);
    return result.exitCode;
  } catch (error) {
    if (error instanceof UsageError) {
      io.stderr(`${name}: error: ${error.message}\n`);
      return 1;
    }
    if (error instanceof ToolchainError) {
      io.stderr(`${name}: internal error: ${error.message}\n`);
      return 70;
    }
    if (isFileError(error)) {
      io.stderr(`${name}: error: ${error.message}\n`);
      return 1;
    }
    throw error;
  }
}

const isFileError = (error: unknown): error is NodeJS.ErrnoException => error instanceof Error && 'syscall' in error && 'code' in error;

function answerTo(query: Query, argv: readonly string[], language: DriverLanguage): string {
  const name = language === 'c' ? 'verbena cc' : 'verbena c++';
  switch (query) {
    case 'version':
      return versionText(name);
    case 'help':
      return usage(name);
    case 'machine':
      return 'wasm32-unknown-wasip1\n';
    case 'dumpversion':
      return `${CLANG_VERSION}\n`;
    case 'show':
      return commandText(argv, language);
    case 'compileFlags':
      return `${COMPILE_FLAGS.join(' ')}\n`;
    case 'linkFlags':
      return `${LINK_FLAGS.map((flag) => `-Wl,${flag}`).join(' ')}\n`;
    case 'cmake':
      return `${CMAKE_TOOLCHAIN}\n`;
  }
}

const versionText = (name: string): string =>
  `${name} ${VERBENA_VERSION} (clang version ${CLANG_VERSION})\nTarget: wasm32-unknown-wasip1, guest ABI 1\n`;

const COMPILE_FLAGS: readonly string[] = [
  ...TARGET_FLAGS,
  ...EMULATION_DEFINES,
  ...HEADER_DIRECTORIES.flatMap((directory) => ['-isystem', directory]),
];
/** The file for cmake --toolchain. */
const CMAKE_TOOLCHAIN = join(import.meta.dirname, '..', 'cmake', 'verbena.cmake');

/** What mpicc -show prints: the compiler's command with what is added to it. */
function commandText(argv: readonly string[], language: DriverLanguage): string {
  const shown = argv.filter((word) => !/^(-show|--?showme|-compile[_-]info|-link[_-]info|-v)$/.test(word));
  const words = [language === 'c' ? 'clang' : 'clang++', ...COMPILE_FLAGS, ...shown, ...LINK_FLAGS.map((flag) => `-Wl,${flag}`)];
  return `${words.join(' ')}\n`;
}
