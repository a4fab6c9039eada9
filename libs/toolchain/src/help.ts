/** The text of --help, within 80 columns. */
export function usage(name: string): string {
  return `Usage: ${name} [options] file...

Compiles C and C++ to a guest image (.vmi), in the manner of mpicc and gcc.
mpi.h and the MPI library are always there; -lm, -lmpi, -lpthread need no more.

  -o FILE             write the image (default a.vmi), object or text to FILE
  -c, -S, -E          stop after compiling, after assembly, after preprocessing
  -fsyntax-only       check, and write nothing
  -I DIR, -isystem DIR, -iquote DIR, -include FILE, -D NAME[=VALUE], -U NAME
  -O0 .. -O3, -Ofast  optimize; -O2 when no level is given
  -g                  keep line information in objects
  -std=..., -W..., -f...   as clang takes them
  -L DIR, -l NAME     link libNAME.a from the -L directories
  -x LANGUAGE         c, c++, assembler, none
  --embed-file FILE[@PATH]   let the image carry FILE; the program finds it as
                      /image/PATH (by default the file's own name)
  -MD, -MMD, -M, -MM, -MF FILE, -MT TARGET, -MP   dependencies for make
  --no-asyncify       do not prepare the guest to be moved at all
  --no-polls          let it be moved while it waits only, not while it computes
  -v, --version, -show, -showme:compile, -showme:link, -dumpmachine
  -print-cmake-toolchain   the file for cmake --toolchain
  @FILE               read arguments from FILE

-march, -mtune and other -m options, -pthread, -static and linker options are
accepted and have no effect. -shared is refused: a guest is one module.

Exit status: clang's; 1 when the command line is wrong, 70 when the compiler
itself fails.
`;
}
