/** Waiting until a server answers as itself, and not only its port. */
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

const answerMs = 60_000;

/** NATS greets with INFO (NATS client protocol). */
export async function natsAnswers(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  await until(url, async () => {
    const greeting = await new Promise<string>((resolve, reject) => {
      const socket = connect(Number(port), hostname);
      socket.setTimeout(2_000, () => socket.destroy(new Error('it says nothing')));
      socket.once('data', (data) => {
        socket.destroy();
        resolve(data.toString('latin1'));
      });
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('it hung up')));
    });
    if (!greeting.startsWith('INFO ')) throw new Error(`it is no NATS server: ${greeting.slice(0, 40)}`);
  });
}

export async function postgresAnswers(url: string): Promise<void> {
  await until(url, async () => {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
    client.on('error', () => undefined);
    await client.connect();
    await client.query('select 1').finally(() => client.end());
  });
}

async function until(url: string, attempt: () => Promise<void>): Promise<void> {
  const { host } = new URL(url);
  for (const end = performance.now() + answerMs; ;) {
    try {
      return await attempt();
    } catch (cause) {
      if (performance.now() > end) throw new Error(`the server at ${host} did not answer in ${String(answerMs / 1000)} s`, { cause });
      await delay(50);
    }
  }
}
