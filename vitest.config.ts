import { defineConfig } from 'vitest/config';

/** One Vitest for the whole repository: specs beside the code run on threads, systems under test/ in processes, one file at a time. */
const resolve = { conditions: ['verbena-source'] };
const ssr = { resolve };

export default defineConfig({
  test: {
    projects: [
      {
        resolve,
        ssr,
        test: { name: 'unit', include: ['{apps,libs}/*/src/**/*.spec.ts'], pool: 'threads', testTimeout: 30_000 },
      },
      {
        resolve,
        ssr,
        test: {
          name: 'system',
          include: ['test/*/src/**/*.spec.ts'],
          pool: 'forks',
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
