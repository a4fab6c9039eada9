/* Catches: types that do not tell how they were made, arrays that are distributed otherwise than the standard says, wrong external32 bytes. */
#include "check.h"

static void envelope(MPI_Datatype type, int integers, int addresses, int types, int combiner) {
  int i, a, t, c;
  MPI_Type_get_envelope(type, &i, &a, &t, &c);
  CHECK(i == integers && a == addresses && t == types && c == combiner, "%d integers, %d addresses, %d types, combiner %d, not %d", i, a, t, c, combiner);
}

static void contents(void) {
  MPI_Datatype vector, made, inside[2];
  int integers[16], lengths[2] = {2, 1};
  MPI_Aint addresses[4], displacements[2] = {0, 100};
  envelope(MPI_DOUBLE, 0, 0, 0, MPI_COMBINER_NAMED);
  MPI_Type_vector(3, 2, 5, MPI_INT, &vector);
  envelope(vector, 3, 0, 1, MPI_COMBINER_VECTOR);
  MPI_Type_get_contents(vector, 3, 0, 1, integers, addresses, inside);
  CHECK(integers[0] == 3 && integers[1] == 2 && integers[2] == 5 && inside[0] == MPI_INT, "vector of %d %d %d", integers[0], integers[1], integers[2]);
  MPI_Datatype types[2] = {vector, MPI_CHAR};
  MPI_Type_create_struct(2, lengths, displacements, types, &made);
  /* What a type was made of stays with it. */
  MPI_Type_free(&vector);
  envelope(made, 3, 2, 2, MPI_COMBINER_STRUCT);
  MPI_Type_get_contents(made, 3, 2, 2, integers, addresses, inside);
  CHECK(integers[0] == 2 && integers[1] == 2 && addresses[1] == 100 && inside[1] == MPI_CHAR, "struct of %d", integers[0]);
  envelope(inside[0], 3, 0, 1, MPI_COMBINER_VECTOR);
  MPI_Type_free(&inside[0]);
  MPI_Type_free(&made);
  MPI_Type_create_hvector(2, 3, 64, MPI_SHORT, &made);
  envelope(made, 2, 1, 1, MPI_COMBINER_HVECTOR);
  MPI_Type_free(&made);
  MPI_Type_create_indexed_block(2, 3, lengths, MPI_SHORT, &made);
  envelope(made, 4, 0, 1, MPI_COMBINER_INDEXED_BLOCK);
  MPI_Type_free(&made);
  MPI_Type_create_resized(MPI_INT, -4, 32, &made);
  envelope(made, 0, 2, 1, MPI_COMBINER_RESIZED);
  MPI_Type_get_contents(made, 0, 2, 1, integers, addresses, inside);
  CHECK(addresses[0] == -4 && addresses[1] == 32, "resized to %d %d", (int)addresses[0], (int)addresses[1]);
  MPI_Type_free(&made);
  MPI_Type_dup(MPI_INT, &made);
  envelope(made, 0, 0, 1, MPI_COMBINER_DUP);
  MPI_Type_free(&made);
}

/* Who owns an index of a distributed dimension. */
static int owner(int index, int size, int distribution, int argument, int processes) {
  if (distribution == MPI_DISTRIBUTE_NONE) return 0;
  if (distribution == MPI_DISTRIBUTE_BLOCK) return index / (argument == MPI_DISTRIBUTE_DFLT_DARG ? (size + processes - 1) / processes : argument);
  return index / (argument == MPI_DISTRIBUTE_DFLT_DARG ? 1 : argument) % processes;
}

