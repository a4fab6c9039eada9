/** Guests that no C compiler writes: in WebAssembly text, against the embedded driver. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vmId } from '@verbena/ids';
import binaryen from 'binaryen';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Domain, Hypervisor, RunningProgram } from '../port.ts';
import { createEmbeddedHypervisor } from './driver.ts';

const prelude = `(import "env" "memory" (memory 200 65536 shared))
  (import "verbena" "hypercall" (func $hypercall (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))`;

function assemble(body: string): Uint8Array {
  const module = binaryen.parseText(`(module ${prelude} ${body})`);
  const { Atomics, BulkMemory, MutableGlobals, ExceptionHandling } = binaryen.Features;
  module.setFeatures(Atomics | BulkMemory | MutableGlobals | ExceptionHandling);
  return module.emitBinary();
}

describe('the embedded driver against hostile modules', () => {
  let hypervisor: Hypervisor;
  let scratchDir: string;
  let number = 0;
  beforeAll(async () => {
    hypervisor = await createEmbeddedHypervisor({ poolSize: 1 });
    scratchDir = mkdtempSync(join(tmpdir(), 'verbena-hostile-'));
  });
  afterAll(async () => {
    await hypervisor.close();
    rmSync(scratchDir, { recursive: true, force: true });
  });

  async function start(body: string): Promise<{ domain: Domain; program: RunningProgram }> {
    const id = vmId(`vm-hostile-${String(number++)}`);
    const domain = await hypervisor.createDomain({
      id,
      name: id,
      image: { digest: id, wasm: assemble(body) },
      memoryBytes: 64 << 20,
      vcpus: 1,
    });
    await domain.boot();
    const program = await domain.exec({
      ...{ jobId: 'job-1', rank: 0, size: 1, hostIndex: 0, hosts: 1, nodeName: 'node-0', pkey: 1, jobSeed: 1n, args: ['a'], env: {} },
      ...{ scratchDir, scratchBytes: 1 << 20, outputLimitBytes: 1 << 20 },
      handlers: { output: () => undefined, rendezvous: (_generation, card) => Promise.resolve(card) },
    });
    return { domain, program };
  }

  it('stops a program that catches its own end, and keeps the reason', async () => {
    const { domain, program } = await start(`(func (export "_start")
      (loop $again
        (try (do (call $exit (i32.const 5))) (catch_all))
        (br $again)))`);
    expect(await program.exit).toMatchObject({ cause: 'exited', exitCode: 5 });
    expect(domain.state).toBe('crashed');
  });

  it('kills a program that sleeps in the processor’s own wait instruction', async () => {
    const { program } = await start(`(func (export "_start")
      (drop (memory.atomic.wait32 (i32.const 64) (i32.const -1) (i64.const -1))))`);
    await program.kill('walltime');
    expect(await program.exit).toMatchObject({ cause: 'killed', exitCode: 137, detail: 'walltime' });
  });

  it('kills a module that loops while it is instantiated', async () => {
    const { program } = await start('(func $init (loop $again (br $again))) (start $init) (func (export "_start"))');
    await program.kill('walltime');
    expect((await program.exit).cause).toBe('killed');
  });

  it('reports a module that traps while it is instantiated', async () => {
    const { domain, program } = await start('(func $init unreachable) (start $init) (func (export "_start"))');
    expect(await program.exit).toMatchObject({ cause: 'trapped', exitCode: 134 });
    expect(domain.state).toBe('idle');
  });

  it('gives no more memory than the limit', async () => {
    const { program } = await start(`(func (export "_start")
      (if (i32.ne (memory.grow (i32.const 60000)) (i32.const -1)) (then (call $exit (i32.const 1))))
      (if (i32.eq (memory.grow (i32.const 824)) (i32.const -1)) (then (call $exit (i32.const 2))))
      (if (i32.ne (memory.grow (i32.const 1)) (i32.const -1)) (then (call $exit (i32.const 3)))))`);
    expect(await program.exit).toMatchObject({ cause: 'exited', exitCode: 0, counters: { memoryBytes: 64 << 20 } });
  });

  it('survives a hypercall on the last piece of its stack', async () => {
    const { domain, program } =
      await start(`(func $deep (drop (call $hypercall (i32.const 1) (i32.const 0) (i32.const 64) (i32.const 0) (i32.const 0))) (call $deep))
      (func (export "_start") (call $deep))`);
    const exit = await program.exit;
    expect(exit).toMatchObject({ cause: 'trapped', exitCode: 134 });
    expect(exit.detail).toContain('stack overflow');
    expect(domain.state).toBe('idle');
  });

  it('refuses a module with imports that no guest is given', async () => {
    const wasm = assemble('(import "env" "system" (func)) (func (export "_start"))');
    const config = { id: vmId('vm-imports'), name: 'vm-imports', image: { digest: 'imports', wasm }, memoryBytes: 64 << 20, vcpus: 1 };
    await expect(hypervisor.createDomain(config)).rejects.toThrow(/env\.system/);
  });
});
