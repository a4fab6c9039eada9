/** Results on disk: written after each run, and read again by who resumes. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { CliError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Results } from './experiments.ts';

/** The raw numbers lie beside the report. */
export const rawFileOf = (report: string): string => `${report.replace(/\.html$/, '')}.json`;

/** Replaces the file as a whole: one who is interrupted leaves the results of the run before. */
export async function keepResults(file: string, results: unknown): Promise<void> {
  await writeFile(`${file}.part`, `${JSON.stringify(results, null, 1)}\n`);
  await rename(`${file}.part`, file);
}

/** @throws CliError when there is no such file, when it holds no results, or those of another machine */
export async function keptResults(file: string, here: Results['machine']): Promise<Results> {
  let kept: Partial<Results> | null;
  try {
    kept = JSON.parse(await readFile(file, 'utf8')) as Partial<Results> | null;
  } catch (error) {
    throw new CliError(
      `--resume: ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}. Begin without --resume`,
      exitCodes.failed,
      { cause: error },
    );
  }
  const { machine, plan, runs } = kept ?? {};
  if (machine === undefined || plan === undefined || !Array.isArray(runs) || !Array.isArray(plan.paths))
    throw new CliError(`--resume: ${file} holds no results of verbena bench paper. Begin without --resume`, exitCodes.failed);
  if (machine.cpu !== here.cpu || machine.cores !== here.cores || machine.node !== here.node)
    throw new CliError(
      `--resume: ${file} is from ${machine.cpu} with ${machine.cores} cores and Node ${machine.node}; this is ${here.cpu} with ${here.cores} and ${here.node}. Begin without --resume`,
      exitCodes.failed,
    );
  return kept as Results;
}
