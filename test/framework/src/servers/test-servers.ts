/**
 * Real servers for integration tests, by two drivers: containers (testcontainers; images from VERBENA_TEST_POSTGRES_IMAGE and
 * VERBENA_TEST_NATS_IMAGE), or, where no container engine can run, programs from packages (npm's Postgres, the system's nats-server). The tests are the same.
 */
import { findNatsServer } from '@verbena/cli';
import { containerServers, engineAnswers } from './containers.ts';
import { packagedServers } from './packages.ts';

/** A server whose address stays the same over its lives. */
export interface TestServer {
  readonly url: string;
  /** kill -9; it stays away until `start`. */
  kill(): Promise<void>;
  /** Starts it again with what it kept; resolves when it answers. */
  start(): Promise<void>;
  /** Ends it, if it runs, and removes all that it kept. */
  wipe(): Promise<void>;
  /** Ends it for good. */
  remove(): Promise<void>;
}

export interface TestServers {
  readonly driver: 'containers' | 'packages';
  postgres(): Promise<TestServer>;
  nats(): Promise<TestServer>;
}

/**
 * The drivers that can work here. VERBENA_TEST_SERVERS names one that must.
 * @throws {Error} when none can; the message says what to install. A test must not be skipped for that.
 */
export async function testServers(environment: NodeJS.ProcessEnv = process.env): Promise<TestServers> {
  const asked = environment['VERBENA_TEST_SERVERS'] ?? '';
  if (!['', 'containers', 'packages'].includes(asked))
    throw new Error(`VERBENA_TEST_SERVERS is "containers" or "packages", not "${asked}"`);
  if (asked !== 'packages' && (await engineAnswers())) return containerServers(environment);
  if (asked === 'containers') throw new Error('VERBENA_TEST_SERVERS asks for containers, and no container engine answers');
  return packagedServers(await findNatsServer());
}
