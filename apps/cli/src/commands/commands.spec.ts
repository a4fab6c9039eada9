import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { exitRules } from '@verbena/domain-job';
import { exitCodeRows, exitCodesPage } from '../exit-codes.ts';
import { main } from '../main.ts';
import { buildProgram } from '../program.ts';
import { memoryIo } from '../terminal/io.fixture.ts';
import { displayWidth } from '../terminal/text.ts';
import { bashScript, fishScript, wordsOf, zshScript } from './completion.ts';
import { parseMoment } from './events.ts';
import { parseStates } from './jobs.ts';
import { parseListen } from './up.ts';

async function run(argv: readonly string[], options: Parameters<typeof memoryIo>[0] = {}) {
  const io = memoryIo({ env: { VERBENA_DATA_DIR: '/nonexistent' }, ...options });
  const code = await main(argv, io);
  return { code, out: io.stdoutText(), err: io.stderrText() };
}

function paths(command: Command, above: readonly string[] = []): string[][] {
  return command.commands.flatMap((sub) => [[...above, sub.name()], ...paths(sub, [...above, sub.name()])]);
}

const everyCommand = paths(buildProgram(memoryIo(), [], { exitCode: 0 }));

describe('help', () => {
  it.each(everyCommand.map((path) => [path.join(' '), path] as const))('of %s has an example and fits 80 columns', async (_name, path) => {
    const { code, out } = await run(['help', ...path]);
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`Examples?:\\n  \\$ .*verbena ${path[0]?.replaceAll('+', '\\+')}`));
    for (const line of out.split('\n')) expect(displayWidth(line)).toBeLessThanOrEqual(80);
  });

  it('lists the commands, on standard output and with code 0', async () => {
    const { code, out, err } = await run(['--help']);
    expect([code, err]).toEqual([0, '']);
    for (const name of [
      'run',
      'submit',
      'jobs',
      'logs',
      'cancel',
      'nodes',
      'vms',
      'migrate',
      'migrations',
      'migration',
      'images',
      'events',
      'at',
      'replay',
      'cc',
      'c++',
      'up',
      'down',
      'status',
    ])
      expect(out).toMatch(new RegExp(`^  ${name.replaceAll('+', '\\+')}\\b|^  ${name.replaceAll('+', '\\+')} `, 'm'));
  });

  it('on exit codes has every code that a job can end with', async () => {
    const { out } = await run(['help', 'exit-codes']);
    for (const { code } of Object.values(exitRules)) expect(out).toMatch(new RegExp(`^ +${code} `, 'm'));
    const codes = exitCodeRows().map(([code]) => code);
    expect(new Set(codes.filter((code) => code !== 'program')).size).toBe(codes.filter((code) => code !== 'program').length);
  });
});

it('docs/exit-codes.md is the table', () => {
  expect(readFileSync(new URL('../../../../docs/exit-codes.md', import.meta.url), 'utf8')).toBe(exitCodesPage());
});

describe('a wrong command line', () => {
  it.each([
    [['jbos'], /unknown command 'jbos'[\s\S]*Did you mean jobs/],
    [['run'], /run what\? Name a C file/],
    [['run', '-n', '0', 'a.c'], /-n wants a whole number from 1/],
    [['run', '--mem', 'lots', 'a.c'], /"lots" is not a size/],
    [['run', '--time', 'soon', 'a.c'], /"soon" is not a duration/],
    [['run', '--env', '=x', 'a.c'], /--env wants name=value/],
    [['run', '--image', 'ep', 'a.c'], /--image names the program already/],
    [['jobs', '--state', 'asleep'], /"asleep" is no job state; there are queued,/],
    [['jobs', '--nonsense'], /unknown option '--nonsense'/],
    [['cancel'], /missing required argument 'jobs'/],
    [['events', '--after', 'x'], /--after wants a position/],
    [['up', '--listen', 'here'], /--listen wants a port/],
    [['completion', 'csh'], /no completion for "csh"/],
    [['help', 'jbos'], /there is no command "jbos"/],
    [['status', '--endpoint', 'ftp://x'], /is not an endpoint/],
  ])('%j is code 2 and says what is wrong', async (argv, message) => {
    const { code, out, err } = await run(argv);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(message);
    expect(err).toMatch(/^verbena: /);
    expect(err).not.toMatch(/^\s+at /m);
  });
});

