/** What every driver must do with programs that leave their thread. The guest is suspend-guest.c; each test names the failure it catches. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ProgramState } from '../suspended.ts';
import { compileGuestFile } from './compile-guest.ts';
import type { HypervisorUnderTest } from './contract.ts';
import { mebibyte, pause, seeded, SuspendBench } from './suspend-bench.ts';

/** Registers the suite. `make` is called once. */
export function suspendContract(name: string, make: () => Promise<HypervisorUnderTest>): void {
  describe(`${name} suspends and restores programs`, () => {
    const bench = new SuspendBench();
    beforeAll(async () => {
      bench.image = await compileGuestFile('suspend-guest.c', true);
      ({ hypervisor: bench.hypervisor } = await make());
    }, 120_000);
    beforeEach(() => (bench.root = mkdtempSync(join(tmpdir(), 'verbena-suspend-'))));
    afterEach(async () => {
      await Promise.all(bench.hypervisor.domains().map((domain) => domain.destroy('the test is over')));
      rmSync(bench.root, { recursive: true, force: true });
    });
    afterAll(() => bench.hypervisor.close());

    describe('in place', () => inPlace(bench));
    describe('in another domain', () => elsewhere(bench));
    describe('at its safepoint', () => safepoint(bench));
  });
}

const steps = 12;

function inPlace(bench: SuspendBench): void {
  it('goes on with its locals, its heap and its clock, as often as one likes', async () => {
    const plain = await (await bench.start(['steps', String(steps)])).end();
    expect(plain).toMatchObject({ cause: 'exited', exitCode: 3 });
    const other = await bench.start(['steps', String(steps)]);
    const random = seeded(1);
    let suspensions = 0;
    for (; suspensions < 10; suspensions++) {
      await pause(random(4));
      try {
        const suspended = await other.program.suspend();
        expect(other.domain.state).toBe('suspended');
        await pause(random(3));
        await suspended.resume();
        expect(other.domain.state).toBe('running');
      } catch {
        break;
      }
    }
    expect(suspensions).toBeGreaterThan(0);
    expect(await other.end()).toMatchObject({ cause: 'exited', exitCode: 3, stdout: plain.stdout });
    expect(plain.stdout).not.toContain('wrong');
  });

  it('finishes a sleep with what was left of it, of either kind', async () => {
    for (const kind of ['nanosleep', 'block']) {
      const one = await bench.start(['sleep', kind, '400']);
      await one.says('sleeping');
      for (let i = 0; i < 3; i++) await (await one.program.suspend()).resume();
      expect((await one.end()).stdout).toContain('woke 1 in time');
    }
  });

  it('leaves a guest alone that computes, and says so', async () => {
    const one = await bench.start(['compute']);
    await one.says('computing');
    await expect(one.program.suspend({ timeoutMs: 20 })).rejects.toMatchObject({ kind: 'timeout' });
    expect(one.domain.state).toBe('running');
    expect((await one.end()).stdout).toContain('computed');
  });

  it('stops one that computes at its poll: to be moved, or for as long as it is paused', async () => {
    const one = await bench.start(['polls']);
    await one.says('computing');
    await one.move();
    await one.says('went on at 1');
    await one.domain.pause();
    expect(one.domain.state).toBe('paused');
    const { length } = one.stdout;
    await one.domain.resume();
    while (!one.stdout.slice(length).includes('went on at 1')) await pause(1);
    expect(one.stdout).not.toContain('wrong');
    await one.program.kill('seen enough');
    expect((await one.end()).cause).toBe('killed');
  });

  it('refuses a program without Asyncify, and one whose calls are too deep, which goes on', async () => {
    const plain = await bench.boot(await compileGuestFile('suspend-guest.c'));
    const one = await bench.start(['sleep', 'n', '1']);
    const scratchDir = bench.directory();
    const program = await plain.exec({
      ...{ jobId: 'job-1', rank: 0, size: 1, hostIndex: 0, hosts: 1, nodeName: 'node-0', pkey: 7, jobSeed: 5n, env: {} },
      ...{ args: ['guest', 'sleep', 'n', '300'], scratchDir, scratchBytes: mebibyte, outputLimitBytes: mebibyte, handlers: one.handlers },
    });
    await expect(program.suspend()).rejects.toMatchObject({ kind: 'not-suspendable' });
    const deep = await bench.start(['deep', '7950']);
    await deep.says('deep');
    await expect(deep.program.suspend()).rejects.toMatchObject({ kind: 'not-suspendable' });
    expect((await deep.end()).stdout).toMatch(/deep [01]\n/);
    const shallow = await bench.start(['deep', '2000']);
    await shallow.says('deep');
    await (await shallow.program.suspend()).resume();
    expect((await shallow.end()).stdout).toMatch(/deep [01]\n/);
  });

  it('ends a suspended program that is killed, and tells whoever asks too late', async () => {
    const one = await bench.start(['sleep', 'n', '10000']);
    await one.says('sleeping');
    const suspended = await one.program.suspend();
    await one.program.kill('enough');
    expect(await one.end()).toMatchObject({ cause: 'killed', detail: 'enough' });
    expect(one.domain.state).toBe('idle');
    await expect(suspended.resume()).rejects.toMatchObject({ kind: 'ended' });
    await expect(one.program.suspend()).rejects.toMatchObject({ kind: 'ended' });
    const two = await bench.start(['sleep', 'n', '10000']);
    await two.says('sleeping');
    await two.program.suspend();
    await two.domain.destroy('over');
    expect(await two.end()).toMatchObject({ cause: 'killed' });
  });
}

