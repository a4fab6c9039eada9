/**
 * `npm run demo`: a cluster of four hosts with two cores each, and four MPI programs on eight virtual machines: the NAS kernels EP, IS and CG,
 * which must find the published values, and the heat equation, which leaves a picture. It uses the command line as anybody would.
 * Ends with a summary, and with code 0 only if everything was verified.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const verbena = join(root, 'apps/cli/bin/verbena.mjs');
const hosts = 4;
const cores = 2;
const ranks = hosts * cores;
const pictureDirectory = join(process.cwd(), 'demo-output');

const nas = (name) => ({
  title: `${name.toUpperCase()} class S`,
  args: [join(root, `test/guests/nas/${name}.c`), "-DCLASS='S'"],
  verified: (text) => text.includes(`${name.toUpperCase()} class S: VERIFICATION SUCCESSFUL`),
});
const programs = [
  nas('ep'),
  nas('is'),
  nas('cg'),
  {
    title: 'heat2d',
    args: [join(root, 'examples/heat2d.c'), '--out', pictureDirectory],
    verified: () => existsSync(join(pictureDirectory, 'rank-0/heat.ppm')),
  },
  { title: 'heat2d again', args: [join(root, 'examples/heat2d.c')], verified: (text) => text.includes('picture heat.ppm') },
];

const dataDir = await mkdtemp(join(tmpdir(), 'verbena-demo-'));
const environment = { ...process.env, VERBENA_DATA_DIR: dataDir };
delete environment.VERBENA_ENDPOINT;
const running = new Set();
let interrupted = false;

/** Runs a command of verbena; what it prints on standard error (its progress) goes to ours. */
function run(args, { show = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [verbena, ...args], { cwd: root, env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
    running.add(child);
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part) => {
      text += part;
      if (show) process.stdout.write(part.replace(/^(?=.)/gm, '    '));
    });
    child.once('error', reject);
    child.once('close', (code) => {
      running.delete(child);
      resolve({ code, text });
    });
  });
}

async function json(args) {
  const { code, text } = await run([...args, '--json']);
  if (code !== 0) throw new Error(`verbena ${args.join(' ')} ended with code ${code}`);
  return JSON.parse(text);
}

const seconds = (value) => (value === undefined ? '-' : value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(1)} s`);

function bytes(count) {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let [value, unit] = [Number(count), 0];
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1024;
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** Columns as wide as they need; numbers to the right. */
function table(header, rows) {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)));
  for (const row of [header, ...rows])
    console.log(
      `  ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join('  ')}`.trimEnd(),
    );
}

async function runProgram(program) {
  console.log(`\n${program.title}: ${ranks} ranks on ${ranks} VMs`);
  const began = performance.now();
  const { code, text } = await run(['run', '-n', String(ranks), ...program.args], { show: true });
  const total = (performance.now() - began) / 1000;
  const verified = code === 0 && program.verified(text);
  console.log(verified ? `    verified, ${seconds(total)} with compilation` : `    NOT VERIFIED (exit code ${code})`);
  const { jobs } = code === 0 || text !== '' ? await json(['jobs', '--limit', '1']) : { jobs: [] };
  return { program, verified, total, job: jobs[0] };
}

function summary(results, totalSeconds) {
  const jobs = results.filter(({ job }) => job);
  console.log('\nSummary');
  table(
    ['program', 'verified', 'build', 'image', 'boot', 'run', 'sent', 'image moved', 'VMs'],
    jobs.map(({ program, verified, total, job }) => {
      const { distribute = 0, boot, run: ran, queue = 0 } = job.phaseSeconds;
      const sent = job.ranks.reduce((sum, rank) => sum + Number(rank.bytesSent), 0);
      const build = Math.max(0, total - queue - distribute - (boot ?? 0) - (ran ?? 0));
      const vms = [job.vmsBooted > 0 ? `${job.vmsBooted} new` : '', job.vmsReused > 0 ? `${job.vmsReused} reused` : '']
        .filter(Boolean)
        .join(', ');
      return [
        program.title,
        verified ? 'yes' : 'NO',
        seconds(build),
        seconds(distribute),
        seconds(boot),
        seconds(ran),
        bytes(sent),
        bytes(job.imageBytesTransferred),
        vms,
      ];
    }),
  );
  const last = jobs.at(-1)?.job;
  if (last) {
    console.log(`\nWhere each rank of ${last.spec.name} ran, and what it sent`);
    table(
      ['rank', 'host', 'VM', 'sent', 'messages', 'VMM calls to post or poll'],
      last.ranks.map((rank) => [
        String(rank.rank),
        rank.nodeName,
        rank.vmId,
        bytes(rank.bytesSent),
        rank.messagesSent,
        rank.dataPathVmmOperations,
      ]),
    );
  }
  const picture = join(pictureDirectory, 'rank-0/heat.ppm');
  if (existsSync(picture)) console.log(`\nThe heated plate: ${relative(process.cwd(), picture)}`);
  const good = results.filter(({ verified }) => verified).length;
  console.log(`${good} of ${programs.length} verified in ${seconds(totalSeconds)}.`);
  return good === programs.length;
}

async function demo() {
  const began = performance.now();
  console.log(`Starting a cluster of ${hosts} hosts with ${cores} cores each`);
  // What every program is linked with is built by the first compilation, and meanwhile nothing else has to wait.
  const firstBuild = run(['cc', '-O2', ...programs[0].args, '-o', join(dataDir, 'first.vmi')]);
  const up = await run(['up', '-d', '--hosts', String(hosts), '--cores', String(cores)]);
  if (up.code !== 0) return false;
  console.log(`    ready after ${seconds((performance.now() - began) / 1000)}`);
  console.log('Building the MPI library');
  await firstBuild;
  console.log(`    ready after ${seconds((performance.now() - began) / 1000)}`);
  const results = [];
  for (const program of programs) {
    if (interrupted) return false;
    results.push(await runProgram(program));
  }
  return summary(results, (performance.now() - began) / 1000);
}

/** Whatever happened: the cluster stops, and its data goes. */
async function cleanUp() {
  if (existsSync(join(dataDir, 'endpoint.json'))) await run(['down', '--quiet']).catch(() => undefined);
  await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
}

for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => {
    interrupted = true;
    for (const child of running) child.kill(signal);
  });

let good = false;
try {
  good = await demo();
} catch (error) {
  console.error(error.message);
} finally {
  await cleanUp();
}
process.exit(interrupted ? 130 : good ? 0 : 1);
