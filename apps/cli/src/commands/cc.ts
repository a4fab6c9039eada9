/** verbena cc, verbena c++: the compiler. Everything after the command is the compiler's, --help and --version included. */
import type { Io } from '../terminal/io.ts';
import { example, type Registry } from '../command-context.ts';

const languages = { cc: 'c', 'c++': 'c++' } as const;
export type CompilerCommand = keyof typeof languages;

export function isCompilerCommand(word: string | undefined): word is CompilerCommand {
  return word !== undefined && Object.hasOwn(languages, word);
}

/** Runs the compiler; resolves with its exit code. */
export async function runCompiler(command: CompilerCommand, argv: readonly string[], io: Io): Promise<number> {
  const { compilerDriver } = await import('@verbena/toolchain');
  const { readFileSync } = await import('node:fs');
  const written: Promise<void>[] = [];
  const code = await compilerDriver(argv, languages[command], {
    cwd: io.cwd,
    stdout: (bytes) => void written.push(io.out(bytes)),
    stderr: (text) => void written.push(io.err(text)),
    colors: io.stderrIsTerminal,
    stdin: () => readFileSync(0),
  });
  await Promise.all(written);
  return code;
}

/** Declared so that help and completion know them; `main` hands their arguments over before anything is parsed. */
export function registerCompilers({ program }: Registry): void {
  const declare = (name: CompilerCommand, what: string, line: string): void => {
    example(
      program
        .command(name)
        .description(what)
        .argument('[arguments...]', 'what clang takes: sources, -o, -c, -I, -D, -O, -l ...')
        .allowUnknownOption(),
      line,
    );
  };
  declare('cc', 'compile C to a guest image, like mpicc', 'verbena cc prog.c more.c -O3 -lm -o prog.vmi');
  declare('c++', 'compile C++ to a guest image, like mpicxx', 'verbena c++ -std=c++20 prog.cpp -o prog.vmi');
}
