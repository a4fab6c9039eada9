/**
 * Seeded runs in which several things go wrong at once. A seed that fails tells its story, and fails again:
 * `VERBENA_MIGRATION_SEED=4711 VERBENA_MIGRATION_RUNS=1`. `npm run migration-campaign` runs 500.
 */
import { describe, expect, it } from 'vitest';
import { runSeed } from '../testing/campaign.ts';

const runs = Number(process.env['VERBENA_MIGRATION_RUNS'] ?? 60);
const first = Number(process.env['VERBENA_MIGRATION_SEED'] ?? 0);

describe('a migration in which things go wrong', () => {
  it(`leaves one running copy, or none of a VM that is lost: ${String(runs)} seeds`, async () => {
    const phases = new Map<string, number>();
    const failures: string[] = [];
    for (let seed = first; seed < first + runs; seed++) {
      try {
        const { phase } = await runSeed(seed);
        phases.set(phase, (phases.get(phase) ?? 0) + 1);
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
      }
    }
    expect(failures).toEqual([]);
    // A campaign in which all goes well, or nothing does, tries nothing.
    if (runs >= 60) expect(Math.min(...['completed', 'failed', 'cancelled'].map((phase) => phases.get(phase) ?? 0))).toBeGreaterThan(0);
  }, 600_000);
});
