/** The entry of the command line: parses, runs one command, and ends with its exit code. */
import { CommanderError } from 'commander';
import { isCompilerCommand, runCompiler } from './commands/cc.ts';
import { asCliError, SilentExit } from './errors.ts';
import { exitCodes } from './exit-codes.ts';
import { followLauncher } from './launcher.ts';
import { processIo, type Io } from './terminal/io.ts';

/**
 * Runs a command line.
 * @param argv the words after "verbena"
 * @returns the exit code
 */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  try {
    const [first, ...rest] = argv;
    if (isCompilerCommand(first)) return await runCompiler(first, rest, io);
    const { buildProgram } = await import('./program.ts');
    const end = argv.indexOf('--');
    const own = end < 0 ? argv : argv.slice(0, end);
    const outcome = { exitCode: exitCodes.ok as number };
    const program = buildProgram(io, end < 0 ? [] : argv.slice(end + 1), outcome);
    await program.parseAsync([...own], { from: 'user' });
    return outcome.exitCode;
  } catch (error) {
    return await explain(error, argv, io);
  }
}

/** Commander has said what is wrong by itself; all other errors become one message. */
async function explain(error: unknown, argv: readonly string[], io: Io): Promise<number> {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  const said = asCliError(error);
  if (said instanceof SilentExit) return said.exitCode;
  const verbose = argv.includes('--verbose');
  const stack = verbose && said.cause instanceof Error ? `\n${said.cause.stack ?? ''}` : '';
  const json = argv.includes('--json');
  const text = json ? JSON.stringify({ error: { message: said.message, exitCode: said.exitCode } }) : `verbena: ${said.message}`;
  await io.err(`${text}${stack}\n`).catch(() => undefined);
  return said.exitCode;
}

if (import.meta.main) {
  followLauncher();
  const io = processIo();
  // The command alone decides when the process ends: not a helper process that nothing waits for, nor an idle connection that lingers.
  const awake = setInterval(() => undefined, 1 << 30);
  const code = await main(process.argv.slice(2), io);
  await Promise.all([io.out(''), io.err('')]).catch(() => undefined);
  clearInterval(awake);
  process.exit(code);
}
