/**
 * Runs clang and the linker for a spec: `node clang.ts` with { files, commands, output } as JSON on stdin, the output file as base64 on stdout.
 * A process of its own: the compiler is large, and must not be compiled with the flags that a spec's process may have set for guests.
 */
import { text } from 'node:stream/consumers';
import { Exit, runLLVM, type Tree } from '@yowasp/clang';

interface Request {
  readonly files: Record<string, string>;
  readonly commands: readonly (readonly string[])[];
  readonly output: string;
}

function put(tree: Tree, path: readonly string[], content: string): void {
  const [name = '', ...rest] = path;
  if (rest.length === 0) tree[name] = content;
  else put((tree[name] ??= {}) as Tree, rest, content);
}

const say = (data: Uint8Array | null): void => void (data !== null && process.stderr.write(data));
const request = JSON.parse(await text(process.stdin)) as Request;
let tree: Tree = {};
for (const [path, content] of Object.entries(request.files)) put(tree, path.split('/'), content);
let running = '';
try {
  for (const command of request.commands) {
    running = command.join(' ');
    tree = { ...tree, ...(await runLLVM([...command], tree, { stdout: say, stderr: say, fetchProgress: () => undefined })) };
  }
  process.stdout.write(Buffer.from(tree[request.output] as Uint8Array).toString('base64'));
} catch (error) {
  if (!(error instanceof Exit)) throw error;
  process.stderr.write(`${running}: exit code ${error.code}\n`);
  process.exitCode = error.code;
}
