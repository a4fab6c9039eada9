/**
 * The firmware's modules. They are built once, in a process of their own, and kept by the digest of all their sources; a process that
 * finds them built needs no compiler.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { compileOptimised } from './compile-optimised.ts';
import type { FirmwareModules } from './types.ts';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../../..');
export const FIRMWARE_DIRECTORY = join(here, '../firmware');
export const ABI_DIRECTORY = join(here, '../../guest-abi/include/verbena');
const BUILDER = join(here, 'firmware-build.ts');
/** Where a bundle has the firmware built, beside itself. */
const PREBUILT_DIRECTORY = join(here, 'firmware');
const CACHE_DIRECTORY = join(root, 'node_modules/.cache/verbena/firmware');

function digestOfSources(): string {
  const hash = createHash('sha256').update(readFileSync(BUILDER));
  for (const directory of [FIRMWARE_DIRECTORY, ABI_DIRECTORY]) {
    for (const name of readdirSync(directory).sort()) hash.update(`\0${name}\0`).update(readFileSync(join(directory, name)));
  }
  return hash.digest('hex').slice(0, 32);
}

function readOrUndefined(path: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return new Uint8Array(readFileSync(path));
  } catch {
    return undefined;
  }
}

async function built(name: FirmwarePart, digest: string): Promise<Uint8Array<ArrayBuffer>> {
  const path = join(CACHE_DIRECTORY, `${name}-${digest}.wasm`);
  const found = readOrUndefined(path);
  if (found !== undefined) return found;
  try {
    await promisify(execFile)(process.execPath, ['--conditions=verbena-source', BUILDER, CACHE_DIRECTORY, digest], { timeout: 120_000 });
  } catch (cause) {
    const text = (cause as { stderr?: string }).stderr ?? '';
    throw new Error(`the adapter's firmware in ${FIRMWARE_DIRECTORY} does not build: ${text.trim() || String(cause)}`, { cause });
  }
  const fresh = readOrUndefined(path);
  if (fresh === undefined) throw new Error(`the adapter's firmware was built, but ${path} cannot be read: is the directory writable?`);
  return fresh;
}

const parts = ['core', 'peer', 'stream', 'channel', 'channel-ordered', 'switch'] as const;
export type FirmwarePart = (typeof parts)[number];
type Binaries = Readonly<Record<FirmwarePart, Uint8Array<ArrayBuffer>>>;

let loading: Promise<FirmwareModules> | undefined;

/** The firmware's binaries: those beside us in a bundle, else built from source on first use. */
export async function firmwareBytes(): Promise<Binaries> {
  const found = parts.map((name) => [name, readOrUndefined(join(PREBUILT_DIRECTORY, `${name}.wasm`))] as const);
  if (found.every(([, bytes]) => bytes !== undefined)) return Object.fromEntries(found) as Binaries;
  const digest = digestOfSources();
  // One after the other: the first builds all of them.
  const fresh: [FirmwarePart, Uint8Array<ArrayBuffer>][] = [];
  for (const name of parts) fresh.push([name, await built(name, digest)]);
  return Object.fromEntries(fresh) as Binaries;
}

async function load(): Promise<FirmwareModules> {
  const bytes = await firmwareBytes();
  const channel = process.arch === 'x64' ? bytes['channel-ordered'] : bytes.channel;
  const modules = { core: bytes.core, peer: bytes.peer, stream: bytes.stream, channel, switch: bytes.switch };
  const compiled = await Promise.all(Object.entries(modules).map(async ([name, wasm]) => [name, await compileOptimised(wasm)] as const));
  return Object.fromEntries(compiled) as unknown as FirmwareModules;
}

/** The firmware, built on first use (some seconds) and compiled once per process. Throws an Error with the compiler's words if it cannot. */
export function loadFirmware(): Promise<FirmwareModules> {
  loading ??= load().catch((error: unknown) => {
    loading = undefined;
    throw error;
  });
  return loading;
}
