/** The contracts pass buf's lint, break no client of the last release, and the generated code is what they generate. */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { checkBreaking } from '../contracts/breaking.mjs';
import { buf, contracts } from '../contracts/buf.mjs';

function run(args) {
  if (buf(args).status !== 0) process.exit(1);
}

function tree(directory) {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map((entry) => {
      const path = join(entry.parentPath ?? entry.path, entry.name);
      return [relative(directory, path), readFileSync(path, 'utf8')];
    }),
  );
}

run(['lint']);
checkBreaking();
const output = mkdtempSync(join(tmpdir(), 'verbena-contracts-'));
try {
  run(['generate', '--output', output]);
  const fresh = tree(join(output, 'src/gen'));
  const committed = tree(join(contracts, 'src/gen'));
  const stale = [...new Set([...fresh.keys(), ...committed.keys()])].filter((path) => fresh.get(path) !== committed.get(path));
  if (stale.length > 0) {
    console.error(`Generated code is stale: ${stale.join(', ')}. Run "npm run proto" and commit the result.`);
    process.exit(1);
  }
} finally {
  rmSync(output, { recursive: true, force: true });
}
