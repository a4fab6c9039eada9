/* Catches: derived types whose size, extent, packing or transfer differs from their type map, up to types of types. */
#include <stddef.h>

#include "check.h"

typedef struct {
  char tag;
  double position[3];
  short kind;
  int id;
} particle;

static void expect(MPI_Datatype type, int size, MPI_Aint lb, MPI_Aint extent, MPI_Aint true_lb, MPI_Aint true_extent, const char *what) {
  int s;
  MPI_Aint a, b;
  MPI_Type_size(type, &s);
  CHECK(s == size, "%s: size %d, not %d", what, s, size);
  MPI_Type_get_extent(type, &a, &b);
  CHECK(a == lb && b == extent, "%s: lb %d extent %d", what, (int)a, (int)b);
  MPI_Type_get_true_extent(type, &a, &b);
  CHECK(a == true_lb && b == true_extent, "%s: true lb %d extent %d", what, (int)a, (int)b);
}

/* Sends `count` of `type` from a patterned buffer to the right, as type and as packed bytes; compares with a local pack. */
static void round_trip(MPI_Datatype type, int count, const char *what) {
  enum { BYTES = 200000 };
  static unsigned char out[BYTES], in[BYTES], packed[BYTES], repacked[BYTES];
  int right = (me + 1) % ranks, left = (me - 1 + ranks) % ranks, position = 0, size, bytes, got;
  unsigned seed = 12345;
  MPI_Status status;
  for (int i = 0; i < BYTES; i++) out[i] = (unsigned char)next_random(&seed);
  MPI_Type_size(type, &size);
  bytes = size * count;
  memset(in, 0, BYTES);
  MPI_Sendrecv(out + 64, count, type, right, 1, in + 64, count, type, left, 1, MPI_COMM_WORLD, &status);
  MPI_Get_count(&status, type, &got);
  CHECK(got == (size == 0 ? 0 : count), "%s: got %d of %d", what, got, count);
  MPI_Pack(out + 64, count, type, packed, BYTES, &position, MPI_COMM_WORLD);
  CHECK(position == bytes, "%s: packed %d of %d", what, position, bytes);
  position = 0;
  MPI_Pack(in + 64, count, type, repacked, BYTES, &position, MPI_COMM_WORLD);
  CHECK(memcmp(packed, repacked, bytes) == 0, "%s: other data arrived", what);
  /* Only the bytes of the type may change. */
  static unsigned char mask[BYTES], all[BYTES];
  memset(mask, 0, BYTES);
  memset(all, 0xff, bytes);
  position = 0;
  MPI_Unpack(all, bytes, &position, mask + 64, count, type, MPI_COMM_WORLD);
  for (int i = 0; i < BYTES; i++) CHECK(mask[i] == 0xff || in[i] == 0, "%s: byte %d was written", what, i);
  /* Typed to packed and back. */
  memset(in, 0, BYTES);
  MPI_Sendrecv(out + 64, count, type, right, 2, repacked, bytes, MPI_PACKED, left, 2, MPI_COMM_WORLD, &status);
  CHECK(memcmp(packed, repacked, bytes) == 0, "%s: to packed", what);
  MPI_Sendrecv(packed, bytes, MPI_PACKED, right, 3, in + 64, count, type, left, 3, MPI_COMM_WORLD, &status);
  position = 0;
  MPI_Pack(in + 64, count, type, repacked, BYTES, &position, MPI_COMM_WORLD);
  CHECK(memcmp(packed, repacked, bytes) == 0, "%s: from packed", what);
}

