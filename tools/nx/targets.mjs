/**
 * Infers the targets of every package from its folder, so that no package carries configuration of its own:
 *   typecheck  tsc -b of the package and what it needs
 *   lint       eslint, module boundaries included
 *   test       the specs beside its code, or, under test/, the system tests
 */
import { dirname } from 'node:path';

const tsc = 'node node_modules/@typescript/native/bin/tsc -b';

/** @type {import('nx/src/project-graph/plugins').CreateNodesV2} */
export const createNodesV2 = [
  '{apps,libs,test}/*/package.json',
  (files) => files.map((file) => [file, { projects: { [dirname(file)]: { targets: targets(dirname(file)) } } }]),
];

function targets(root) {
  const systems = root.startsWith('test/');
  return {
    typecheck: { command: `${tsc} ${root}`, cache: true, inputs: ['default', '^default'], outputs: ['{projectRoot}/dist'] },
    lint: { command: `eslint ${root}`, cache: true, inputs: ['default', '^default'] },
    test: {
      command: `vitest run --passWithNoTests ${root}/`,
      cache: true,
      inputs: ['default', '^default'],
      parallelism: !systems,
    },
  };
}
