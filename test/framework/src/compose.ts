/** The cluster in containers: deploy/compose, as a user brings it up, in a project of its own; only without Jaeger, whose image needs a registry. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '@verbena/event-store';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../..', import.meta.url));
const services = [
  'storage',
  'image-manager',
  'migration-controller',
  'scheduler',
  'frontend-gateway',
  'node-0',
  'node-1',
  'node-2',
  'node-3',
];
/** A small network that is likely nobody's, with an address of this machine that is known before it exists. */
const telemetry = { subnet: '172.31.251.240/28', host: '172.31.251.241' };

export interface ContainerFacts {
  readonly Name: string;
  readonly Config: { readonly User: string; readonly Env: readonly string[]; readonly Labels: Readonly<Record<string, string>> };
  readonly HostConfig: { readonly ReadonlyRootfs: boolean; readonly Memory: number; readonly CapDrop: readonly string[] | null };
  readonly State: { readonly Status: string; readonly ExitCode: number; readonly Health?: { readonly Status: string } };
}

export class ComposeCluster {
  readonly url: string;
  readonly project: string;
  readonly #directory: string;
  readonly #environment: NodeJS.ProcessEnv;
  #down: Promise<void> | undefined;

  private constructor(project: string, directory: string, port: number, tracesPort: number | undefined) {
    this.project = project;
    this.url = `http://127.0.0.1:${String(port)}`;
    this.#directory = directory;
    this.#environment = {
      ...process.env,
      VERBENA_PORT: String(port),
      POSTGRES_IMAGE: process.env['VERBENA_TEST_POSTGRES_IMAGE'] ?? 'verbena-postgres:local',
      NATS_IMAGE: process.env['VERBENA_TEST_NATS_IMAGE'] ?? 'verbena-nats:local',
      OTEL_EXPORTER_OTLP_ENDPOINT: tracesPort === undefined ? '' : `http://${telemetry.host}:${String(tracesPort)}`,
    };
  }

  /**
   * Builds the image from this machine's Node, and brings everything up.
   * @param tracesPort a port of this machine that takes OTLP over HTTP, on every address
   */
  static async up(tracesPort?: number): Promise<ComposeCluster> {
    const node = ['--conditions=verbena-source', '--disable-warning=ExperimentalWarning'];
    await run(process.execPath, [...node, join(root, 'tools/images/build.mjs'), '--local', 'verbena'], { cwd: root });
    const directory = await mkdtemp(join(tmpdir(), 'verbena-compose-'));
    const own = `networks:\n  telemetry:\n    ipam:\n      config: [{ subnet: ${telemetry.subnet} }]\n`;
    await writeFile(join(directory, 'network.yaml'), own);
    const cluster = new ComposeCluster(`verbena-${randomBytes(4).toString('hex')}`, directory, await freePort(), tracesPort);
    try {
      await cluster.compose('up', '-d', 'secrets', 'postgres', 'nats', ...services);
      return cluster;
    } catch (error) {
      await cluster.down();
      throw error;
    }
  }

  /** Runs a command of docker compose, or of docker-compose, whichever is there. */
  async compose(...words: string[]): Promise<string> {
    const files = ['-f', join(root, 'deploy/compose/compose.yaml'), '-f', join(this.#directory, 'network.yaml'), '-p', this.project];
    const [command = '', ...before] = await composeCommand();
    const { stdout } = await run(command, [...before, ...files, ...words], { env: this.#environment, cwd: root, maxBuffer: 64 << 20 });
    return stdout;
  }

  /** What the engine knows of the project's containers, those that have ended included. */
  async containers(): Promise<readonly ContainerFacts[]> {
    const { stdout } = await run('docker', ['ps', '-aq', '--filter', this.#label]);
    const ids = stdout.split('\n').filter((id) => id !== '');
    if (ids.length === 0) return [];
    return JSON.parse((await run('docker', ['inspect', ...ids], { maxBuffer: 64 << 20 })).stdout) as ContainerFacts[];
  }

  /** Names of the services whose containers do not say that they are healthy; "secrets" has only to have ended well. */
  async unhealthy(): Promise<readonly string[]> {
    const all = await this.containers();
    const well = ({ Config, State }: ContainerFacts): boolean =>
      serviceOf(Config.Labels) === 'secrets' ? State.Status === 'exited' && State.ExitCode === 0 : State.Health?.Status === 'healthy';
    return all.flatMap((container) => (well(container) ? [] : [serviceOf(container.Config.Labels)]));
  }

  /** Volumes and networks that the project has. */
  async leftovers(): Promise<string[]> {
    const lists = await Promise.all(['volume', 'network'].map((kind) => run('docker', [kind, 'ls', '-q', '--filter', this.#label])));
    return lists.flatMap(({ stdout }) => stdout.split('\n').filter((name) => name !== ''));
  }

  /** Removes everything, data included. Idempotent. */
  down(): Promise<void> {
    this.#down ??= this.compose('down', '--volumes', '--timeout', '45').then(() => rm(this.#directory, { recursive: true, force: true }));
    return this.#down;
  }

  get #label(): string {
    return `label=com.docker.compose.project=${this.project}`;
  }
}

function serviceOf(labels: Readonly<Record<string, string>>): string {
  return labels['com.docker.compose.service'] ?? '';
}

async function composeCommand(): Promise<string[]> {
  const plugin = await run('docker', ['compose', 'version']).then(
    () => true,
    () => false,
  );
  return plugin ? ['docker', 'compose'] : ['docker-compose'];
}
