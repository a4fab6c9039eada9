/**
 * Proves that the module boundaries can fail: lints a fixture as if it stood in a domain library, and succeeds only if the rule refuses it.
 * Without a project graph the rule merely warns and passes, so a silent rule is a failure here.
 */
import { readFile } from 'node:fs/promises';
import { ESLint } from 'eslint';

const fixture = new URL('./fixtures/domain-imports-adapter.ts', import.meta.url);
const eslint = new ESLint();
const [result] = await eslint.lintText(await readFile(fixture, 'utf8'), { filePath: 'libs/domain-job/src/fixture.ts' });
const hits = result?.messages.filter((message) => message.ruleId === '@nx/enforce-module-boundaries') ?? [];
if (hits.length === 0) {
  console.error('The module-boundary rule let a domain library import an adapter. Is the project graph there (nx show projects)?');
  console.error(result?.messages);
  process.exit(1);
}
console.log(`module boundaries hold: ${hits[0].message.split('\n')[0]}`);
