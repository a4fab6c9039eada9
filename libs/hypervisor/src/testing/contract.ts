/** What every driver of the Hypervisor port must do. The suite's guest is contract-guest.c; each test names the failure it catches. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vmId } from '@verbena/ids';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Domain, DomainConfig, DomainState, Hypervisor, ProgramExit, ProgramSpec, RunningProgram } from '../port.ts';
import { compileGuestFile, type CompiledGuest } from './compile-guest.ts';

export interface HypervisorUnderTest {
  readonly hypervisor: Hypervisor;
  /** Lines that guests wrote to the hypervisor's log. */
  readonly guestLog: readonly string[];
}

interface Ended extends ProgramExit {
  readonly stdout: string;
  readonly stderr: string;
}

const mebibyte = 1 << 20;

/** The suite's world: one hypervisor for all tests, a directory for each. */
class Bench {
  hypervisor!: Hypervisor;
  guestLog: readonly string[] = [];
  image!: CompiledGuest;
  scratch = '';
  #numbers = 0;

  config(change: Partial<DomainConfig> = {}): DomainConfig {
    const id = vmId(`vm-${String(this.#numbers++)}`);
    return { id, name: id, image: this.image, memoryBytes: 64 * mebibyte, vcpus: 1, ...change };
  }

  async boot(change: Partial<DomainConfig> = {}): Promise<Domain> {
    const domain = await this.hypervisor.createDomain(this.config(change));
    await domain.boot();
    return domain;
  }

  spec(args: readonly string[], change: Partial<ProgramSpec> = {}): ProgramSpec {
    return {
      ...{ jobId: 'job-1', rank: 0, size: 1, hostIndex: 0, hosts: 1, nodeName: 'node-0', pkey: 7, jobSeed: 5n, env: {} },
      ...{ scratchDir: this.scratch, scratchBytes: mebibyte, outputLimitBytes: mebibyte },
      args: ['guest', ...args],
      handlers: { output: () => undefined, rendezvous: (_generation, card) => Promise.resolve(card) },
      ...change,
    };
  }

  async start(
    domain: Domain,
    args: readonly string[],
    change: Partial<ProgramSpec> = {},
  ): Promise<{ program: RunningProgram; ended: Promise<Ended>; printed: Promise<void> }> {
    const text = { stdout: '', stderr: '' };
    const printed = Promise.withResolvers<undefined>();
    const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
    const spec = this.spec(args, change);
    const output = (stream: 'stdout' | 'stderr', data: Uint8Array): void => {
      text[stream] += decoders[stream].decode(data, { stream: true });
      printed.resolve(undefined);
    };
    const program = await domain.exec({ ...spec, handlers: { output, rendezvous: spec.handlers.rendezvous, ...change.handlers } });
    return { program, ended: program.exit.then((exit) => ({ ...exit, ...text })), printed: printed.promise };
  }

  async run(domain: Domain, args: readonly string[], change: Partial<ProgramSpec> = {}): Promise<Ended> {
    return (await this.start(domain, args, change)).ended;
  }

  /** Boots a domain for one program. */
  async once(args: readonly string[], change: Partial<ProgramSpec> = {}): Promise<Ended> {
    return this.run(await this.boot(), args, change);
  }
}

/** Polls until `condition` holds; the test's time-out is the bound. */
async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** Registers the suite. `make` is called once. */
export function hypervisorContract(name: string, make: () => Promise<HypervisorUnderTest>): void {
  describe(`${name} keeps the contract of a hypervisor`, () => {
    const bench = new Bench();
    beforeAll(async () => {
      bench.image = await compileGuestFile('contract-guest.c');
      const { hypervisor, guestLog } = await make();
      Object.assign(bench, { hypervisor, guestLog });
    }, 120_000);
    beforeEach(() => (bench.scratch = mkdtempSync(join(tmpdir(), 'verbena-contract-'))));
    afterEach(async () => {
      await Promise.all(bench.hypervisor.domains().map((domain) => domain.destroy('the test is over')));
      rmSync(bench.scratch, { recursive: true, force: true });
    });
    afterAll(() => bench.hypervisor.close());

    describe('programs', () => programs(bench));
    describe('ends', () => ends(bench));
    describe('kill, pause and destroy', () => control(bench));
    describe('the virtual disk', () => disk(bench));
    describe('hostile guests', () => hostile(bench));
    describe('domains', () => lifecycle(bench));
  });
}

