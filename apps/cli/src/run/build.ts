/** From what stands on the command line to an image: compiles sources, or reads the .vmi file that was named. */
import { closeSync, openSync, readSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { looksLikeImageFile, type GuestImage } from '@verbena/guest-image';
import { CliError, SilentExit, usageError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Io } from '../terminal/io.ts';
import { readImage } from './read-image.ts';

/** Sources are built with optimization unless the command line says which. */
const defaultOptimization = '-O2';

export interface Built {
  readonly image: GuestImage;
  /** Frees the compiler's workers; they are kept while others may still build. */
  readonly seconds: number;
}

/** @param words source files and flags for the compiler, in order. @param flags more of them, for sources only. @throws {SilentExit} after the compiler has said what is wrong. */
export async function buildImageOf(
  words: readonly string[],
  flags: readonly string[],
  io: Io,
  onStep: (text: string) => void,
  signal: AbortSignal,
): Promise<Built> {
  const began = performance.now();
  const images = words.filter((word) => !word.startsWith('-') && (word.endsWith('.vmi') || isImageFile(resolve(io.cwd, word))));
  if (images.length > 0) {
    const [path = ''] = images;
    if (words.length > 1) throw usageError(`${path} is an image already; give it alone, and the program's arguments after "--"`);
    return { image: await readImage(path, io.cwd), seconds: (performance.now() - began) / 1000 };
  }
  onStep(`building ${basename(words.find((word) => !word.startsWith('-')) ?? '')}`);
  return { image: await compileWords([...flags, ...words], io, signal), seconds: (performance.now() - began) / 1000 };
}

/** Whether a file is an image whatever its name: makefiles call their programs as they like. */
function isImageFile(path: string): boolean {
  const beginning = new Uint8Array(8);
  try {
    const file = openSync(path, 'r');
    try {
      return readSync(file, beginning) === beginning.length && looksLikeImageFile(beginning);
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
}

async function compileWords(words: readonly string[], io: Io, signal: AbortSignal): Promise<GuestImage> {
  const { compile, closeToolchain, UsageError, ToolchainError } = await import('@verbena/toolchain');
  const args = words.some((word) => /^-O/.test(word)) ? words : [defaultOptimization, ...words];
  const diagnostics: string[] = [];
  try {
    const result = await unlessAborted(
      signal,
      compile({
        language: 'c',
        args,
        cwd: io.cwd,
        colors: io.stderrIsTerminal,
        onDiagnostics: (text) => diagnostics.push(text),
      }),
    );
    await flush(io, diagnostics);
    if (result.exitCode !== 0) throw new SilentExit(exitCodes.failed);
    if (!result.image) throw usageError('run wants a whole program: leave out -c, -S, -E and -M');
    return result.image;
  } catch (cause) {
    await flush(io, diagnostics);
    if (cause instanceof UsageError) throw asUsage(cause);
    if (cause instanceof ToolchainError) throw new CliError(`the compiler failed: ${cause.message}`, exitCodes.internal, { cause });
    throw cause;
  } finally {
    await closeToolchain();
  }
}

async function flush(io: Io, diagnostics: string[]): Promise<void> {
  const text = diagnostics.splice(0).join('');
  if (text !== '') await io.err(text);
}

function asUsage(cause: Error): CliError {
  if (/no such file/.test(cause.message)) return new CliError(cause.message, exitCodes.noInput, { cause });
  const hint = /not recognized|unknown|unsupported/.test(cause.message) ? ' (arguments of the program come after "--")' : '';
  return new CliError(`${cause.message}${hint}`, exitCodes.usage, { cause });
}

/** The result of the work, or the signal's reason as soon as it aborts; the work is then left alone, and its tools are closed by the caller. */
async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  work.catch(() => undefined);
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