describe('without a cluster', () => {
  it.each([[['status']], [['jobs']], [['events']], [['down']], [['logs', 'job-1']], [['submit', 'a.c']]])(
    '%j is code 3 and says how to get one',
    async (argv) => {
      const { code, err } = await run(argv);
      expect(code).toBe(3);
      expect(err).toMatch(/no cluster is up/);
    },
  );

  it('one that was named and does not answer is code 3, too', async () => {
    const { code, err } = await run(['jobs', '--endpoint', 'http://127.0.0.1:1']);
    expect(code).toBe(3);
    expect(err).toMatch(/no cluster answers \(ECONNREFUSED\)/);
  });

  it('an error is JSON with --json', async () => {
    const { err } = await run(['jobs', '--json']);
    expect(JSON.parse(err)).toMatchObject({ error: { exitCode: 3 } });
  });

  it('more ranks than the temporary cluster has cores are refused before it is started', async () => {
    const { code, err } = await run(['run', '-n', '9', 'nowhere.c']);
    expect(code).toBe(69);
    expect(err).toMatch(/9 ranks need 9 cores, and the temporary cluster has 8 .* --cores 3/);
  });
});

describe('the options of commands', () => {
  it('take moments as dates or as times ago', () => {
    const now = new Date('2026-11-21T08:00:00Z');
    expect(parseMoment('--since', '10m', now)).toEqual(new Date('2026-11-21T07:50:00Z'));
    expect(parseMoment('--since', '2026-11-20T00:00:00Z', now)).toEqual(new Date('2026-11-20T00:00:00Z'));
    expect(() => parseMoment('--since', '2026-99-20', now)).toThrow(/is not a date/);
  });

  it('take ports with and without a host', async () => {
    expect(await Promise.all(['7070', ':0', '127.0.0.1:7070', '[::1]:80'].map(parseListen))).toEqual([
      { port: 7070 },
      { port: 0 },
      { host: '127.0.0.1', port: 7070 },
      { host: '::1', port: 80 },
    ]);
    await expect(parseListen('70700')).rejects.toThrow(/--listen/);
  });

  it('take states by their short names', () => {
    expect(parseStates('running, Queued')).toEqual([4, 1]);
  });
});

describe('completion', () => {
  const words = wordsOf(buildProgram(memoryIo(), [], { exitCode: 0 }));

  it('knows commands below commands, their options, and the global ones', () => {
    const show = words.find(({ path }) => path === 'job show');
    expect(show?.options.map(({ flag }) => flag)).toContain('--json');
    expect(words.find(({ path }) => path === 'run')).toMatchObject({ takesFiles: true });
  });

  it('completes in bash', () => {
    const typed = (...line: string[]): string => {
      const script = `${bashScript(words)}\nCOMP_WORDS=(${line.map((word) => `"${word}"`).join(' ')}); COMP_CWORD=${line.length - 1}; _verbena; echo "\${COMPREPLY[@]}"`;
      return spawnSync('bash', ['-c', script], { encoding: 'utf8' }).stdout.trim();
    };
    expect(typed('verbena', 'ev')).toBe('events');
    expect(typed('verbena', 'node', 'd')).toBe('drain');
    expect(typed('verbena', 'events', 'at', 'replay', '--fol')).toBe('--follow');
  });

  it('names every command for zsh and fish', () => {
    for (const script of [zshScript(words), fishScript(words)]) for (const [name] of everyCommand) expect(script).toContain(name);
  });
});
