/** The exit codes of the command line. Those of jobs come from the table that the scheduler uses (@verbena/domain-job), so that they cannot differ. */
import { exitRules } from '@verbena/domain-job';

export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  unreachable: 3,
  notFound: 4,
  noInput: 66,
  denied: 77,
  unsatisfiable: exitRules.unsatisfiable.code as number,
  internal: exitRules.internal.code as number,
  interrupted: 130,
  killed: 137,
  brokenPipe: 141,
  terminated: 143,
} as const;

/** What the codes of the command itself say, beside those of jobs. */
const own: readonly (readonly [code: number | string, meaning: string])[] = [
  [exitCodes.ok, 'success; for run: every rank ended with code 0'],
  [exitCodes.failed, 'the command failed; for run and cc also: the program does not compile'],
  [exitCodes.usage, 'the command line is wrong: an unknown option, a bad value'],
  [exitCodes.unreachable, 'no cluster answers'],
  [exitCodes.notFound, 'there is no such job, image, node or file in the cluster'],
  [exitCodes.noInput, 'a file that was named cannot be read'],
  [exitCodes.denied, 'the cluster asks for a token, or the token may not do this'],
  [exitCodes.interrupted, 'interrupted by Ctrl-C, or the job was cancelled'],
  [exitCodes.killed, 'killed, or the program needed more memory than its VM has'],
  [exitCodes.brokenPipe, 'whoever read the output has gone'],
  [exitCodes.terminated, 'ended by SIGTERM'],
];

/** Every code with its meaning, in order; "program" stands for the codes that the program itself gives. */
export function exitCodeRows(): readonly (readonly [code: string, meaning: string])[] {
  const jobs = Object.values(exitRules).filter(({ code }) => typeof code === 'number' && !own.some(([known]) => known === code));
  const numbered = [...own, ...jobs.map(({ code, meaning }) => [code, meaning] as const)];
  const byNumber = numbered.sort(([a], [b]) => Number(a) - Number(b)).map(([code, meaning]) => [String(code), meaning] as const);
  const programs = Object.values(exitRules).filter(({ code }) => code === 'program');
  return [...byNumber, ...programs.map(({ meaning }) => ['program', meaning] as const)];
}

/** docs/exit-codes.md, which a spec compares with the file. */
export function exitCodesPage(): string {
  const rows = exitCodeRows().map(([code, meaning]) => `| ${code === 'program' ? 'the program’s' : code} | ${meaning} |`);
  return [
    '# Exit codes',
    '',
    'What `verbena` returns. `verbena help exit-codes` prints the same table; the codes of jobs are also in `Job.exit_code`.',
    '',
    '| code | meaning |',
    '|---|---|',
    ...rows,
    '',
    'Codes of a program are what it returned, taken modulo 256 as everywhere; a program that returns one of the codes above is told apart by',
    '`verbena job show`, which gives the cause in words.',
    '',
  ].join('\n');
}
