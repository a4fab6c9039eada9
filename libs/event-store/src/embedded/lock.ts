/**
 * One process a data directory: a file with the owner's pid and start time. A file whose owner is dead, or whose pid belongs to another process
 * by now, is taken over.
 */
import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startTimeOf } from './processes.ts';

export interface DirectoryLock {
  release(): Promise<void>;
}

interface Owner {
  readonly pid: number;
  /** Undefined where the system does not tell. */
  readonly started?: string;
}

/** How long a lock that was taken over must stand before it counts: longer than another's way from looking to moving. Milliseconds. */
const settleMs = 50;

/** @throws {Error} naming the process that has the directory. */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = join(directory, 'verbena.lock');
  const started = await startTimeOf(process.pid);
  const mine = JSON.stringify({ pid: process.pid, ...(started !== undefined && { started }), token: randomUUID() });
  let tookOver = false;
  for (let attempt = 0; attempt < 20; attempt++) {
    if (await place(path, mine)) {
      if (tookOver) await delay(settleMs);
      if ((await contentOf(path)) === mine) return { release: () => release(path, mine) };
      continue;
    }
    const found = await contentOf(path);
    if (found === undefined) continue;
    const owner = parse(found);
    if (owner !== undefined && (await isRunning(owner))) {
      const who = owner.pid === process.pid ? 'this process' : `process ${owner.pid}`;
      throw new Error(`the data directory ${directory} is in use by ${who}: stop that one, or choose another directory`);
    }
    tookOver = true;
    await takeAway(path, found);
  }
  throw new Error(`could not take the lock file ${path}: other processes take it all the time`);
}

/** Puts the file there with its content, or not at all: a link is made at once, and never over another. */
async function place(path: string, content: string): Promise<boolean> {
  const aside = `${path}.${randomUUID()}`;
  await writeFile(aside, content, { flag: 'wx', mode: 0o644 });
  try {
    await link(aside, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

/** Moves a dead owner's file out of the way; if somebody was faster and it is theirs by now, it goes back. */
async function takeAway(path: string, expected: string): Promise<void> {
  if ((await contentOf(path)) !== expected) return;
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if ((await contentOf(aside)) !== expected) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}

function contentOf(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}

async function release(path: string, mine: string): Promise<void> {
  if ((await contentOf(path)) === mine) await rm(path, { force: true });
}

function parse(text: string): Owner | undefined {
  try {
    const owner = JSON.parse(text) as Partial<Owner>;
    return typeof owner.pid === 'number' ? (owner as Owner) : undefined;
  } catch {
    // A process that died while it wrote its file owns nothing.
    return undefined;
  }
}

async function isRunning({ pid, started }: Owner): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const now = await startTimeOf(pid);
  return started === undefined || now === undefined || now === started;
}
