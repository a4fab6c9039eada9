/* The predefined datatypes (MPI-3.1, sections 3.2.2 and 5.9.4). Basic ones live in their handles; pairs with padding are objects. */
#include "datatype.h"

#include <stddef.h>

#include "op/op.h"

const MPI_Datatype vbmpi_basic_types[VBMPI_BASIC_TYPES] = {
    MPI_CHAR, MPI_SIGNED_CHAR, MPI_UNSIGNED_CHAR, MPI_BYTE, MPI_PACKED, MPI_WCHAR, MPI_SHORT, MPI_UNSIGNED_SHORT, MPI_INT, MPI_UNSIGNED,
    MPI_LONG, MPI_UNSIGNED_LONG, MPI_LONG_LONG_INT, MPI_UNSIGNED_LONG_LONG, MPI_FLOAT, MPI_DOUBLE, MPI_LONG_DOUBLE, MPI_C_BOOL, MPI_INT8_T,
    MPI_INT16_T, MPI_INT32_T, MPI_INT64_T, MPI_UINT8_T, MPI_UINT16_T, MPI_UINT32_T, MPI_UINT64_T, MPI_C_FLOAT_COMPLEX, MPI_C_DOUBLE_COMPLEX,
    MPI_C_LONG_DOUBLE_COMPLEX, MPI_AINT, MPI_OFFSET, MPI_COUNT, MPI_CXX_BOOL, MPI_CXX_FLOAT_COMPLEX, MPI_CXX_DOUBLE_COMPLEX,
    MPI_CXX_LONG_DOUBLE_COMPLEX, MPI_CHARACTER, MPI_LOGICAL, MPI_INTEGER, MPI_REAL, MPI_DOUBLE_PRECISION, MPI_COMPLEX, MPI_DOUBLE_COMPLEX,
    MPI_INTEGER1, MPI_INTEGER2, MPI_INTEGER4, MPI_INTEGER8, MPI_REAL4, MPI_REAL8, MPI_COMPLEX8, MPI_COMPLEX16, MPI_2INT, MPI_LONG_INT,
    MPI_FLOAT_INT, MPI_2INTEGER, MPI_2REAL, MPI_2DOUBLE_PRECISION};

const char *const vbmpi_basic_names[VBMPI_BASIC_TYPES] = {
    "MPI_CHAR", "MPI_SIGNED_CHAR", "MPI_UNSIGNED_CHAR", "MPI_BYTE", "MPI_PACKED", "MPI_WCHAR", "MPI_SHORT", "MPI_UNSIGNED_SHORT", "MPI_INT",
    "MPI_UNSIGNED", "MPI_LONG", "MPI_UNSIGNED_LONG", "MPI_LONG_LONG_INT", "MPI_UNSIGNED_LONG_LONG", "MPI_FLOAT", "MPI_DOUBLE", "MPI_LONG_DOUBLE",
    "MPI_C_BOOL", "MPI_INT8_T", "MPI_INT16_T", "MPI_INT32_T", "MPI_INT64_T", "MPI_UINT8_T", "MPI_UINT16_T", "MPI_UINT32_T", "MPI_UINT64_T",
    "MPI_C_FLOAT_COMPLEX", "MPI_C_DOUBLE_COMPLEX", "MPI_C_LONG_DOUBLE_COMPLEX", "MPI_AINT", "MPI_OFFSET", "MPI_COUNT", "MPI_CXX_BOOL",
    "MPI_CXX_FLOAT_COMPLEX", "MPI_CXX_DOUBLE_COMPLEX", "MPI_CXX_LONG_DOUBLE_COMPLEX", "MPI_CHARACTER", "MPI_LOGICAL", "MPI_INTEGER", "MPI_REAL",
    "MPI_DOUBLE_PRECISION", "MPI_COMPLEX", "MPI_DOUBLE_COMPLEX", "MPI_INTEGER1", "MPI_INTEGER2", "MPI_INTEGER4", "MPI_INTEGER8", "MPI_REAL4",
    "MPI_REAL8", "MPI_COMPLEX8", "MPI_COMPLEX16", "MPI_2INT", "MPI_LONG_INT", "MPI_FLOAT_INT", "MPI_2INTEGER", "MPI_2REAL",
    "MPI_2DOUBLE_PRECISION"};

#define SIGNED_OF(type) (sizeof(type) == 8 ? VBMPI_I64 : VBMPI_I32)
#define UNSIGNED_OF(type) (sizeof(type) == 8 ? VBMPI_U64 : VBMPI_U32)

