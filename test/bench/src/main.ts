/**
 * `npm run bench [-- part of a name ...] [--list] [--json]`: the figures, each measured in turn with its peer in one run. Several parts mean all
 * figures that one of them names. Exits with 1 when a figure could not be measured and with 2 when none has such a name.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { closeToolchain } from '@verbena/toolchain';
import { eventLogBench } from './event-log.ts';
import { run, type Result } from './figure.ts';
import { figures } from './figures.ts';
import { checkpointFigures } from './checkpoint.ts';
import { migrationFigures } from './migration.ts';
import { jobFigures } from './job-figures.ts';
import { startOurs } from './ours.ts';
import { findPeers } from './peers.ts';
import { report } from './report.ts';
import { roundTrips } from './rpc.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { list: { type: 'boolean' }, json: { type: 'boolean' } },
});
const wanted = positionals.map((part) => part.toLowerCase());
const peers = await findPeers();
const ours = startOurs();
const checkpoints = checkpointFigures();
const [jobs, eventLog, migrations] = await Promise.all([jobFigures(), eventLogBench(), migrationFigures()]);
const trips = roundTrips();
const results: Result[] = [];
try {
  const all = [...figures(ours, peers, trips), ...jobs.figures, ...eventLog.figures, ...migrations.figures, ...checkpoints.figures];
  const chosen = all.filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.toLowerCase().includes(part)));
  if (values.list === true || chosen.length === 0) console.log(all.map(({ name }) => name).join('\n'));
  if (chosen.length === 0) {
    console.error(`no figure is called ${positionals.join(' or ')}; the list of all is above`);
    process.exitCode = 2;
  }
  for (const figure of values.list === true ? [] : chosen) {
    process.stderr.write(`${figure.name} ...\n`);
    results.push(await run(figure));
  }
} finally {
  await eventLog.close();
  await migrations.close();
  await checkpoints.close();
  await jobs.close();
  await ours.close();
  await peers.close();
  await trips.close();
  await closeToolchain();
}
if (values.json === true) console.log(JSON.stringify(results, null, 2));
else if (results.length > 0)
  console.log(`${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}\n\n${report(results)}`);
if (results.some(({ failed }) => failed !== undefined)) process.exitCode = 1;
