/** A process that appends: `writers` at once, each to streams of its own, until all of them hold `each` events. */
import { openEventStore } from '@verbena/event-store';
import { pino } from 'pino';

const [databaseUrl = '', name = '', writers = '1', each = '1', perAppend = '25'] = process.argv.slice(2);
const store = await openEventStore({ databaseUrl, log: pino({ level: 'silent' }) });
const metadata = { actor: name, tenant: 'physics' };
/** Streams that a writer fills at the same time: so many appends of it are under way. */
const streams = 4;

async function fill(stream: string, count: number): Promise<void> {
  for (let version = 0; version < count;) {
    const size = Math.min(Number(perAppend), count - version);
    const events = Array.from({ length: size }, (_, index) => ({ type: 'Counted', data: { n: version + index + 1 } }));
    const result = await store.append([{ stream, expectedVersion: version, events }], { metadata });
    if (!result.ok) throw new Error(`${stream} was refused: ${result.reason}`);
    version += size;
  }
}

await Promise.all(
  Array.from({ length: Number(writers) * streams }, (_, index) => fill(`count-${name}-${index}`, Math.ceil(Number(each) / streams))),
);
await store.close();
