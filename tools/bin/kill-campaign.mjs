/**
 * `npm run kill-campaign [-- [--moves] [--fresh] [runs [first seed]]]`: kill -9 of each process of a cluster in turn, at each step of a job's life, or with
 * --moves at each step of a migration; 200 runs from seed 0 when nothing is said, one after another in one cluster, or with --fresh in a new one each. Each
 * run is told of as it ends, and at the end who was killed when. Ends with code 0 only if nothing was lost, run twice or left over.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bin = join(root, 'node_modules', '.bin');
const node = existsSync(join(bin, 'node')) ? join(bin, 'node') : process.execPath;
const words = process.argv.slice(2);
const has = (option) => words.includes(option) && words.splice(words.indexOf(option), 1).length === 1;
const [moves, fresh] = [has('--moves'), has('--fresh')];
const [runs = '200', firstSeed = '0'] = words;
if (words.length > 2 || ![runs, firstSeed].every((text) => /^\d{1,6}$/.test(text)) || runs === '0') {
  console.error(
    'usage: npm run kill-campaign -- [--moves] [--fresh] [runs] [first seed]      for example: npm run kill-campaign -- --fresh 1 42',
  );
  process.exit(64);
}

const directory = mkdtempSync(join(tmpdir(), 'verbena-campaign-'));
const journal = join(directory, 'journal');
writeFileSync(journal, '');
let told = 0;
const tell = () => {
  const text = readFileSync(journal, 'utf8');
  process.stdout.write(text.slice(told));
  told = text.length;
};
const ticker = setInterval(tell, 500);
const child = spawn(node, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--project', 'system', 'test/scenarios/src/kill.spec.ts'], {
  cwd: root,
  env: {
    ...process.env,
    PATH: `${bin}${delimiter}${process.env.PATH}`,
    VERBENA_KILL_RUNS: moves ? '0' : runs,
    VERBENA_KILL_MOVES: moves ? runs : '0',
    VERBENA_KILL_SEED: firstSeed,
    VERBENA_KILL_FRESH: fresh ? '1' : '0',
    VERBENA_KILL_JOURNAL: journal,
  },
  stdio: ['ignore', 'inherit', 'inherit'],
});
child.on('exit', (code, signal) => {
  clearInterval(ticker);
  tell();
  // What a run that failed has left for those who look into it.
  if (code === 0) rmSync(directory, { recursive: true, force: true });
  process.exitCode = signal === null ? (code ?? 1) : 1;
});
