/* Catches: bytes at the wrong place of a file, views that lose the gaps, pointers that do not move, modes that are not kept (chapter 13). */
#include "check.h"

enum { N = 1000 };

static MPI_File open_as(const char *name, int mode) {
  MPI_File file;
  int result = MPI_File_open(MPI_COMM_WORLD, name, mode, MPI_INFO_NULL, &file);
  CHECK(result == MPI_SUCCESS, "open %s with mode %d gives %d", name, mode, result);
  return file;
}

/* Blocks at offsets, read back by another rank; size, and the end of the file. */
static void at_offsets(void) {
  static int out[N], in[N];
  int right = (me + 1) % ranks, count;
  MPI_Offset size;
  MPI_Status status;
  MPI_File file = open_as("at.bin", MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE);
  MPI_File_set_size(file, 0);
  for (int i = 0; i < N; i++) out[i] = pattern(me, 1, i);
  MPI_File_write_at_all(file, (MPI_Offset)me * (MPI_Offset)sizeof out, out, N, MPI_INT, &status);
  MPI_Get_count(&status, MPI_INT, &count);
  CHECK(count == N, "wrote %d", count);
  MPI_File_sync(file);
  MPI_Barrier(MPI_COMM_WORLD);
  MPI_File_get_size(file, &size);
  CHECK(size == (MPI_Offset)ranks * (MPI_Offset)sizeof out, "%d bytes", (int)size);
  MPI_File_read_at(file, (MPI_Offset)right * (MPI_Offset)sizeof out, in, N, MPI_INT, &status);
  for (int i = 0; i < N; i++) CHECK(in[i] == pattern(right, 1, i), "element %d is %d", i, in[i]);
  MPI_File_read_at(file, size - 8, in, N, MPI_INT, &status);
  MPI_Get_count(&status, MPI_INT, &count);
  CHECK(count == 2, "%d elements before the end", count);
  MPI_Request request;
  MPI_File_iread_at(file, 0, in, 10, MPI_INT, &request);
  MPI_Wait(&request, &status);
  MPI_Get_count(&status, MPI_INT, &count);
  CHECK(count == 10 && in[9] == pattern(0, 1, 9), "iread: %d elements", count);
  MPI_File_close(&file);
  CHECK(file == MPI_FILE_NULL, "the handle is still there");
}

/* Ranks interleave element by element through views. */
static void views(void) {
  static int out[N], in[3 * N];
  MPI_Datatype one, mine;
  MPI_Offset offset, disp;
  MPI_File file = open_as("view.bin", MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE);
  MPI_File_set_size(file, 0);
  MPI_Type_contiguous(1, MPI_INT, &one);
  MPI_Type_create_resized(one, 0, ranks * (MPI_Aint)sizeof(int), &mine);
  MPI_Type_commit(&mine);
  MPI_File_set_view(file, 4 + me * (MPI_Offset)sizeof(int), MPI_INT, mine, "native", MPI_INFO_NULL);
  for (int i = 0; i < N; i++) out[i] = pattern(me, 2, i);
  MPI_File_write_all(file, out, 10, MPI_INT, MPI_STATUS_IGNORE);
  MPI_File_get_position(file, &offset);
  CHECK(offset == 10, "position %d", (int)offset);
  MPI_File_get_byte_offset(file, 3, &disp);
  CHECK(disp == 4 + (3 * ranks + me) * (MPI_Offset)sizeof(int), "byte offset %d", (int)disp);
  MPI_File_write_all_begin(file, out + 10, N - 10, MPI_INT);
  MPI_File_write_all_end(file, out + 10, MPI_STATUS_IGNORE);
  MPI_File_sync(file);
  MPI_Barrier(MPI_COMM_WORLD);
  MPI_File_set_view(file, 4, MPI_INT, MPI_INT, "native", MPI_INFO_NULL);
  int many = N * ranks < 3 * N ? N * ranks : 3 * N;
  MPI_File_read(file, in, many, MPI_INT, MPI_STATUS_IGNORE);
  for (int i = 0; i < many; i++) CHECK(in[i] == pattern(i % ranks, 2, i / ranks), "element %d is %d", i, in[i]);
  MPI_File_seek(file, 5, MPI_SEEK_SET);
  MPI_File_seek(file, -2, MPI_SEEK_CUR);
  MPI_File_read(file, in, 1, MPI_INT, MPI_STATUS_IGNORE);
  CHECK(in[0] == pattern(3 % ranks, 2, 3 / ranks), "after seeking %d", in[0]);
  MPI_Type_free(&one);
  MPI_Type_free(&mine);
  MPI_File_close(&file);
}

/* The shared pointer: all write, nobody over another; and in the order of ranks. */
static void shared(void) {
  int value = me, all[64], seen[64] = {0};
  MPI_Offset offset;
  MPI_File file = open_as("shared.bin", MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE);
  MPI_File_set_size(file, 0);
  MPI_File_set_view(file, 0, MPI_INT, MPI_INT, "native", MPI_INFO_NULL);
  MPI_File_write_shared(file, &value, 1, MPI_INT, MPI_STATUS_IGNORE);
  MPI_Barrier(MPI_COMM_WORLD);
  MPI_File_write_ordered(file, &value, 1, MPI_INT, MPI_STATUS_IGNORE);
  MPI_Barrier(MPI_COMM_WORLD);
  MPI_File_get_position_shared(file, &offset);
  CHECK(offset == 2 * ranks, "shared position %d", (int)offset);
  MPI_File_sync(file);
  MPI_Barrier(MPI_COMM_WORLD);
  MPI_File_read_at(file, 0, all, 2 * ranks, MPI_INT, MPI_STATUS_IGNORE);
  for (int i = 0; i < ranks; i++) seen[all[i]]++;
  for (int i = 0; i < ranks; i++) CHECK(seen[i] == 1 && all[ranks + i] == i, "rank %d wrote %d times, then %d", i, seen[i], all[ranks + i]);
  MPI_Barrier(MPI_COMM_WORLD);
  MPI_File_close(&file);
}

static void misuse(void) {
  MPI_File file;
  int error_class, value = 1;
  MPI_Error_class(MPI_File_open(MPI_COMM_WORLD, "there-is-no-such-file", MPI_MODE_RDONLY, MPI_INFO_NULL, &file), &error_class);
  CHECK(error_class == MPI_ERR_NO_SUCH_FILE, "class %d", error_class);
  MPI_Error_class(MPI_File_open(MPI_COMM_WORLD, "x", MPI_MODE_RDONLY | MPI_MODE_WRONLY, MPI_INFO_NULL, &file), &error_class);
  CHECK(error_class == MPI_ERR_AMODE, "class %d", error_class);
  file = open_as("misuse.bin", MPI_MODE_CREATE | MPI_MODE_WRONLY | MPI_MODE_DELETE_ON_CLOSE);
  MPI_Error_class(MPI_File_read_at(file, 0, &value, 1, MPI_INT, MPI_STATUS_IGNORE), &error_class);
  CHECK(error_class == MPI_ERR_ACCESS, "reading what is open for writing: class %d", error_class);
  MPI_File_close(&file);
}

int main(int argc, char **argv) {
  begin(&argc, &argv);
  at_offsets();
  views();
  shared();
  misuse();
  return end();
}
