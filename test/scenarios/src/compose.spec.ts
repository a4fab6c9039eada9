/** deploy/compose, as a user brings it up. Where no container engine runs, processes.spec.ts tells the same stories of processes. */
import { execFileSync } from 'node:child_process';
import { ComposeCluster, engineAnswers, example, OtlpCollector, Sandbox, traceProblems, type Ended } from '@verbena/framework';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const engine = process.env['VERBENA_TEST_SERVERS'] !== 'packages' && (await engineAnswers());

if (!engine)
  it('is not told where no container engine runs', async () => {
    console.log('no container engine: the cluster in containers is not tested here');
    if (process.env['VERBENA_TEST_SERVERS'] !== 'packages') expect(await engineAnswers()).toBe(false);
  });
else
  describe('the cluster in containers', () => {
    let cluster: ComposeCluster;
    let sandbox: Sandbox;
    let collector: OtlpCollector;
    beforeAll(async () => {
      collector = await OtlpCollector.start('0.0.0.0');
      sandbox = await Sandbox.create();
      cluster = await ComposeCluster.up(Number(new URL(collector.endpoint).port));
      // The MPI library is compiled with the first program of a fresh clone, which takes its time.
      await sandbox.cli(['cc', '-o', `${sandbox.work}/cg.vmi`, example('cg')], { timeoutMs: 280_000 });
    }, 600_000);
    afterAll(async () => {
      await cluster?.down();
      await sandbox?.destroy();
      await collector?.stop();
    });

    const run = (...args: string[]): Promise<Ended> =>
      sandbox.cli(['--endpoint', cluster.url, 'run', '--verbose', ...args], {
        env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint },
        timeoutMs: 170_000,
      });
    const healthy = (): Promise<void> => expect.poll(() => cluster.unhealthy(), { timeout: 90_000, interval: 500 }).toEqual([]);

    it('is healthy, each part as a user without rights, on a file system that cannot be written, within limits', async () => {
      await healthy();
      for (const { Config, HostConfig, Name } of await cluster.containers()) {
        const service = Config.Labels['com.docker.compose.service'] ?? '';
        expect([Name, HostConfig.Memory > 0]).toEqual([Name, true]);
        if (['postgres', 'nats', 'secrets'].includes(service)) continue;
        expect([Name, Config.User, HostConfig.ReadonlyRootfs, HostConfig.CapDrop]).toEqual([Name, '10001:10001', true, ['ALL']]);
      }
    });

    it('runs eight ranks across four node-agents, and the answer is right', async () => {
      const { code, stdout, stderr } = await run('-n', '8', example('cg'));
      expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
      expect(stdout).toMatch(/(?<!NOT )verified/i);
    });

    it('tells of it in one trace with spans of every service', async () => {
      const command = await collector.until('of the end of the run', () => collector.spans.find(({ name }) => name === 'verbena run'));
      const services = (): Set<string> => new Set(collector.trace(command.traceId).map(({ service }) => service));
      await collector.until('of every service', () => (services().size >= 6 ? true : undefined));
      const agents = (): Set<unknown> =>
        new Set(
          collector
            .trace(command.traceId)
            .filter(({ name }) => name === 'run rank')
            .map(({ resource }) => resource['service.instance.id']),
        );
      await collector.until('of every node', () => (agents().size === 4 ? true : undefined));
      // What a call set going may well begin after the call has been answered.
      const torn = (): string[] => traceProblems(collector.trace(command.traceId)).filter((problem) => !problem.includes('begins after'));
      await expect.poll(torn).toEqual([]);
      expect(collector.problems).toEqual([]);
    });

    it('keeps its secrets out of images and environments', async () => {
      const secrets = await cluster.compose(
        'exec',
        '-T',
        'scheduler',
        'node',
        '-e',
        "console.log(require('fs').readFileSync('/run/secrets/database-url','utf8'))",
      );
      const password = new URL(secrets.trim()).password;
      expect(password.length).toBeGreaterThan(20);
      expect(JSON.stringify(await cluster.containers())).not.toContain(password);
      // Each reads its own and no other's: a node-agent knows nothing of the database.
      const files = await cluster.compose(
        'exec',
        '-T',
        'node-0',
        'node',
        '-e',
        "console.log(require('fs').readdirSync('/run/secrets').sort().join(' '))",
      );
      expect(files.trim()).not.toContain('database');
      expect(execFileSync('docker', ['history', '--no-trunc', 'verbena:latest'], { encoding: 'utf8' })).not.toMatch(
        /password=|postgresql:/i,
      );
    });

    it('goes on when NATS is a new one, and when Postgres is killed', async () => {
      await cluster.compose('rm', '--stop', '--force', '-v', 'nats');
      await cluster.compose('up', '-d', '--no-deps', 'nats');
      await healthy();
      await cluster.compose('kill', 'postgres');
      await cluster.compose('start', 'postgres');
      await healthy();
      const { code, stderr } = await run('-n', '8', example('hello'));
      expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
    });

    it('stops in order, comes back with what it had, and leaves nothing when it is taken down', async () => {
      const before = await sandbox.json<{ jobs: { id: string }[] }>(['--endpoint', cluster.url, 'jobs']);
      expect(before.jobs.length).toBeGreaterThanOrEqual(2);
      await cluster.compose('stop', '--timeout', '45');
      const ended = (await cluster.containers()).filter(({ State }) => State.Status === 'exited');
      expect(ended.flatMap(({ Name, State }) => (State.ExitCode === 0 ? [] : [`${Name} ended with ${String(State.ExitCode)}`]))).toEqual(
        [],
      );
      await cluster.compose('start');
      await healthy();
      expect(await sandbox.json(['--endpoint', cluster.url, 'jobs'])).toEqual(before);
      await cluster.down();
      expect([await cluster.containers(), await cluster.leftovers()]).toEqual([[], []]);
    });
  });