static const enum vbmpi_value values[VBMPI_BASIC_TYPES] = {
    VBMPI_NO_VALUE, VBMPI_I8, VBMPI_U8, VBMPI_BITS8, VBMPI_NO_VALUE, VBMPI_NO_VALUE, VBMPI_I16, VBMPI_U16, VBMPI_I32, VBMPI_U32,
    SIGNED_OF(long), UNSIGNED_OF(long), VBMPI_I64, VBMPI_U64, VBMPI_F32, VBMPI_F64, VBMPI_F128, VBMPI_LOGICAL1, VBMPI_I8,
    VBMPI_I16, VBMPI_I32, VBMPI_I64, VBMPI_U8, VBMPI_U16, VBMPI_U32, VBMPI_U64, VBMPI_C32, VBMPI_C64,
    VBMPI_C128, SIGNED_OF(MPI_Aint), VBMPI_I64, VBMPI_I64, VBMPI_LOGICAL1, VBMPI_C32, VBMPI_C64,
    VBMPI_C128, VBMPI_NO_VALUE, VBMPI_LOGICAL4, VBMPI_I32, VBMPI_F32, VBMPI_F64, VBMPI_C32, VBMPI_C64,
    VBMPI_I8, VBMPI_I16, VBMPI_I32, VBMPI_I64, VBMPI_F32, VBMPI_F64, VBMPI_C32, VBMPI_C64, VBMPI_PAIR_II, VBMPI_PAIR_LI,
    VBMPI_PAIR_FI, VBMPI_PAIR_II, VBMPI_PAIR_FF, VBMPI_PAIR_DD};

#define PAIR(constant, words, first)                                                                                                   \
  {                                                                                                                                    \
    .handle = constant, .references = 1, .committed = true, .contiguous = false, .size = sizeof(first) + sizeof(int), .lb = 0,         \
    .ub = (ptrdiff_t)sizeof(struct { first value; int index; }), .true_lb = 0,                                                         \
    .true_ub = (ptrdiff_t)(offsetof(struct { first value; int index; }, index) + sizeof(int)), .alignment = _Alignof(first),           \
    .basic = constant, .name = words                                                                   \
  }
static struct vbmpi_type pair_types[3] = {
    PAIR(MPI_DOUBLE_INT, "MPI_DOUBLE_INT", double),
    PAIR(MPI_SHORT_INT, "MPI_SHORT_INT", short),
    PAIR(MPI_LONG_DOUBLE_INT, "MPI_LONG_DOUBLE_INT", long double),
};

#define PAIR_RUNS(first)                                                                                \
  {{0, sizeof(first), 0, 1}, {(ptrdiff_t)offsetof(struct { first value; int index; }, index), sizeof(int), 0, 1}}
static struct vbmpi_run pair_runs[3][2] = {PAIR_RUNS(double), PAIR_RUNS(short), PAIR_RUNS(long double)};
static struct vbmpi_basics pair_basics[3][2] = {{{8, MPI_DOUBLE, 1}, {4, MPI_INT, 1}},
                                              {{2, MPI_SHORT, 1}, {4, MPI_INT, 1}},
                                              {{sizeof(long double), MPI_LONG_DOUBLE, 1}, {4, MPI_INT, 1}}};

struct vbmpi_type *vbmpi_pair_of(MPI_Datatype type) {
  for (int i = 0; i < 3; i++) {
    struct vbmpi_type *pair = &pair_types[i];
    if (pair->handle != type) continue;
    pair->runs = pair_runs[i];
    pair->basics = pair_basics[i];
    /* A short and an int have their gap between them: two runs. The others have it at the end: one run would do, two are right. */
    pair->runs_used = pair->basics_used = 2;
    return pair;
  }
  return 0;
}

enum vbmpi_value vbmpi_value_of(MPI_Datatype type) {
  if (vbmpi_basic_exists(type)) return values[(uint32_t)type & 0xffu];
  switch (type) {
    case MPI_DOUBLE_INT: return VBMPI_PAIR_DI;
    case MPI_SHORT_INT: return VBMPI_PAIR_SI;
    case MPI_LONG_DOUBLE_INT: return VBMPI_PAIR_LDI;
    default: break;
  }
  struct vbmpi_type *object = vbmpi_type_of(type);
  return object && object->predefined ? vbmpi_value_of(object->basic) : VBMPI_NO_VALUE;
}

/* Whether the elements of a basic type are pairs, which count as two for MPI_Get_elements. */
bool vbmpi_basic_is_pair(MPI_Datatype type) { return ((uint32_t)type & 0xffu) >= 51; }
