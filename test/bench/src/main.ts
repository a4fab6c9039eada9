/** `npm run bench [-- part of a name]`: the figures, each measured in turn with its peer in one run. */
import { cpus } from 'node:os';
import { closeToolchain } from '@verbena/toolchain';
import { eventLogBench } from './event-log.ts';
import { run, type Result } from './figure.ts';
import { figures } from './figures.ts';
import { jobFigures } from './job-figures.ts';
import { startOurs } from './ours.ts';
import { findPeers } from './peers.ts';
import { report } from './report.ts';
import { roundTrips } from './rpc.ts';

const wanted = process.argv.slice(2).join(' ').toLowerCase();
const peers = await findPeers();
const ours = startOurs();
const [jobs, eventLog] = await Promise.all([jobFigures(), eventLogBench()]);
const trips = roundTrips();
const results: Result[] = [];
try {
  for (const figure of [...figures(ours, peers, trips), ...jobs.figures, ...eventLog.figures]) {
    if (!figure.name.toLowerCase().includes(wanted)) continue;
    process.stderr.write(`${figure.name} ...\n`);
    results.push(await run(figure));
  }
} finally {
  await eventLog.close();
  await jobs.close();
  await ours.close();
  await peers.close();
  await trips.close();
  await closeToolchain();
}
console.log(`${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}\n`);
console.log(report(results));
