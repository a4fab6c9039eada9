#include "choice.h"

#include <stdlib.h>
#include <string.h>

#include "coll.h"
#include "env/error.h"
#include "locality.h"

#define ANY_WHERE 3u
#define MOST_ROWS 256u

struct row {
  uint8_t kind, where, algorithm;
  uint32_t ranks;
  uint64_t bytes;
};

static const char *const kinds[VBMPI_COLL_KINDS] = {"barrier", "bcast", "reduce", "allreduce", "allgather", "alltoall"};
static const char *const wheres[] = {"one", "spread", "nested", "*"};
static const char *const algorithms[VBMPI_ALGORITHMS] = {"dissemination", "binomial", "scatter-ring", "doubling", "pieces",
                                                         "rabenseifner",  "ring",     "bruck",        "pairwise", "two-level"};

#define ROW(k, w, r, b, a) {VBMPI_##k, w, VBMPI_##a, r, b}
/* For each collective the last rows fit anything, and one of them can do everything. Those for nested ranks count where hosts are in different processes: within one, an
 * adapter is as quick between hosts as within them, and two levels only have more steps. */
static const struct row built_in[] = {
    ROW(BARRIER, VBMPI_NESTED, UINT32_MAX, UINT64_MAX, TWO_LEVEL),
    ROW(BARRIER, ANY_WHERE, UINT32_MAX, UINT64_MAX, DISSEMINATION),
    ROW(BCAST, VBMPI_NESTED, UINT32_MAX, 65535, TWO_LEVEL),
    ROW(BCAST, ANY_WHERE, 3, UINT64_MAX, BINOMIAL),
    ROW(BCAST, ANY_WHERE, UINT32_MAX, 65535, BINOMIAL),
    ROW(BCAST, ANY_WHERE, UINT32_MAX, UINT64_MAX, SCATTER_RING),
    ROW(REDUCE, VBMPI_NESTED, UINT32_MAX, 16383, TWO_LEVEL),
    ROW(REDUCE, ANY_WHERE, UINT32_MAX, UINT64_MAX, BINOMIAL),
    ROW(ALLREDUCE, VBMPI_NESTED, UINT32_MAX, 16383, TWO_LEVEL),
    ROW(ALLREDUCE, ANY_WHERE, UINT32_MAX, 16383, DOUBLING),
    ROW(ALLREDUCE, ANY_WHERE, 2, UINT64_MAX, PIECES),
    ROW(ALLREDUCE, ANY_WHERE, UINT32_MAX, UINT64_MAX, RABENSEIFNER),
    ROW(ALLREDUCE, ANY_WHERE, UINT32_MAX, UINT64_MAX, DOUBLING),
    ROW(ALLGATHER, ANY_WHERE, UINT32_MAX, 65535, DOUBLING),
    ROW(ALLGATHER, ANY_WHERE, UINT32_MAX, 65535, BRUCK),
    ROW(ALLGATHER, ANY_WHERE, UINT32_MAX, UINT64_MAX, RING),
    ROW(ALLTOALL, ANY_WHERE, 7, UINT64_MAX, PAIRWISE),
    ROW(ALLTOALL, ANY_WHERE, UINT32_MAX, 1024, BRUCK),
    ROW(ALLTOALL, ANY_WHERE, UINT32_MAX, UINT64_MAX, PAIRWISE),
};

static struct row *own;
static uint32_t own_count;

/* The place of the word at *text in a list of names, or -1; *text goes to what follows it. */
static int word_in(const char **text, const char *const *names, int count) {
  *text += strspn(*text, " \t");
  size_t length = strcspn(*text, " \t;\r\n");
  const char *word = *text;
  *text += length;
  for (int i = 0; i < count; i++)
    if (strlen(names[i]) == length && strncmp(names[i], word, length) == 0) return i;
  return -1;
}

/* A number, or `*` for the largest. */
static bool number_in(const char **text, uint64_t largest, uint64_t *value) {
  *text += strspn(*text, " \t");
  size_t length = strcspn(*text, " \t;\r\n"), digits = strspn(*text, "0123456789");
  *value = largest;
  bool is_any = length == 1 && **text == '*', good = is_any || (length == digits && length > 0 && length < 19);
  if (good && !is_any) *value = strtoull(*text, 0, 10);
  *text += length;
  return good && *value <= largest;
}

static bool read_row(const char **text, struct row *row) {
  uint64_t ranks;
  int kind = word_in(text, kinds, VBMPI_COLL_KINDS), where = word_in(text, wheres, 4);
  if (kind < 0 || where < 0 || !number_in(text, UINT32_MAX, &ranks) || !number_in(text, UINT64_MAX, &row->bytes)) return false;
  int algorithm = word_in(text, algorithms, VBMPI_ALGORITHMS);
  *text += strspn(*text, " \t");
  if (algorithm < 0 || strchr(";\r\n", **text) == 0) return false;
  row->kind = (uint8_t)kind;
  row->where = (uint8_t)where;
  row->algorithm = (uint8_t)algorithm;
  row->ranks = (uint32_t)ranks;
  return true;
}

void vbmpi_choice_prepare(void) {
  const char *text = getenv("VERBENA_MPI_TUNING");
  if (text == 0 || own != 0) return;
  own = vbmpi_scratch(MOST_ROWS * sizeof *own);
  for (text += strspn(text, " \t;\r\n"); *text; text += strspn(text, " \t;\r\n")) {
    const char *row = text;
    if (own_count == MOST_ROWS) vbmpi_fatal(MPI_ERR_ARG, "MPI_Init", "VERBENA_MPI_TUNING has more than %u rows", MOST_ROWS);
    if (read_row(&text, &own[own_count])) {
      own_count++;
    } else {
      vbmpi_fatal(MPI_ERR_ARG, "MPI_Init", "VERBENA_MPI_TUNING: \"%.*s\" is not COLLECTIVE WHERE RANKS BYTES ALGORITHM with names that this library knows",
                  (int)strcspn(row, ";\r\n"), row);
    }
  }
}

static bool fits(const struct row *row, enum vbmpi_coll_kind kind, enum vbmpi_where where, const struct vbmpi_comm *comm, size_t bytes, uint32_t able) {
  return row->kind == kind && (able & VBMPI_ABLE(row->algorithm)) && (uint32_t)comm->size <= row->ranks && bytes <= row->bytes &&
         (row->where == ANY_WHERE || row->where == where);
}

enum vbmpi_algorithm vbmpi_choose(enum vbmpi_coll_kind kind, struct vbmpi_comm *comm, size_t bytes, uint32_t able, bool levels) {
  const struct vbmpi_locality *locality = vbmpi_locality_of(comm);
  enum vbmpi_where where = locality->where;
  if (levels && where == VBMPI_NESTED) able |= VBMPI_ABLE(VBMPI_TWO_LEVEL);
  for (uint32_t i = 0; i < own_count; i++)
    if (fits(&own[i], kind, where, comm, bytes, able)) return own[i].algorithm;
  for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++)
    if ((built_in[i].where != VBMPI_NESTED || locality->distant) && fits(&built_in[i], kind, where, comm, bytes, able)) return built_in[i].algorithm;
  vbmpi_fatal(MPI_ERR_INTERN, vbmpi_collective_or_call(), "the table of algorithms has no row for this call");
}
