import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/**
 * One Vitest for the whole repository, in three groups, one after the other. Specs beside the code run on threads. Guests without a control plane are mostly
 * compiled and started, on one core each: two files at a time. Whole systems have the machine for themselves, one file at a time.
 */
const resolve = { conditions: ['verbena-source'] };
const ssr = { resolve };
/** Machines may be busy: what is waited for has time to come. */
const expected = { poll: { timeout: 30_000 } };
const patience = { pool: 'forks', testTimeout: 180_000, hookTimeout: 180_000, expect: expected } as const;
const guests = ['test/framework/src/*.spec.ts', 'test/scenarios/src/{checks,examples,habits,mpi,nas,quiescing}.spec.ts'];

export default defineConfig({
  test: {
    projects: [
      {
        resolve,
        ssr,
        test: {
          name: 'unit',
          include: ['{apps,libs}/*/src/**/*.spec.ts'],
          pool: 'threads',
          testTimeout: 60_000,
          expect: expected,
          sequence: { groupOrder: 0 },
        },
      },
      {
        resolve,
        ssr,
        test: {
          ...patience,
          name: 'guests',
          include: guests,
          maxWorkers: Math.min(2, availableParallelism()),
          sequence: { groupOrder: 1 },
        },
      },
      {
        resolve,
        ssr,
        test: {
          ...patience,
          name: 'system',
          include: ['test/*/src/**/*.spec.ts'],
          exclude: guests,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