static void darray(int order, const int distributions[2], const int arguments[2]) {
  int sizes[2] = {7, 11}, grid[2] = {distributions[0] == MPI_DISTRIBUTE_NONE ? 1 : 2, 3}, n = grid[0] * grid[1];
  static int all[77], mine[77];
  for (int i = 0; i < 77; i++) all[i] = i;
  for (int rank = 0; rank < n; rank++) {
    MPI_Datatype type;
    MPI_Aint lb, extent;
    int position = 0, count, size;
    MPI_Type_create_darray(n, rank, 2, sizes, distributions, arguments, grid, order, MPI_INT, &type);
    MPI_Type_commit(&type);
    MPI_Type_get_extent(type, &lb, &extent);
    CHECK(lb == 0 && extent == 77 * (MPI_Aint)sizeof(int), "extent %d from %d", (int)extent, (int)lb);
    MPI_Type_size(type, &size);
    MPI_Pack(all, 1, type, mine, sizeof mine, &position, MPI_COMM_SELF);
    count = 0;
    int outer = order == MPI_ORDER_C ? 0 : 1, inner = 1 - outer, at[2];
    for (at[outer] = 0; at[outer] < sizes[outer]; at[outer]++)
      for (at[inner] = 0; at[inner] < sizes[inner]; at[inner]++) {
        int row = owner(at[0], sizes[0], distributions[0], arguments[0], grid[0]), column = owner(at[1], sizes[1], distributions[1], arguments[1], grid[1]);
        if (row * grid[1] + column != rank) continue;
        int index = order == MPI_ORDER_C ? at[0] * 11 + at[1] : at[1] * 7 + at[0];
        CHECK(mine[count] == index, "rank %d element %d is %d, not %d", rank, count, mine[count], index);
        count++;
      }
    CHECK(size == count * (int)sizeof(int), "rank %d has %d bytes for %d elements", rank, size, count);
    MPI_Type_free(&type);
  }
}

static void distributed(void) {
  const int d = MPI_DISTRIBUTE_DFLT_DARG, block = MPI_DISTRIBUTE_BLOCK, cyclic = MPI_DISTRIBUTE_CYCLIC, none = MPI_DISTRIBUTE_NONE;
  const int kinds[5][4] = {{block, block, d, d}, {cyclic, block, d, 4}, {cyclic, cyclic, 2, 2}, {none, cyclic, d, 3}, {block, cyclic, 5, d}};
  for (int k = 0; k < 5; k++) {
    darray(MPI_ORDER_C, kinds[k], kinds[k] + 2);
    darray(MPI_ORDER_FORTRAN, kinds[k], kinds[k] + 2);
  }
}

static void external(void) {
  int value = 0x01020304, back = 0;
  double real = 1.0, real_back = 0;
  unsigned char bytes[64];
  MPI_Aint position = 0, size;
  MPI_Pack_external_size("external32", 1, MPI_INT, &size);
  CHECK(size == 4, "%d bytes for an int", (int)size);
  MPI_Pack_external("external32", &value, 1, MPI_INT, bytes, sizeof bytes, &position);
  MPI_Pack_external("external32", &real, 1, MPI_DOUBLE, bytes, sizeof bytes, &position);
  CHECK(position == 12 && bytes[0] == 1 && bytes[3] == 4 && bytes[4] == 0x3f && bytes[5] == 0xf0, "bytes %d %d %d", bytes[0], bytes[3], bytes[4]);
  position = 0;
  MPI_Unpack_external("external32", bytes, 12, &position, &back, 1, MPI_INT);
  MPI_Unpack_external("external32", bytes, 12, &position, &real_back, 1, MPI_DOUBLE);
  CHECK(back == value && real_back == real, "back came %x and %g", back, real_back);
}

static int copied, deleted;
static int copy_attribute(MPI_Datatype type, int key, void *extra, void *in, void *out, int *flag) {
  copied++;
  *(void **)out = (char *)in + 1;
  *flag = 1;
  return MPI_SUCCESS;
}
static int delete_attribute(MPI_Datatype type, int key, void *value, void *extra) {
  deleted++;
  return MPI_SUCCESS;
}

static void attributes(void) {
  int key, flag;
  char place[4], *value;
  MPI_Datatype type, copy;
  MPI_Type_create_keyval(copy_attribute, delete_attribute, &key, NULL);
  MPI_Type_contiguous(3, MPI_INT, &type);
  MPI_Type_set_attr(type, key, place);
  MPI_Type_dup(type, &copy);
  MPI_Type_get_attr(copy, key, &value, &flag);
  CHECK(flag && value == place + 1 && copied == 1, "the copy has no attribute");
  MPI_Type_delete_attr(copy, key);
  MPI_Type_get_attr(copy, key, &value, &flag);
  CHECK(!flag && deleted == 1, "still there");
  MPI_Type_free(&copy);
  MPI_Type_free(&type);
  CHECK(deleted == 2, "freed with its attribute");
  MPI_Type_free_keyval(&key);
  CHECK(key == MPI_KEYVAL_INVALID, "key %d", key);
}

int main(int argc, char **argv) {
  begin(&argc, &argv);
  contents();
  distributed();
  external();
  attributes();
  MPI_Datatype type;
  int size;
  MPI_Type_match_size(MPI_TYPECLASS_REAL, 8, &type);
  MPI_Type_size(type, &size);
  CHECK(size == 8, "a real of 8 bytes has %d", size);
  return end();
}
