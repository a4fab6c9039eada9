/**
 * The contracts do not break clients of the last release; and the check that says so can fail: changes that would break them are made in a copy, and
 * each must be refused for what it is.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { againstBaseline } from './baseline.mjs';
import { contracts } from './buf.mjs';

const job = 'proto/verbena/job/v1/job.proto';
/** Changes that break clients, and what buf says of them. */
const breaks = [
  {
    what: 'a field is renumbered',
    from: 'JobState state = 3;',
    to: 'JobState state = 103;',
    says: /Previously present field "3" with name "state"/,
  },
  {
    what: 'a field has another type',
    from: 'int32 exit_code = 5;',
    to: 'string exit_code = 5;',
    says: /changed type from "int32" to "string"/,
  },
  {
    what: 'a field has another name',
    from: 'string reason = 4;',
    to: 'string why = 4;',
    says: /changed (its )?name from "reason" to "why"/,
  },
  { what: 'an RPC is gone', from: /rpc GetJob\(.*\n/, to: '', says: /Previously present RPC "GetJob"/ },
  {
    what: 'an answer becomes a stream',
    from: 'returns (GetJobResponse)',
    to: 'returns (stream GetJobResponse)',
    says: /from server unary to server streaming/,
  },
  { what: 'an enum value is gone', from: 'JOB_STATE_CANCELLED = 7;', to: '', says: /Previously present enum value "7"/ },
];
const harmless = { from: 'message Job {', to: 'message Job {\n  string added_for_the_check = 900;' };

/** Runs the comparison on a copy with one change. */
function withChange({ from, to }) {
  const copy = mkdtempSync(join(tmpdir(), 'verbena-breaking-'));
  try {
    for (const part of ['buf.yaml', 'proto', 'standard']) cpSync(join(contracts, part), join(copy, part), { recursive: true });
    const path = join(copy, job);
    const text = readFileSync(path, 'utf8');
    const changed = text.replace(from, to);
    if (changed === text) throw new Error(`${job} has no ${from}: the check needs another example`);
    writeFileSync(path, changed);
    const { status, stdout, stderr } = againstBaseline({ cwd: copy, stdio: 'pipe', encoding: 'utf8' });
    return { status, text: `${stdout}${stderr}` };
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** Exits with 1 when the contracts break clients, or when the check would not notice. */
export function checkBreaking() {
  if (againstBaseline().status !== 0) {
    console.error(
      'The contracts break clients of the last release (libs/contracts/baseline.binpb). Only add; or renew the baseline on a release.',
    );
    process.exit(1);
  }
  for (const { what, says, ...change } of breaks) {
    const { status, text } = withChange(change);
    if (status !== 0 && says.test(text)) continue;
    console.error(`buf would not refuse it when ${what}: it said ${JSON.stringify(text)}`);
    process.exit(1);
  }
  const { status, text } = withChange(harmless);
  if (status !== 0) {
    console.error(`buf refuses a field that was only added: ${text}`);
    process.exit(1);
  }
}
