/**
 * Style as a test: file length, deep imports, stray markers, folder names, files that name this or that machine, and a map of the rooms in
 * docs/architecture.md that is true. Each finding names the file, the line and what to do.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const root = new URL('../..', import.meta.url).pathname;
const longest = 300;
/** Files that are longer than the limit, and why they may be. */
const longFiles = JSON.parse(readFileSync(`${root}tools/lint/long-files.json`, 'utf8'));

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((file) => file && existsSync(root + file));
const code = files.filter((file) => /\.(ts|tsx|mjs|c|h|cpp)$/.test(file) && !/\/gen\//.test(file) && !file.startsWith('tools/lint/'));

const findings = [];
const rules = [
  { pattern: /\b(TODO|FIXME|XXX|HACK)\b/, advice: 'do it, or file an issue; no stray markers' },
  { pattern: /from '@verbena\/[a-z-]+\/(?!testing')/, advice: 'import from the public index of the library' },
  { pattern: /(["'`\s])\/(home|srv|work)\//, advice: 'no absolute paths of a machine' },
  { pattern: /\b(it|test|describe)\.only\b/, advice: 'a focused test hides all others' },
  { pattern: /@ts-(ignore|nocheck)/, advice: 'mend the types' },
];

for (const file of code) {
  const lines = readFileSync(root + file, 'utf8').split('\n');
  if (lines.length > longest && !longFiles[file])
    findings.push(`${file}: ${lines.length} lines; split it, or give the reason in tools/lint/long-files.json`);
  lines.forEach((line, index) => {
    for (const { pattern, advice } of rules)
      if (pattern.test(line)) findings.push(`${file}:${index + 1}: ${line.trim().slice(0, 80)}  (${advice})`);
  });
}
for (const file of Object.keys(longFiles)) if (!files.includes(file)) findings.push(`tools/lint/long-files.json: ${file} does not exist`);
for (const file of files)
  if (/(^|\/)(shared|common|utils|core)\//.test(file)) findings.push(`${file}: name the folder after what it holds`);

const map = readFileSync(`${root}docs/architecture.md`, 'utf8');
for (const room of new Set(
  files.filter((file) => /^(apps|libs|test)\/[^/]+\//.test(file)).map((file) => file.split('/').slice(0, 2).join('/')),
))
  if (!map.includes(`${room}/`)) findings.push(`docs/architecture.md: does not mention ${room}/`);
for (const [, room] of map.matchAll(/^((?:apps|libs|test)\/[a-z-]+)\//gm))
  if (!existsSync(root + room)) findings.push(`docs/architecture.md: names ${room}/, which does not exist`);

if (findings.length > 0) {
  console.error(findings.join('\n'));
  console.error(`\n${findings.length} findings`);
  process.exit(1);
}
console.log(`tidy: ${code.length} files`);
