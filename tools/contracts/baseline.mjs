/**
 * Renews libs/contracts/baseline.binpb, the contracts of the last release, with which `npm run lint` compares the present ones.
 * Run on a release: `npm run proto:baseline`. What breaks clients of the last release is refused; `--breaking` says that it is meant.
 */
import { join } from 'node:path';
import { buf, contracts } from './buf.mjs';

export const baseline = join(contracts, 'baseline.binpb');

/** @returns buf's exit status: 0 when clients of the last release can go on with these contracts */
export const againstBaseline = (options) => buf(['breaking', 'proto', '--against', baseline], options);

if (process.argv[1] === new URL(import.meta.url).pathname) {
  if (!process.argv.includes('--breaking') && againstBaseline().status !== 0) {
    console.error('These contracts break clients of the last release. Mend them, or say --breaking when it is meant.');
    process.exit(1);
  }
  process.exit(buf(['build', 'proto', '--exclude-source-info', '--output', baseline]).status);
}
