/**
 * `npm test`: everything that must hold before a change lands, in the order in which failures are cheapest to hear.
 * Arguments narrow the Vitest part (`npm test -- libs/hca`), and `--only tests|static` picks a half.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { prepareServers } from './servers.mjs';

const root = new URL('../..', import.meta.url).pathname;
const bin = join(root, 'node_modules', '.bin');
const node = existsSync(join(bin, 'node')) ? join(bin, 'node') : process.execPath;
const env = {
  ...process.env,
  PATH: `${bin}${delimiter}${process.env.PATH}`,
  NX_DAEMON: 'false',
  NX_NO_CLOUD: 'true',
  NX_ISOLATE_PLUGINS: 'false',
};

const args = process.argv.slice(2);
const only = args[0] === '--only' ? args.splice(0, 2)[1] : undefined;

function step(name, command, commandArgs) {
  const started = performance.now();
  process.stdout.write(`\n== ${name}\n`);
  const { status, signal } = spawnSync(command, commandArgs, { cwd: root, env, stdio: ['ignore', 'inherit', 'inherit'] });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (status !== 0) {
    console.error(`\n${name} failed (${signal ?? `exit ${status}`}) after ${seconds} s`);
    process.exit(1);
  }
  console.log(`-- ${name}: ${seconds} s`);
}

function staticChecks() {
  step('types', node, [join(root, 'node_modules/@typescript/native/bin/tsc'), '-b']);
  step('project graph', 'nx', ['show', 'projects', '--sep', ' ']);
  step('module boundaries can fail', node, ['tools/lint/boundaries.mjs']);
  step('lint', 'eslint', ['.']);
  step('tidy', node, ['tools/lint/tidy.mjs']);
  step('format', 'prettier', ['--check', '--log-level', 'warn', '.']);
  step('contracts', node, ['tools/lint/contracts.mjs']);
}

async function tests(filters) {
  console.log('\n== servers for tests');
  const started = performance.now();
  const servers = await prepareServers();
  process.on('exit', () => servers.stop());
  console.log(`-- servers for tests: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  const report = mkdtempSync(join(tmpdir(), 'verbena-report-'));
  const file = join(report, 'vitest.json');
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  console.log('\n== tests');
  const { status } = spawnSync(node, [vitest, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...filters], {
    cwd: root,
    env: { ...env, ...servers.environment },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const summary = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { numPassedTests: 0, numFailedTests: 1, numPendingTests: 0 };
  rmSync(report, { recursive: true, force: true });
  const skipped = summary.numPendingTests + (summary.numTodoTests ?? 0);
  console.log(`\n${summary.numPassedTests} passed, ${summary.numFailedTests} failed, ${skipped} skipped`);
  if (env.CI === 'true' && skipped > 0) {
    console.error('On CI nothing may be skipped: install and start what the skipped tests need.');
    process.exit(1);
  }
  if (status !== 0 || summary.numPassedTests === 0) process.exit(1);
}

if (only !== 'tests' && args.length === 0) staticChecks();
if (only !== 'static') await tests(args);
