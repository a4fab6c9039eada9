#!/usr/bin/env node
/**
 * Starts the command line on a Node that can run it: TypeScript from source, and guests with several memories, need Node 24, which comes with
 * `npm ci`. This file itself is plain JavaScript for whatever Node found it. Where the system lets a process become another, this one does; else
 * it starts a child, passes signals and the exit code on, and takes the child along when it is killed.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const wanted = 24;
const here = dirname(fileURLToPath(import.meta.url));

/** The Node that npm installed for this platform, wherever npm has put it. */
function installedNode() {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  try {
    const directory = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
    const path = join(directory, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

function startChild(node, args) {
  // The child holds the other end of descriptor 3, and ends in order when this process is gone.
  const child = spawn(node, args, { stdio: ['inherit', 'inherit', 'inherit', 'pipe'], env: { ...process.env, VERBENA_LAUNCHER: 'fd3' } });
  // A terminal sends Ctrl-C to the child as well; the child takes two that come together for one.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`verbena: cannot start ${node}: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(signal ? 128 + (constants.signals[signal] ?? 0) : (code ?? 1)));
}

const node = Number.parseInt(process.versions.node, 10) >= wanted ? process.execPath : installedNode();
if (node === undefined) {
  const advice = '"npm ci" in the repository brings one, or install it yourself';
  console.error(`verbena: needs Node ${wanted} or later, and this is ${process.version}. ${advice}.`);
  process.exit(1);
}
const args = [
  '--conditions=verbena-source',
  '--disable-warning=ExperimentalWarning',
  join(here, '../src/main.ts'),
  ...process.argv.slice(2),
];
if (typeof process.execve === 'function') process.execve(node, [node, ...args], process.env);
startChild(node, args);