int main(int argc, char **argv) {
  begin(&argc, &argv);
  const int d = (int)sizeof(double), w = (int)sizeof(int);
  MPI_Datatype a, b, c;

  MPI_Type_contiguous(5, MPI_DOUBLE, &a);
  MPI_Type_commit(&a);
  expect(a, 5 * d, 0, 5 * d, 0, 5 * d, "contiguous");
  round_trip(a, 7, "contiguous");
  MPI_Type_vector(4, 2, 5, a, &b);
  MPI_Type_commit(&b);
  expect(b, 40 * d, 0, (3 * 25 + 10) * d, 0, (3 * 25 + 10) * d, "vector of contiguous");
  round_trip(b, 3, "vector of contiguous");
  MPI_Type_create_hvector(3, 2, 2000, b, &c);
  MPI_Type_commit(&c);
  round_trip(c, 5, "hvector of vector");
  MPI_Type_free(&a);
  MPI_Type_free(&b);
  MPI_Type_free(&c);
  CHECK(c == MPI_DATATYPE_NULL, "freed type");

  int lengths[4] = {2, 0, 3, 1}, displacements[4] = {5, 100, 0, 9};
  MPI_Type_indexed(4, lengths, displacements, MPI_INT, &a);
  MPI_Type_commit(&a);
  expect(a, 6 * w, 0, 10 * w, 0, 10 * w, "indexed");
  round_trip(a, 50, "indexed");
  MPI_Type_create_resized(a, -4, 64, &b);
  MPI_Type_commit(&b);
  expect(b, 6 * w, -4, 64, 0, 10 * w, "resized");
  round_trip(b, 50, "resized");
  MPI_Type_dup(b, &c);
  expect(c, 6 * w, -4, 64, 0, 10 * w, "dup");
  round_trip(c, 3, "dup");
  MPI_Type_free(&a);
  MPI_Type_free(&b);
  MPI_Type_free(&c);

  particle example;
  MPI_Aint base, at[4];
  MPI_Datatype types[4] = {MPI_CHAR, MPI_DOUBLE, MPI_SHORT, MPI_INT};
  int many[4] = {1, 3, 1, 1};
  MPI_Get_address(&example, &base);
  MPI_Get_address(&example.tag, &at[0]);
  MPI_Get_address(&example.position, &at[1]);
  MPI_Get_address(&example.kind, &at[2]);
  MPI_Get_address(&example.id, &at[3]);
  for (int i = 0; i < 4; i++) at[i] -= base;
  MPI_Type_create_struct(4, many, at, types, &a);
  MPI_Type_commit(&a);
  expect(a, 1 + 3 * d + 2 + w, 0, sizeof(particle), 0, offsetof(particle, id) + w, "struct");
  round_trip(a, 200, "struct");
  /* Partial receives count elements. */
  if (ranks > 1) {
    particle all[4];
    MPI_Status status;
    int count, elements;
    if (me == 0) {
      MPI_Send("x", 1, MPI_CHAR, 1, 4, MPI_COMM_WORLD);
      MPI_Send(&example, 1, a, 1, 4, MPI_COMM_WORLD);
    } else if (me == 1) {
      MPI_Recv(all, 4, a, 0, 4, MPI_COMM_WORLD, &status);
      MPI_Get_count(&status, a, &count);
      MPI_Get_elements(&status, a, &elements);
      CHECK(count == MPI_UNDEFINED && elements == 1, "partial: count %d elements %d", count, elements);
      MPI_Recv(all, 4, a, 0, 4, MPI_COMM_WORLD, &status);
      MPI_Get_count(&status, a, &count);
      MPI_Get_elements(&status, a, &elements);
      CHECK(count == 1 && elements == 6, "whole: count %d elements %d", count, elements);
    }
  }
  MPI_Type_free(&a);

  /* Absolute addresses with MPI_BOTTOM. */
  int one = me, two[3] = {me, me + 1, me + 2}, from_one = -1, from_two[3] = {-1, -1, -1};
  int pair_lengths[2] = {1, 3};
  MPI_Aint out_at[2], in_at[2];
  MPI_Get_address(&one, &out_at[0]);
  MPI_Get_address(two, &out_at[1]);
  MPI_Get_address(&from_one, &in_at[0]);
  MPI_Get_address(from_two, &in_at[1]);
  MPI_Type_create_hindexed(2, pair_lengths, out_at, MPI_INT, &a);
  MPI_Type_create_hindexed(2, pair_lengths, in_at, MPI_INT, &b);
  MPI_Type_commit(&a);
  MPI_Type_commit(&b);
  int left = (me - 1 + ranks) % ranks;
  MPI_Sendrecv(MPI_BOTTOM, 1, a, (me + 1) % ranks, 5, MPI_BOTTOM, 1, b, left, 5, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  CHECK(from_one == left && from_two[0] == left && from_two[2] == left + 2, "MPI_BOTTOM brought %d %d", from_one, from_two[2]);
  MPI_Type_free(&a);
  MPI_Type_free(&b);

  int sizes[3] = {6, 7, 8}, sub[3] = {2, 3, 4}, starts[3] = {1, 2, 3};
  MPI_Type_create_subarray(3, sizes, sub, starts, MPI_ORDER_C, MPI_INT, &a);
  MPI_Type_commit(&a);
  expect(a, 24 * w, 0, 336 * w, ((1 * 7 + 2) * 8 + 3) * w, ((7 + 2) * 8 + 4) * w, "subarray");
  round_trip(a, 3, "subarray");
  static int cube[6][7][8], taken[24];
  for (int i = 0; i < 336; i++) (&cube[0][0][0])[i] = i;
  int position = 0;
  MPI_Pack(cube, 1, a, taken, sizeof taken, &position, MPI_COMM_WORLD);
  for (int i = 0; i < 24; i++) CHECK(taken[i] == cube[1 + i / 12][2 + i / 4 % 3][3 + i % 4], "subarray element %d is %d", i, taken[i]);
  MPI_Type_free(&a);
  MPI_Type_create_subarray(3, sizes, sub, starts, MPI_ORDER_FORTRAN, MPI_INT, &a);
  MPI_Type_commit(&a);
  position = 0;
  MPI_Pack(cube, 1, a, taken, sizeof taken, &position, MPI_COMM_WORLD);
  for (int i = 0; i < 24; i++)
    CHECK(taken[i] == (1 + i % 2) + 6 * (2 + i / 2 % 3) + 42 * (3 + i / 6), "Fortran subarray element %d is %d", i, taken[i]);
  MPI_Type_free(&a);

  MPI_Type_contiguous(0, MPI_INT, &a);
  MPI_Type_commit(&a);
  expect(a, 0, 0, 0, 0, 0, "empty");
  MPI_Type_free(&a);

  /* In collectives: a broadcast whose root has a vector and whose others have integers, long enough to be scattered. */
  enum { N = 30000 };
  static int strided[2 * N], plain[N];
  MPI_Type_vector(N, 1, 2, MPI_INT, &a);
  MPI_Type_commit(&a);
  for (int i = 0; i < 2 * N; i++) strided[i] = pattern(0, 1, i);
  if (me == 0) MPI_Bcast(strided, 1, a, 0, MPI_COMM_WORLD);
  else MPI_Bcast(plain, N, MPI_INT, 0, MPI_COMM_WORLD);
  for (int i = 0; i < N && me > 0; i++) CHECK(plain[i] == pattern(0, 1, 2 * i), "broadcast element %d", i);
  MPI_Type_free(&a);
  return end();
}