function programs(bench: Bench): void {
  it('gives a program its arguments, its environment and its two streams', async () => {
    const ended = await bench.once(['hello', 'world', 'ä ö'], { env: { GREETING: 'ahoi' } });
    expect(ended).toMatchObject({ cause: 'exited', exitCode: 0, detail: '', stdout: 'hello\nworld\nä ö\n', stderr: 'GREETING=ahoi\n' });
  });

  it('writes the boot information', async () => {
    const domain = await bench.boot();
    const { stdout } = await bench.run(domain, ['boot-info'], { rank: 3, size: 8, hostIndex: 1, hosts: 4 });
    expect(stdout).toContain('magic=49424256 abi=1 rank=3 size=8 host=1/4 pkey=7 seed=5 memory=67108864');
    expect(stdout).toContain(`job=job-1 vm=${domain.id} node=node-0`);
  });

  it('feeds standard input, then its end', async () => {
    const stdin = new TextEncoder().encode('first\nsecond');
    expect((await bench.once(['echo'], { stdin })).stdout).toBe('first\nsecond');
    expect((await bench.once(['echo'])).stdout).toBe('');
  });

  it('keeps the order within each stream, and delivers all of it', async () => {
    const { stdout, stderr } = await bench.once(['two-streams']);
    expect(stdout).toBe(Array.from({ length: 20_000 }, (_, i) => `out ${String(i)}\n`).join(''));
    expect(stderr.split('\n').filter((line) => line !== '')).toHaveLength(20);
  });

  it('sleeps for a time-out, and not at all when an event came before', async () => {
    expect((await bench.once(['nap'])).stdout).toBe('timed out 1, woken 0\n');
  });

  it('tells the time', async () => {
    expect((await bench.once(['clocks'])).stdout).toBe('slept enough, year plausible, poll 1\n');
  });

  it('exchanges cards in rendezvous, generation by generation', async () => {
    const [one, two] = await Promise.all([bench.boot(), bench.boot()]);
    const given = new Map<number, { cards: Uint8Array[]; all: PromiseWithResolvers<Uint8Array> }>();
    const handlersOf = (rank: number): ProgramSpec['handlers'] => ({
      output: () => undefined,
      rendezvous: (generation, card) => {
        const meeting = given.get(generation) ?? { cards: [], all: Promise.withResolvers<Uint8Array>() };
        given.set(generation, meeting);
        meeting.cards[rank] = card;
        if (meeting.cards.filter(Boolean).length === 2) meeting.all.resolve(Buffer.concat(meeting.cards));
        return meeting.all.promise;
      },
    });
    const texts = ['', ''];
    const exits = [one, two].map(async (domain, rank) => {
      const output = (_stream: string, data: Uint8Array): void => void (texts[rank] += new TextDecoder().decode(data));
      const program = await domain.exec(bench.spec(['rendezvous'], { rank, size: 2, handlers: { ...handlersOf(rank), output } }));
      return program.exit;
    });
    expect((await Promise.all(exits)).map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    expect(texts).toEqual(['8 bytes: 100 101\n8 bytes: 100 101\n', '8 bytes: 100 101\n8 bytes: 100 101\n']);
    expect([...given.keys()]).toEqual([0, 1]);
  });

  it('reports a rendezvous that failed to the guest', async () => {
    const text: string[] = [];
    const handlers = {
      output: (_: string, data: Uint8Array) => void text.push(new TextDecoder().decode(data)),
      rendezvous: () => Promise.reject(new Error('a rank died')),
    };
    const domain = await bench.boot();
    await (
      await domain.exec(bench.spec(['rendezvous'], { handlers }))
    ).exit;
    expect(text.join('')).toBe('-19 bytes:\n-19 bytes:\n');
  });

  it('keeps an answer that comes too late from the next program', async () => {
    const domain = await bench.boot();
    const late = Promise.withResolvers<Uint8Array>();
    const asked = Promise.withResolvers<undefined>();
    const stopped = await domain.exec(
      bench.spec(['rendezvous'], {
        handlers: {
          output: () => undefined,
          rendezvous: () => {
            asked.resolve(undefined);
            return late.promise;
          },
        },
      }),
    );
    await asked.promise;
    await stopped.kill('cancelled');
    late.reject(new Error('the job is over'));
    await late.promise.catch(() => undefined);
    const text: string[] = [];
    const output = (_: string, data: Uint8Array): void => void text.push(new TextDecoder().decode(data));
    await (
      await domain.exec(bench.spec(['rendezvous'], { handlers: { output, rendezvous: (_generation, card) => Promise.resolve(card) } }))
    ).exit;
    expect(text.join('')).toBe('4 bytes: 100\n4 bytes: 100\n');
  });

  it('counts hypercalls by name and all operations of the VMM', async () => {
    const { counters } = await bench.once(['counted']);
    expect(counters.hypercalls['version']).toBe(5);
    expect(counters.vmmOperations).toBe(Object.values(counters.hypercalls).reduce((a, b) => a + b, 0));
    expect(counters).toMatchObject({ dataPathVmmOperations: 0, messagesSent: 0, outputBytes: 0 });
    expect(counters.memoryBytes).toBeGreaterThan(8 * mebibyte);
  });

  it('runs program after program in one domain, each in zeroed memory of the first size', async () => {
    const domain = await bench.boot();
    const first = await bench.run(domain, ['memory']);
    expect(first.stdout).toMatch(/^pages \d+, zero\n$/);
    expect(await bench.run(domain, ['memory'])).toMatchObject({ stdout: first.stdout });
    expect(domain.state).toBe('idle');
  });

  it('passes a line to the hypervisor’s log, without its control characters', async () => {
    await bench.once(['log']);
    expect(bench.guestLog.at(-1)).toBe('a word to the hypervisor\ufffd[31m');
  });
}

function ends(bench: Bench): void {
  it('gives the exit code', async () => {
    expect(await bench.once(['exit', '3'])).toMatchObject({ cause: 'exited', exitCode: 3 });
  });

  it('tells when MPI was initialised and not finalised', async () => {
    expect(await bench.once(['no-finalize'])).toMatchObject({ cause: 'no-finalize', exitCode: 0 });
    expect(await bench.once(['no-finalize', '5'])).toMatchObject({ cause: 'no-finalize', exitCode: 5 });
    expect(await bench.once(['finalized'])).toMatchObject({ cause: 'exited', exitCode: 0 });
  });

  it('ends the program at MPI_Abort, with its code and text', async () => {
    expect(await bench.once(['mpi-abort'])).toMatchObject({
      cause: 'mpi-abort',
      exitCode: 42,
      detail: 'the matrix is singular',
      stdout: '',
    });
  });

  it.each([
    ['trap-wild', /out of bounds/, 'dereference'],
    ['trap-divide', /division by zero/, 'divide'],
    ['trap-call', /function pointer/, 'trap_call'],
    ['trap-stack', /stack overflow/, 'recurse'],
    ['trap-calls', /stack overflow/, 'shallow'],
  ])('reports %s in plain words and with the names of the functions', async (behaviour, words, where) => {
    const domain = await bench.boot();
    const ended = await bench.run(domain, [behaviour], { rank: 2, size: 3 });
    expect(ended).toMatchObject({ cause: 'trapped', exitCode: 134 });
    expect(ended.detail).toMatch(words);
    expect(ended.detail).toMatch(/^rank 2: /);
    expect(ended.detail).toMatch(new RegExp(`#0 ${where} `));
    if (!behaviour.includes('stack') && !behaviour.includes('calls')) expect(ended.detail).toContain('main');
    expect(ended.detail.length).toBeLessThan(4096);
    expect((await bench.run(domain, ['hello'])).stdout, 'the domain works on').toBe('hello\n');
  });

  it('does not let a program get away with a write through a null pointer', async () => {
    const domain = await bench.boot();
    const ended = await bench.run(domain, ['null-write'], { rank: 1, size: 2 });
    expect(ended).toMatchObject({ cause: 'trapped', exitCode: 134 });
    expect(ended.stdout).toMatch(/^before\n/);
    expect(ended.detail).toMatch(/^rank 1: a write through a null pointer, at address 0x4: .*malloc/);
    expect((await bench.run(domain, ['hello'])).stdout, 'the domain works on').toBe('hello\n');
  });

  it('traps what is reached through a pointer that was read through a null pointer', async () => {
    const ended = await bench.once(['null-read']);
    expect(ended).toMatchObject({ cause: 'trapped', exitCode: 134, stdout: 'before\n' });
    expect(ended.detail).toMatch(/out of bounds[^]*null_read/);
  });

  it('ends a program that goes on for ever with memory that it did not get', async () => {
    const ended = await bench.once(['null-loop']);
    expect(ended).toMatchObject({ cause: 'out-of-memory', exitCode: 134 });
    expect(ended.detail).toMatch(/ran out of memory: its limit is \d+ MiB[^]*null pointer/);
  });

  it('delivers what was written before a trap', async () => {
    expect((await bench.once(['trap-wild'])).stdout).toBe('before the trap');
  });

  it('keeps the message of a failed assertion', async () => {
    const ended = await bench.once(['trap-assert']);
    expect(ended).toMatchObject({ cause: 'trapped', exitCode: 134 });
    expect(ended.stderr).toContain('the sky is green');
    expect(ended.detail).toContain('trap_assert');
  });

  it('says that memory ran out, and how much there was', async () => {
    const ended = await bench.once(['out-of-memory']);
    expect(ended).toMatchObject({ cause: 'out-of-memory', exitCode: 134 });
    expect(ended.detail).toContain('its limit is 64 MiB');
    expect(ended.counters.memoryBytes).toBeLessThanOrEqual(64 * mebibyte);
  });

  it('believes a guest that its heap could not grow, if it ended badly', async () => {
    expect(await bench.once(['out-of-memory-told', '1'])).toMatchObject({ cause: 'out-of-memory', exitCode: 1 });
    expect(await bench.once(['out-of-memory-told', '0'])).toMatchObject({ cause: 'exited', exitCode: 0 });
  });

  it('ends a program that writes without end at its limit', async () => {
    const ended = await bench.once(['flood'], { outputLimitBytes: 100_000 });
    expect(ended).toMatchObject({ cause: 'output-limit', exitCode: 137 });
    expect(ended.stdout).toHaveLength(100_000);
    expect(ended.counters.outputBytes).toBe(100_000);
  });

  it('holds a program back while its output is not taken, and loses nothing', async () => {
    const domain = await bench.boot();
    const gate = Promise.withResolvers<undefined>();
    let bytes = 0;
    let calls = 0;
    const output = async (_stream: string, data: Uint8Array): Promise<void> => {
      bytes += data.length;
      if (calls++ === 0) await gate.promise;
    };
    const program = await domain.exec(
      bench.spec(['flood'], { outputLimitBytes: 64 * mebibyte, handlers: { output, rendezvous: () => Promise.reject(new Error('none')) } }),
    );
    let before = -1;
    await eventually(() => {
      const now = domain.counters().outputBytes;
      const stands = now === before && now > 100_000;
      before = now;
      return stands;
    });
    expect(domain.counters().outputBytes).toBeLessThan(4 * mebibyte);
    gate.resolve(undefined);
    expect(await program.exit).toMatchObject({ cause: 'output-limit' });
    expect(bytes).toBe(64 * mebibyte);
  });

  it('says so when output could not be delivered', async () => {
    const handlers = { output: () => Promise.reject(new Error('the disk is full')), rendezvous: () => Promise.reject(new Error('none')) };
    const domain = await bench.boot();
    const exit = await (await domain.exec(bench.spec(['hello'], { handlers }))).exit;
    expect(exit.detail).toContain('output was lost: the disk is full');
  });
}

function control(bench: Bench): void {
  it.each(['loop', 'block', 'sleep', 'loop-with-calls', 'flood'])('kills a program in %s', async (behaviour) => {
    const domain = await bench.boot();
    const { program, ended, printed } = await bench.start(domain, [behaviour], { outputLimitBytes: Number.MAX_SAFE_INTEGER });
    await printed;
    await program.kill('walltime of 1 s exceeded');
    expect(await ended).toMatchObject({ cause: 'killed', exitCode: 137, detail: 'walltime of 1 s exceeded' });
    expect(['idle', 'crashed']).toContain(domain.state);
    expect((await ended).stdout.length).toBeGreaterThan(0);
  });

  it('counts the processor time of a program that it had to stop', async () => {
    const domain = await bench.boot();
    const { program, ended, printed } = await bench.start(domain, ['loop']);
    await printed;
    await new Promise((resolve) => setTimeout(resolve, 100));
    await program.kill('enough');
    expect((await ended).counters.cpuSeconds).toBeGreaterThan(0);
  });

  it('keeps the domain when the program was at a safepoint', async () => {
    const domain = await bench.boot();
    const { program, printed } = await bench.start(domain, ['block']);
    await printed;
    await eventually(() => domain.activity().blocked);
    await program.kill('cancelled');
    expect(domain.state).toBe('idle');
    expect((await bench.run(domain, ['hello'])).stdout).toBe('hello\n');
  });

  it('lets a crashed domain only be destroyed', async () => {
    const domain = await bench.boot();
    const { program, printed } = await bench.start(domain, ['loop']);
    await printed;
    await program.kill('cancelled');
    expect(domain.state).toBe('crashed');
    await expect(domain.exec(bench.spec(['hello']))).rejects.toThrow(/crashed/);
    await domain.destroy('of no use');
    expect(domain.state).toBe('shut-down');
  });

  it('survives a second kill, and one after the end', async () => {
    const domain = await bench.boot();
    const { program, ended, printed } = await bench.start(domain, ['sleep']);
    await printed;
    await Promise.all([program.kill('first'), program.kill('second')]);
    await program.kill('third');
    expect((await ended).detail).toBe('first');
  });

  it('shows a guest that sleeps for ever, and what it says that it waits for', async () => {
    const domain = await bench.boot();
    const { printed } = await bench.start(domain, ['block']);
    await printed;
    await eventually(() => domain.activity().blocked);
    expect(domain.activity()).toMatchObject({ blocked: true, waitsFor: 'MPI_Recv(source=3, tag=7)\ufffd[2J', mpiState: 'initialized' });
    const before = domain.activity().activity;
    expect(domain.activity().activity).toBe(before);
  });

  it('pauses a guest at its next call, and resumes it', async () => {
    const domain = await bench.boot();
    const { program, printed } = await bench.start(domain, ['loop-with-calls']);
    await printed;
    await domain.pause();
    expect(domain.state).toBe('paused');
    const calls = domain.counters().vmmOperations;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(domain.counters().vmmOperations).toBe(calls);
    await domain.resume();
    expect(domain.state).toBe('running');
    await eventually(() => domain.counters().vmmOperations > calls);
    await domain.pause();
    await program.kill('also while it is paused');
    expect(domain.state).toBe('idle');
  });

  it('does not let a paused guest run when its sleep ends', async () => {
    const domain = await bench.boot();
    const { ended } = await bench.start(domain, ['clocks']);
    await domain.pause();
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (domain.state === 'paused') await domain.resume();
    expect((await ended).stdout).toContain('slept enough');
  });

  it.each(['loop', 'block', 'flood'])('destroys a domain whose program is in %s', async (behaviour) => {
    const domain = await bench.boot();
    const { ended, printed } = await bench.start(domain, [behaviour], { outputLimitBytes: Number.MAX_SAFE_INTEGER });
    await printed;
    await domain.destroy('evacuated');
    expect(domain.state).toBe('shut-down');
    expect(bench.hypervisor.domain(domain.id)).toBeUndefined();
    expect(await ended).toMatchObject({ cause: 'killed', detail: 'evacuated' });
  });
}

function disk(bench: Bench): void {
  it('behaves as C programs expect', async () => {
    expect(await bench.once(['files'])).toMatchObject({
      exitCode: 0,
      stdout: 'line two\nsize 14\nentry .\nentry ..\nentry moved.txt\ncwd /\ndone\n',
      stderr: 'to stderr\n',
    });
    expect(readFileSync(join(bench.scratch, 'dir', 'moved.txt'), 'utf8')).toBe('one\ntwo');
  });

  it('cannot be left, by any path or link', async () => {
    mkdirSync(join(bench.scratch, 'root'));
    writeFileSync(join(bench.scratch, 'secret'), 'secret');
    symlinkSync(join(bench.scratch, 'secret'), join(bench.scratch, 'root', 'link'));
    symlinkSync(bench.scratch, join(bench.scratch, 'root', 'link-dir'));
    const { stdout } = await bench.once(['escape'], { scratchDir: join(bench.scratch, 'root') });
    expect(stdout).not.toContain('OPEN');
    expect(stdout).toContain('symlink -1, link -1');
    expect(stdout).toContain('link: Symbolic link loop');
    expect(readFileSync(join(bench.scratch, 'secret'), 'utf8')).toBe('secret');
  });

  it('has a quota for bytes, holes, deleted files and empty files', async () => {
    const { stdout } = await bench.once(['quota']);
    expect(stdout.split('\n')).toEqual([
      'full after 983040: No space left on device',
      'hole: -1 No space left on device',
      'truncate: -1 No space left on device',
      'deleted but open: No space left on device',
      'after close: 65536',
      'empty files end: No space left on device',
      '',
    ]);
  });

  it('counts what lies there already', async () => {
    writeFileSync(join(bench.scratch, 'input'), new Uint8Array(900_000));
    expect((await bench.once(['quota'])).stdout).toContain('full after 131072:');
  });

  it('bounds open files and the depth of directories', async () => {
    expect((await bench.once(['many-files'])).stdout).toMatch(/^\d+ more, then No file descriptors available\n$/);
    expect((await bench.once(['deep-tree'])).stdout).toMatch(/^\d+ deep: /);
  });
}

function hostile(bench: Bench): void {
  it.each(['bad-hypercalls', 'bad-wasi'])('survives every call with bad pointers and lengths (%s)', async (behaviour) => {
    const domain = await bench.boot();
    expect((await bench.run(domain, [behaviour], { scratchBytes: 64 * mebibyte })).stdout).toMatch(/alive after \d+ rounds\n$/);
    expect((await bench.run(domain, ['hello'])).stdout).toBe('hello\n');
  });

  it('answers unknown and misplaced hypercalls with an error number', async () => {
    expect((await bench.once(['bad-hypercalls'])).stdout).toContain('unknown -38, wrong import -22, bad pointer -14, far number -38');
  });

  it('leaves other domains running when one traps', async () => {
    const [victim, bystander] = await Promise.all([bench.boot(), bench.boot()]);
    const { program, printed, ended } = await bench.start(bystander, ['loop-with-calls']);
    await printed;
    await bench.run(victim, ['trap-wild']);
    const calls = bystander.counters().vmmOperations;
    await eventually(() => bystander.counters().vmmOperations > calls);
    await program.kill('done');
    expect((await ended).cause).toBe('killed');
  });
}

function lifecycle(bench: Bench): void {
  it('goes through its states and tells them', async () => {
    const domain = await bench.hypervisor.createDomain(bench.config());
    const states: DomainState[] = [domain.state];
    const stop = domain.onState((state) => states.push(state));
    await domain.boot();
    await bench.run(domain, ['hello']);
    await domain.destroy('done');
    stop();
    expect(states).toEqual(['created', 'booting', 'idle', 'running', 'idle', 'shut-down']);
  });

  it('refuses what does not fit its state, and names it', async () => {
    const domain = await bench.hypervisor.createDomain(bench.config());
    await expect(domain.exec(bench.spec(['hello']))).rejects.toThrow(/is created/);
    await expect(domain.pause()).rejects.toThrow(/is created/);
    await expect(domain.resume()).rejects.toThrow(/is created/);
    await domain.boot();
    await expect(domain.boot()).rejects.toThrow(/is idle/);
    await domain.destroy('done');
    await domain.destroy('once more');
    await expect(domain.boot()).rejects.toThrow(/is shut-down/);
  });

  it('can be destroyed while it boots, and before', async () => {
    const booting = await bench.hypervisor.createDomain(bench.config());
    const boot = booting.boot().catch((error: unknown) => error);
    await booting.destroy('changed my mind');
    await boot;
    expect(booting.state).toBe('shut-down');
    const created = await bench.hypervisor.createDomain(bench.config());
    await created.destroy('never mind');
    expect(bench.hypervisor.domains()).toEqual([]);
  });

  it('refuses more virtual processors than it has, odd memory sizes, and a name twice', async () => {
    await expect(bench.hypervisor.createDomain(bench.config({ vcpus: 0 }))).rejects.toThrow(/0 vCPUs/);
    await expect(bench.hypervisor.createDomain(bench.config({ memoryBytes: 100_000 }))).rejects.toThrow(/100000 bytes/);
    await expect(bench.hypervisor.createDomain(bench.config({ memoryBytes: mebibyte }))).rejects.toThrow(/image needs/);
    const domain = await bench.hypervisor.createDomain(bench.config());
    await expect(bench.hypervisor.createDomain(bench.config({ id: domain.id }))).rejects.toThrow(/exists already/);
  });

  it('refuses an image that is no guest', async () => {
    const image = { digest: 'sha256:garbage', wasm: new Uint8Array([1, 2, 3]) };
    await expect(bench.hypervisor.createDomain(bench.config({ image }))).rejects.toThrow(/cannot run here/);
  });

  it('finds its domains', async () => {
    const domain = await bench.boot();
    expect(bench.hypervisor.domain(domain.id)).toBe(domain);
    expect(bench.hypervisor.domains()).toEqual([domain]);
  });
}
