/**
 * The peer of migrations: QEMU, which moves a small emulated PC from one process to another over a Unix socket. The PC boots from a sector that holds
 * and writes memory as our guest does (programs/dirty.S).
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createConnection, type Socket } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);
const emulator = 'qemu-system-x86_64';
const bootSector = new URL('../programs/dirty.S', import.meta.url).pathname;
const patienceMs = 120_000;

export interface MovedPc {
  readonly totalMs: number;
  readonly downtimeMs: number;
}

export interface Load {
  readonly memoryMib: number;
  readonly usedMib: number;
  readonly pagesPerMs: number;
}

export async function qemuInstalled(): Promise<boolean> {
  return Promise.all([exec(emulator, ['--version']), exec('as', ['--version']), exec('ld', ['--version'])]).then(
    () => true,
    () => false,
  );
}

/**
 * Boots a PC, lets it run until its memory is in use, and moves it once.
 * @param unbound without QEMU's usual limit of 128 MiB a second, and with 50 ms to stand, as ours has
 */
export async function moveQemu({ memoryMib, usedMib, pagesPerMs }: Load, unbound: boolean): Promise<MovedPc> {
  const directory = await mkdtemp(join(tmpdir(), 'verbena-qemu-'));
  const at = (name: string): string => join(directory, name);
  const processes: ChildProcess[] = [];
  const sockets: Socket[] = [];
  try {
    await exec('as', ['--32', '--defsym', `MIB=${usedMib}`, '--defsym', `PAGES=${pagesPerMs}`, '-o', at('sector.o'), bootSector]);
    await exec('ld', ['-m', 'elf_i386', '-Ttext', '0x7c00', '--oformat', 'binary', '-o', at('sector'), at('sector.o')]);
    const machine = ['-M', 'pc', '-accel', 'tcg', '-m', String(memoryMib), '-nodefaults', '-display', 'none', '-no-reboot', '-snapshot'];
    const start = (name: string, ...more: readonly string[]): ChildProcess => {
      const disk = ['-drive', `file=${at('sector')},format=raw,if=ide`, '-serial', 'stdio', '-qmp', `unix:${at(name)},server=on,wait=off`];
      const child = spawn(emulator, [...machine, ...disk, ...more], { stdio: ['ignore', 'pipe', 'inherit'] });
      processes.push(child);
      return child;
    };
    const source = start('source');
    start('target', '-incoming', `unix:${at('way')}`);
    const [control] = await Promise.all([monitor(at('source'), sockets), monitor(at('target'), sockets), said(source, 'R')]);
    if (unbound) await control('migrate-set-parameters', { 'max-bandwidth': 2 ** 40, 'downtime-limit': 50 });
    await control('migrate', { uri: `unix:${at('way')}` });
    for (;;) {
      const told = await control('query-migrate');
      if (told['status'] === 'failed') throw new Error(`QEMU could not move its machine: ${JSON.stringify(told)}`);
      if (told['status'] === 'completed') return { totalMs: Number(told['total-time']), downtimeMs: Number(told['downtime']) };
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  } finally {
    for (const socket of sockets) socket.destroy();
    for (const child of processes) child.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  }
}

type Monitor = (command: string, given?: Readonly<Record<string, unknown>>) => Promise<Readonly<Record<string, unknown>>>;

/** QEMU's machine protocol: a line of JSON for each command and each answer; events in between are of no interest. */
async function monitor(path: string, sockets: Socket[]): Promise<Monitor> {
  const socket = await connected(path);
  sockets.push(socket);
  let text = '';
  const waiting: ((answer: Readonly<Record<string, unknown>>) => void)[] = [];
  socket.on('data', (piece: Buffer) => {
    text += piece.toString();
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) {
      const message = JSON.parse(line) as Readonly<Record<string, unknown>>;
      if ('return' in message || 'error' in message) waiting.shift()?.(message);
    }
  });
  const control: Monitor = async (command, given) => {
    const answer = new Promise<Readonly<Record<string, unknown>>>((resolve) => waiting.push(resolve));
    socket.write(`${JSON.stringify({ execute: command, ...(given === undefined ? {} : { arguments: given }) })}\n`);
    const message = await answer;
    if ('error' in message) throw new Error(`QEMU refuses ${command}: ${JSON.stringify(message['error'])}`);
    return message['return'] as Readonly<Record<string, unknown>>;
  };
  await control('qmp_capabilities');
  return control;
}

async function connected(path: string): Promise<Socket> {
  const end = performance.now() + patienceMs;
  for (;;) {
    const socket = createConnection(path);
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      socket.destroy();
      if (performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

function said(child: ChildProcess, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the emulated PC did not say ${what}`)), patienceMs);
    child.stdout?.on('data', (piece: Buffer) => {
      if (!piece.toString().includes(what)) return;
      clearTimeout(timer);
      resolve();
    });
  });
}
