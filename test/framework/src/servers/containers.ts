/** Servers in containers. */
import { freePort } from '@verbena/event-store';
import { GenericContainer, getContainerRuntimeClient, type StartedTestContainer } from 'testcontainers';
import { natsAnswers, postgresAnswers } from './answers.ts';
import type { TestServer, TestServers } from './test-servers.ts';

interface Recipe {
  readonly image: string;
  readonly port: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly url: (hostPort: string) => string;
  readonly answers: (url: string) => Promise<void>;
}

export async function engineAnswers(): Promise<boolean> {
  // The reaper is a container of its own, from a registry that may be out of reach; each server is removed by its test.
  process.env['TESTCONTAINERS_RYUK_DISABLED'] ??= 'true';
  return getContainerRuntimeClient().then(
    () => true,
    () => false,
  );
}

export function containerServers(environment: NodeJS.ProcessEnv): TestServers {
  const postgres: Recipe = {
    image: environment['VERBENA_TEST_POSTGRES_IMAGE'] ?? 'postgres:16-alpine',
    port: 5432,
    environment: { POSTGRES_USER: 'verbena', POSTGRES_PASSWORD: 'verbena', POSTGRES_DB: 'verbena' },
    command: [],
    url: (at) => `postgresql://verbena:verbena@${at}/verbena`,
    answers: postgresAnswers,
  };
  const nats: Recipe = {
    image: environment['VERBENA_TEST_NATS_IMAGE'] ?? 'nats:2-alpine',
    port: 4222,
    environment: {},
    command: ['--addr', '0.0.0.0'],
    url: (at) => `nats://${at}`,
    answers: natsAnswers,
  };
  return { driver: 'containers', postgres: () => start(postgres), nats: () => start(nats) };
}

async function start(recipe: Recipe): Promise<TestServer> {
  // A port of our choosing, since the engine would choose another one at each start.
  const port = await freePort();
  let container = await run(recipe, port);
  const url = recipe.url(`${container.getHost()}:${String(port)}`);
  await recipe.answers(url);
  const client = await getContainerRuntimeClient();
  return {
    url,
    kill: async () => {
      await client.container.getById(container.getId()).kill({ signal: 'SIGKILL' });
    },
    start: async () => {
      await client.container.getById(container.getId()).start();
      await recipe.answers(url);
    },
    wipe: async () => {
      await container.stop({ timeout: 0, remove: true, removeVolumes: true });
      container = await run(recipe, port);
      await recipe.answers(url);
    },
    remove: async () => {
      await container.stop({ timeout: 0, remove: true, removeVolumes: true });
    },
  };
}

function run({ image, port, environment, command }: Recipe, hostPort: number): Promise<StartedTestContainer> {
  return new GenericContainer(image)
    .withExposedPorts({ container: port, host: hostPort })
    .withEnvironment(environment)
    .withCommand([...command])
    .withAutoRemove(false)
    .start();
}
