/** A program on its way through several domains, for the contract on suspending. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { vmId } from '@verbena/ids';
import { expect } from 'vitest';
import type { Domain, Hypervisor, ProgramExit, ProgramHandlers, ProgramSpec, RunningProgram } from '../port.ts';
import type { ProgramState, SuspendedProgram } from '../suspended.ts';
import type { CompiledGuest } from './compile-guest.ts';

export const mebibyte = 1 << 20;

/** Numbers that look random and are the same each time (xorshift32). */
export function seeded(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** One program, wherever it is; its output is joined over all the domains that it was in. */
export class Traveller {
  stdout = '';
  readonly #bench: SuspendBench;
  readonly #decoder = new TextDecoder();
  domain!: Domain;
  program!: RunningProgram;
  scratch = '';
  moves = 0;

  constructor(bench: SuspendBench) {
    this.#bench = bench;
  }

  get handlers(): ProgramHandlers {
    return {
      output: (_stream, data) => void (this.stdout += this.#decoder.decode(data, { stream: true })),
      rendezvous: (_generation, card) => Promise.resolve(card),
    };
  }

  async start(args: readonly string[], change: Partial<ProgramSpec> = {}): Promise<this> {
    this.scratch = this.#bench.directory();
    this.domain = await this.#bench.boot();
    this.program = await this.domain.exec({
      ...{ jobId: 'job-1', rank: 0, size: 1, hostIndex: 0, hosts: 1, nodeName: 'node-0', pkey: 7, jobSeed: 5n, env: { HOME: '/' } },
      ...{ scratchDir: this.scratch, scratchBytes: mebibyte, outputLimitBytes: mebibyte },
      args: ['guest', ...args],
      handlers: this.handlers,
      ...change,
    });
    return this;
  }

  /** To another domain, by a copy of everything. */
  async move(options: { readonly edit?: (state: ProgramState) => ProgramState } = {}): Promise<void> {
    const suspended = await this.program.suspend();
    const { program } = this;
    await this.arrive(suspended, options.edit);
    await suspended.discard();
    expect((await program.exit).cause).toBe('moved');
  }

  async arrive(suspended: SuspendedProgram, edit: (state: ProgramState) => ProgramState = (state) => state): Promise<void> {
    const target = await this.#bench.boot();
    const state = edit(structuredClone(suspended.state));
    target.incoming(suspended.memory.length).set(suspended.memory);
    const scratchDir = this.#bench.directory();
    const where = { hostIndex: ++this.moves, hosts: 100, nodeName: `node-${String(this.moves)}`, scratchDir };
    const program = await target.restore({ ...where, files: suspended.files(), handlers: this.handlers }, state);
    Object.assign(this, { domain: target, program, scratch: scratchDir });
  }

  async end(): Promise<ProgramExit & { readonly stdout: string }> {
    return { ...(await this.program.exit), stdout: this.stdout };
  }

  async says(text: string): Promise<void> {
    while (!this.stdout.includes(text)) await pause(1);
  }
}

export class SuspendBench {
  hypervisor!: Hypervisor;
  image!: CompiledGuest;
  root = '';
  #domains = 0;
  #directories = 0;

  directory(): string {
    const path = join(this.root, String(this.#directories++));
    mkdirSync(path);
    return path;
  }

  async boot(image: CompiledGuest = this.image): Promise<Domain> {
    const id = vmId(`vm-suspend-${String(this.#domains++)}`);
    const domain = await this.hypervisor.createDomain({ id, name: id, image, memoryBytes: 32 * mebibyte, vcpus: 1 });
    await domain.boot();
    return domain;
  }

  start(args: readonly string[], change: Partial<ProgramSpec> = {}): Promise<Traveller> {
    return new Traveller(this).start(args, change);
  }
}