function elsewhere(bench: SuspendBench): void {
  it('goes on as if it had never been elsewhere', async () => {
    const plain = await (await bench.start(['steps', String(steps)])).end();
    const other = await bench.start(['steps', String(steps)]);
    const random = seeded(2);
    for (;;) {
      await pause(random(5));
      try {
        await other.move();
      } catch (error) {
        expect(error).toMatchObject({ kind: 'ended' });
        break;
      }
    }
    const ended = await other.end();
    expect(other.moves).toBeGreaterThan(0);
    expect(ended).toMatchObject({ cause: 'exited', exitCode: 3, stdout: plain.stdout });
    expect(ended.counters.outputBytes).toBe(plain.counters.outputBytes);
  });

  it('takes standard input, open files, files without a name and half a listing with it', async () => {
    const lines = Array.from({ length: 12 }, (_, i) => `line ${String(i)}\n`).join('');
    const stdin = new TextEncoder().encode(lines);
    const plain = await bench.start(['files'], { stdin });
    const expected = await plain.end();
    expect(expected.stdout).toContain('file 3 has 12 lines');
    const one = await bench.start(['files'], { stdin });
    for (let i = 1; i < 12; i += 3) {
      await one.says(`read line ${String(i)}\n`);
      await one.move().catch((error: unknown) => {
        expect(error).toMatchObject({ kind: 'ended' });
      });
    }
    expect(one.moves).toBeGreaterThan(0);
    expect((await one.end()).stdout).toBe(expected.stdout);
    expect(readdirSync(one.scratch).sort()).toEqual(readdirSync(plain.scratch).sort());
    expect(readFileSync(join(one.scratch, 'sub', 'after'), 'utf8')).toBe(lines);
  });

  it('refuses a state that does not fit, and stays idle', async () => {
    const one = await bench.start(['sleep', 'n', '10000']);
    await one.says('sleeping');
    const suspended = await one.program.suspend();
    const edits: ((state: ProgramState) => ProgramState)[] = [
      (state) => ({ ...state, imageDigest: 'sha256:other' }),
      (state) => ({ ...state, memoryBytes: state.memoryBytes + 65_536 }),
      (state) => ({ ...state, call: { ...state.call, kind: 'hypercall', nr: 17 } }),
      (state) => ({ ...state, globals: {} }),
      (state) => ({ ...state, stackRecord: 2 ** 30 }),
      (state) => ({ ...state, files: [{ fd: 5, flags: 0, kind: 'directory', path: ['..', 'etc'] }] }),
      (state) => ({ ...state, files: [{ fd: 1 << 20, flags: 0, kind: 'device', name: 'null' }] }),
      (state) => ({ ...state, files: [{ fd: 5, flags: 0, kind: 'device', name: 'kmsg' }] }),
    ];
    for (const edit of edits) await expect(one.arrive(suspended, edit)).rejects.toThrow();
    expect(bench.hypervisor.domains().filter(({ state }) => state === 'idle').length).toBe(edits.length);
    await suspended.resume();
    expect(one.domain.state).toBe('running');
  });
}

function safepoint(bench: SuspendBench): void {
  it('stops its channels when asked, and goes on with them or with a new adapter', async () => {
    const one = await bench.start(['channels']);
    await one.says('running');
    expect(await one.program.quiesce(1)).toEqual({ epoch: 1, noChannels: true });
    one.program.release(1, 'same');
    await one.says('released 1 0 host 0');
    await one.program.quiesce(2);
    await (await one.program.suspend()).resume();
    one.program.release(2, 'same');
    await one.says('released 2 0 host 0');
    await one.program.quiesce(3);
    await one.move();
    expect(one.stdout).not.toContain('released 3');
    one.program.release(3, 'new-adapter');
    await one.says('released 3 1 host 1');
    await one.program.quiesce(9);
    one.program.release(9, 'same');
    expect((await one.end()).stdout).toContain('released 9 0 host 1');
  });

  it('is told when the request is withdrawn', async () => {
    const one = await bench.start(['channels', 'deaf once']);
    await one.says('running');
    await expect(one.program.quiesce(4, { timeoutMs: 30 })).rejects.toMatchObject({ kind: 'timeout' });
    await one.says('cancelled 4');
    await one.program.quiesce(9);
    await expect(one.program.quiesce(10)).rejects.toMatchObject({ kind: 'busy' });
    one.program.release(9, 'same');
    expect((await one.end()).cause).toBe('exited');
  });
}
