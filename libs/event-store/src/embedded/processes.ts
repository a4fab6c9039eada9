/** What the system tells about processes, where a pid alone does not say whether it is still the same one. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** When a process started, in the system's own words; undefined when there is no such process or the system does not tell. */
export async function startTimeOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // proc(5): field 22, counted after the command's name, which stands in parentheses and may hold anything.
  if (stat !== undefined) return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  if (process.platform === 'linux') return undefined;
  const { stdout } = await run('ps', ['-o', 'lstart=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  return stdout.trim() === '' ? undefined : stdout.trim();
}

/** A process's command line; undefined when there is none. */
export async function commandOf(pid: number): Promise<string | undefined> {
  const found = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => undefined);
  if (found !== undefined) return found === '' ? undefined : found.replaceAll('\0', ' ');
  if (process.platform === 'linux') return undefined;
  const { stdout } = await run('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({ stdout: '' }));
  return stdout.trim() === '' ? undefined : stdout.trim();
}

/** Waits until a process is gone (a zombie counts as gone), at most so many milliseconds. */
export async function isGone(pid: number, withinMs: number): Promise<boolean> {
  const end = performance.now() + withinMs;
  for (;;) {
    if (!exists(pid) || (process.platform === 'linux' && (await commandOf(pid)) === undefined)) return true;
    if (performance.now() > end) return false;
    await delay(10);
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
