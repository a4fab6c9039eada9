/* Types by size and precision (MPI-3.1, section 17.2.6; in C they serve programs that talk to Fortran). */
#include "datatype.h"
#include "env/error.h"

int PMPI_Type_match_size(int type_class, int size, MPI_Datatype *type) {
  static const struct {
    int type_class, size;
    MPI_Datatype type;
  } known[] = {{MPI_TYPECLASS_REAL, 4, MPI_REAL4},       {MPI_TYPECLASS_REAL, 8, MPI_REAL8},       {MPI_TYPECLASS_REAL, 16, MPI_LONG_DOUBLE},
               {MPI_TYPECLASS_INTEGER, 1, MPI_INTEGER1}, {MPI_TYPECLASS_INTEGER, 2, MPI_INTEGER2}, {MPI_TYPECLASS_INTEGER, 4, MPI_INTEGER4},
               {MPI_TYPECLASS_INTEGER, 8, MPI_INTEGER8}, {MPI_TYPECLASS_COMPLEX, 8, MPI_COMPLEX8}, {MPI_TYPECLASS_COMPLEX, 16, MPI_COMPLEX16},
               {MPI_TYPECLASS_COMPLEX, 32, MPI_C_LONG_DOUBLE_COMPLEX}};
  VBMPI_MAIN_CHECK("MPI_Type_match_size")
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (known[i].type_class != type_class || known[i].size != size) continue;
    *type = known[i].type;
    return MPI_SUCCESS;
  }
  return vbmpi_fail(0, MPI_ERR_ARG, "MPI_Type_match_size", "no datatype of class %d has %d bytes", type_class, size);
}
VBMPI_ALIAS(Type_match_size)

/* The same arguments give the same handle. */
struct parametrized {
  int combiner, precision, range;
  MPI_Datatype type;
};
static struct parametrized made[64];
static int made_used;

static int parametrized(int combiner, int precision, int range, MPI_Datatype basic, const char *function, MPI_Datatype *type) {
  VBMPI_MAIN_CHECK(function)
  if (basic == MPI_DATATYPE_NULL) return vbmpi_fail(0, MPI_ERR_ARG, function, "no datatype has precision %d and range %d", precision, range);
  for (int i = 0; i < made_used; i++) {
    if (made[i].combiner != combiner || made[i].precision != precision || made[i].range != range) continue;
    *type = made[i].type;
    return MPI_SUCCESS;
  }
  if (made_used == (int)(sizeof made / sizeof made[0])) return vbmpi_fail(0, MPI_ERR_OTHER, function, "more than %d different ones", made_used);
  struct vbmpi_recipe *recipe = vbmpi_recipe_new(combiner, false, 2, 0, 0);
  if (combiner != MPI_COMBINER_F90_INTEGER) vbmpi_recipe_integer(recipe, precision);
  vbmpi_recipe_integer(recipe, range);
  struct vbmpi_type *object = vbmpi_type_begin();
  int result = vbmpi_type_end(object, object && recipe && vbmpi_type_append(object, basic, 0, 1), recipe, type, function);
  if (result) return result;
  object->committed = object->predefined = true;
  made[made_used++] = (struct parametrized){combiner, precision, range, *type};
  return MPI_SUCCESS;
}

int PMPI_Type_create_f90_integer(int range, MPI_Datatype *type) {
  MPI_Datatype basic = range <= 2 ? MPI_INTEGER1 : range <= 4 ? MPI_INTEGER2 : range <= 9 ? MPI_INTEGER4 : range <= 18 ? MPI_INTEGER8 : MPI_DATATYPE_NULL;
  return parametrized(MPI_COMBINER_F90_INTEGER, 0, range, basic, "MPI_Type_create_f90_integer", type);
}
VBMPI_ALIAS(Type_create_f90_integer)

/* Either may be MPI_UNDEFINED, which is negative. */
static int real_size(int precision, int range) {
  if (precision <= 6 && range <= 37) return 4;
  if (precision <= 15 && range <= 307) return 8;
  return precision <= 33 && range <= 4931 ? 16 : 0;
}

int PMPI_Type_create_f90_real(int precision, int range, MPI_Datatype *type) {
  int size = real_size(precision, range);
  MPI_Datatype basic = size == 4 ? MPI_REAL4 : size == 8 ? MPI_REAL8 : size == 16 ? MPI_LONG_DOUBLE : MPI_DATATYPE_NULL;
  return parametrized(MPI_COMBINER_F90_REAL, precision, range, basic, "MPI_Type_create_f90_real", type);
}
VBMPI_ALIAS(Type_create_f90_real)

int PMPI_Type_create_f90_complex(int precision, int range, MPI_Datatype *type) {
  int size = real_size(precision, range);
  MPI_Datatype basic = size == 4 ? MPI_COMPLEX8 : size == 8 ? MPI_COMPLEX16 : size == 16 ? MPI_C_LONG_DOUBLE_COMPLEX : MPI_DATATYPE_NULL;
  return parametrized(MPI_COMBINER_F90_COMPLEX, precision, range, basic, "MPI_Type_create_f90_complex", type);
}
VBMPI_ALIAS(Type_create_f90_complex)
