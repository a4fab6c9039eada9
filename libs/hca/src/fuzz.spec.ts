/**
 * Ten million operations of two hostile guests against each other. No request that cannot be right completes with success, no byte changes outside what
 * is registered for writing, no lock stays, nobody else notices, and nothing crashes or hangs. VERBENA_FUZZ_OPERATIONS and VERBENA_FUZZ_SEED change how many and which.
 */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import * as abi from '@verbena/guest-abi';
import { compileC } from '@verbena/guest-abi/testing';
import { loadFirmware } from './firmware.ts';
import { END, FuzzGuest, PAGES, PLAYGROUND, diceOf } from './testing/fuzz-pair.ts';
import { HandHost } from './testing/hand-guest.ts';
import type { FirmwareModules } from './types.ts';

const OPERATIONS = Number(process.env['VERBENA_FUZZ_OPERATIONS'] ?? 10_000_000);
const SEED = Number(process.env['VERBENA_FUZZ_SEED'] ?? 20_261_121);
/** Operations of one guest before the other's turn, and turns of an epoch; then queues and regions are made anew. */
const TURN = 400;
const TURNS = 100;

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

describe('hostile guests in great number', () => {
  let firmware: FirmwareModules;
  let module: WebAssembly.Module;
  beforeAll(async () => {
    firmware = await loadFirmware();
    const header = read('../../guest-abi/include/verbena/hca.h');
    const files = { 'guest.c': read('./testing/fuzz-guest.c'), 'include/verbena/hca.h': header };
    module = new WebAssembly.Module(await compileC({ files, include: ['include'] }));
  }, 120_000);

  it(`get nothing that was not granted, by seed ${SEED}`, () => {
    const dice = diceOf(SEED);
    const host = new HandHost(firmware);
    const pair = [host.guest(1, PAGES), host.guest(1, PAGES)].map((guest) => new FuzzGuest(guest, module));
    const [quiet, third] = [host.guest(2), host.guest(2)];
    const [qc, qd] = [quiet.queuePair(), third.queuePair()];
    qc.connect(qd);
    qd.connect(qc);
    const [a, b] = pair;
    if (a === undefined || b === undefined) throw new Error('a pair has two');
    let now = 0;
    for (let done = 0; done < OPERATIONS;) {
      for (const each of pair) each.renew(dice);
      const before = pair.map(({ guest }) => guest.bytes.slice(PLAYGROUND, END));
      for (let turn = 0; turn < TURNS; turn++) {
        const broken = a.broken.map((each, i) => each || b.broken[i] === true);
        a.connect(b, broken);
        b.connect(a, broken);
        for (const each of pair) {
          if (dice(16) === 0) each.resize(dice);
          const seed = dice(2 ** 32);
          const wrong = each.run(seed, TURN);
          if (wrong !== 0)
            throw new Error(`request ${wrong} completed and cannot be right (turn of seed ${seed}, after ${done} operations)`);
          done += TURN;
        }
        host.adapter.tick((now += dice(50)));
      }
      pair.forEach(({ guest, forbidden }, i) => {
        for (const [from, to] of forbidden) {
          const same = Buffer.compare(
            guest.bytes.subarray(from, to),
            before[i]?.subarray(from - PLAYGROUND, to - PLAYGROUND) ?? new Uint8Array(),
          );
          if (same !== 0)
            throw new Error(`bytes of guest ${i} in ${from} to ${to} changed, which nobody may write (after ${done} operations)`);
        }
      });
      expect(host.adapter.heldLocks()).toBe(0);
    }
    const totals = pair.map((each) => each.totals);
    // The fuzzer reaches what it is for: requests that are carried out, and requests that are refused.
    for (const { successes, failures, impossible } of totals) {
      expect(successes).toBeGreaterThan(OPERATIONS / 40);
      expect(failures).toBeGreaterThan(OPERATIONS / 1000);
      expect(impossible).toBeGreaterThan(OPERATIONS / 400);
    }
    qd.receive();
    qc.send({});
    expect(qd.recvCq.drain()).toMatchObject([{ status: abi.VB_WC_SUCCESS }]);
    expect(quiet.wakeups + third.wakeups).toBe(0);
  }, 600_000);
});
