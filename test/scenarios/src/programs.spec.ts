import { guest } from '@verbena/framework';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoryCluster } from './cluster.ts';

describe('programs that nobody here has seen', () => {
  let cluster: StoryCluster;
  beforeAll(async () => {
    cluster = await StoryCluster.up({ hosts: 2, cores: 2 });
  });
  afterAll(() => cluster.down());

  it('may have several source files, include directories, definitions and libraries', async () => {
    const dir = join(guest('exit-code'), '..', 'several');
    const { code, stdout, stderr } = await cluster.run([
      '-n',
      '4',
      join(dir, 'main.c'),
      join(dir, 'norm.c'),
      `-I${join(dir, 'include')}`,
      '-DSIZE=16',
      '-lm',
    ]);
    expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
    expect(stdout).toBe('norm 8.000000\n');
  });

  it('see their arguments and the environment that was asked for', async () => {
    const { code, stdout } = await cluster.run([
      '-n',
      '2',
      '--env',
      'GREETING=hello there',
      guest('args-env'),
      '--',
      '--steps',
      '10',
      'two words',
    ]);
    expect(code).toBe(0);
    expect(stdout).toBe('argument 1: --steps\nargument 2: 10\nargument 3: two words\nGREETING: hello there\n');
  });

  it('read standard input at rank 0', async () => {
    const { code, stdout } = await cluster.run(['-n', '3', guest('echo-stdin')], { stdin: 'from the terminal\n' });
    expect([code, stdout]).toEqual([0, 'FROM THE TERMINAL\n']);
  });

  it('may be written in C++, and lie in any directory, with any name', async () => {
    const path = await cluster.sandbox.file(
      'a folder/ein Prögramm.cpp',
      `#include <mpi.h>\n#include <cstdio>\n#include <vector>\n#include <numeric>\nint main(int argc, char **argv) {\n  MPI_Init(&argc, &argv);\n  int rank; MPI_Comm_rank(MPI_COMM_WORLD, &rank);\n  std::vector<int> v(10); std::iota(v.begin(), v.end(), 1);\n  int sum = std::accumulate(v.begin(), v.end(), 0), total = 0;\n  MPI_Reduce(&sum, &total, 1, MPI_INT, MPI_SUM, 0, MPI_COMM_WORLD);\n  if (rank == 0) std::printf("%d\\n", total);\n  MPI_Finalize();\n}\n`,
    );
    const { code, stdout, stderr } = await cluster.run(['-n', '2', path]);
    expect([code, stdout, code === 0 ? '' : stderr]).toEqual([0, '110\n', '']);
  });

  it('read the files that their image carries, on every node', async () => {
    await cluster.sandbox.file('table.txt', '6 7\n');
    const program = await cluster.sandbox.file(
      'reads.c',
      `#include <mpi.h>
#include <stdio.h>
int main(int argc, char **argv) {
  int a = 0, b = 0, sum = 0;
  MPI_Init(&argc, &argv);
  FILE *file = fopen("/image/data/table.txt", "r");
  if (file == NULL || fscanf(file, "%d %d", &a, &b) != 2) return 3;
  a *= b;
  MPI_Reduce(&a, &sum, 1, MPI_INT, MPI_SUM, 0, MPI_COMM_WORLD);
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (rank == 0) printf("%d\\n", sum);
  MPI_Finalize();
  return fopen("/image/data/table.txt", "w") != NULL;
}
`,
    );
    const image = `${program}.vmi`;
    const built = await cluster.sandbox.cli([
      'cc',
      program,
      '--embed-file',
      `${join(program, '..', 'table.txt')}@data/table.txt`,
      '-o',
      image,
    ]);
    expect([built.code, built.stderr]).toEqual([0, '']);
    const { code, stdout, stderr } = await cluster.run(['-n', '4', image]);
    expect([code, stdout, code === 0 ? '' : stderr]).toEqual([0, '168\n', '']);
  });

  it('end the job with the code that the last rank returned', async () => {
    const { code } = await cluster.run(['-n', '3', guest('exit-code'), '--', '17']);
    expect(code).toBe(17);
  });

  it('may be a single rank that never calls MPI', async () => {
    const path = await cluster.sandbox.file('plain.c', '#include <stdio.h>\nint main(void) { puts("plain"); return 0; }\n');
    const { code, stdout } = await cluster.run(['-n', '1', path]);
    expect([code, stdout]).toEqual([0, 'plain\n']);
  });
});
