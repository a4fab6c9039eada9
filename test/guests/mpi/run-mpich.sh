#!/bin/sh
# The oracle: every guest of this folder must pass under another MPI, too. Usage: run-mpich.sh [ranks...]; needs mpicc and mpiexec.
cd "$(dirname "$0")" || exit 1
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
for source in *.c; do
  mpicc -O1 -w "$source" -o "$build/guest" -lm || exit 1
  for ranks in ${*:-1 2 3 5}; do
    timeout 60 mpiexec -n "$ranks" "$build/guest" >"$build/out" 2>&1 || { echo "$source fails with $ranks ranks:"; cat "$build/out"; exit 1; }
  done
  echo "$source"
done
