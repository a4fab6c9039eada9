import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { migrationv1 } from '@verbena/contracts';
import { describe, expect, it } from 'vitest';
import { displayWidth } from '../terminal/text.ts';
import { progressText } from './follow-migration.ts';
import { migrationLines, outcome } from './migration-lines.ts';

const ms = (milliseconds: number) => ({ seconds: 0n, nanos: milliseconds * 1_000_000 });
const migration = (more: MessageInitShape<typeof migrationv1.MigrationSchema> = {}): migrationv1.Migration =>
  create(migrationv1.MigrationSchema, {
    id: 'mig-2c6v8n',
    vmId: 'vm-4x8t1z',
    sourceNodeId: 'node-0',
    targetNodeId: 'node-2',
    jobId: 'job-7k2m9q',
    rank: 1,
    phase: 'copying',
    ...more,
  });
const rounds = [
  { pages: 1000n, bytes: 4_096_000n, duration: ms(100), left: 250n },
  { pages: 250n, bytes: 1_024_000n, duration: ms(25), left: 10n },
];
const last = { pages: 10n, bytes: 40_960n, duration: ms(3) };

describe('a migration in words', () => {
  it('says how far it is, what is left, and about how long that takes', () => {
    expect(progressText(migration())).toContain('vm-4x8t1z: round 1');
    expect(progressText(migration({ rounds: rounds.slice(0, 1) }))).toMatch(/round 2, 1000 KiB left, about/);
    expect(progressText(migration({ phase: 'suspended', rounds, detail: 'waits in "restore": no' }))).toMatch(
      /80%.*suspended \(waits in "restore": no\)/,
    );
  });

  it('goes only forward on the way', () => {
    const parts = [
      {},
      { rounds: rounds.slice(0, 1) },
      { rounds },
      { phase: 'suspended' },
      { phase: 'handed-over' },
      { phase: 'completed' },
    ];
    const percent = parts.map((more) => Number(/(\d+)%/.exec(progressText(migration(more)))?.[1]));
    expect(percent).toEqual([...percent].sort((a, b) => a - b));
  });

  it('says where the VM is at the end, and for how long it stood', () => {
    expect(outcome(migration({ phase: 'completed', rounds, last, downtime: ms(9), pause: ms(14) }))).toBe(
      'vm-4x8t1z is on node-2: 4.9 MiB in 2 rounds and a rest, stood for 9 ms, its job for 14 ms',
    );
    expect(outcome(migration({ phase: 'completed', rounds: rounds.slice(0, 1), last, downtime: ms(9), pause: ms(14) }))).toMatch(
      / in 1 round and a rest,/,
    );
    expect(outcome(migration({ phase: 'cancelled', detail: 'cancelled by ada' }))).toBe(
      'vm-4x8t1z stays on node-0: mig-2c6v8n cancelled (cancelled by ada)',
    );
  });

  it('says so when the VM was lost with the host that it had moved to', () => {
    expect(outcome(migration({ phase: 'failed', detail: 'release: VM vm-4x8t1z is lost: its node was lost' }))).toMatch(
      /^vm-4x8t1z is gone/,
    );
  });

  it('says how memory travels', () => {
    const { RDMA } = migrationv1.MigrationTransport;
    const { THROTTLE } = migrationv1.WhenTooFast;
    const said = (transfer: MessageInitShape<typeof migrationv1.MigrationTransferSchema>): string | undefined =>
      migrationLines(migration({ transfer })).find((line) => line.startsWith('Memory'));
    expect(said({ transport: RDMA, clusterBytes: 4_096, whenTooFast: THROTTLE })).toBe(
      'Memory   over RDMA, page by page, throttled when it writes too fast',
    );
    expect(said({ clusterBytes: 262_144, compression: 3 })).toBe('Memory   over TCP, compressed (3)');
    expect(said({ design: migrationv1.MigrationDesign.PE })).toBe('Memory   over TCP; ranks stop in MPI calls only');
  });

  it('shows each round on lines of 80 columns', () => {
    const lines = migrationLines(
      migration({ phase: 'completed', rounds, last, downtime: ms(9), pause: ms(14), reason: 'asked for by ada' }),
    );
    expect(lines.join('\n')).toMatch(/ROUND .*\n1 +1000 .*\n2 +250 .*\nrest +10 /);
    for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(80);
  });
});
