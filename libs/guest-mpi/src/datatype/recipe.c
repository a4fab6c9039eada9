/* How datatypes were made (MPI-3.1, section 4.1.13). */
#include <limits.h>
#include <stdlib.h>

#include "datatype.h"
#include "env/error.h"

struct vbmpi_recipe *vbmpi_recipe_new(int combiner, bool large, size_t counts, size_t displacements, size_t types) {
  struct vbmpi_recipe *recipe = calloc(1, sizeof *recipe);
  if (recipe == 0) return 0;
  recipe->combiner = combiner;
  recipe->large = large;
  recipe->integer = malloc((counts + 1) * sizeof(int));
  recipe->address = malloc((displacements + 1) * sizeof(MPI_Aint));
  recipe->count = malloc(large ? (counts + displacements + 1) * sizeof(MPI_Count) : 1);
  recipe->type = malloc((types + 1) * sizeof(MPI_Datatype));
  if (recipe->integer && recipe->address && recipe->count && recipe->type) return recipe;
  vbmpi_recipe_free(recipe);
  return 0;
}

void vbmpi_recipe_integer(struct vbmpi_recipe *recipe, int value) {
  if (recipe) recipe->integer[recipe->integers++] = value;
}

void vbmpi_recipe_count(struct vbmpi_recipe *recipe, MPI_Count value) {
  if (recipe == 0) return;
  if (recipe->large) {
    recipe->count[recipe->counts++] = value;
  } else {
    recipe->integer[recipe->integers++] = (int)value;
  }
}

void vbmpi_recipe_displacement(struct vbmpi_recipe *recipe, MPI_Count value) {
  if (recipe == 0) return;
  if (recipe->large) {
    recipe->count[recipe->counts++] = value;
  } else {
    recipe->address[recipe->addresses++] = (MPI_Aint)value;
  }
}

void vbmpi_recipe_type(struct vbmpi_recipe *recipe, MPI_Datatype type) {
  if (recipe == 0) return;
  recipe->type[recipe->types++] = type;
  vbmpi_type_retain(type);
}

void vbmpi_recipe_free(struct vbmpi_recipe *recipe) {
  if (recipe == 0) return;
  for (size_t i = 0; i < recipe->types; i++) vbmpi_type_release(recipe->type[i]);
  free(recipe->integer);
  free(recipe->address);
  free(recipe->count);
  free(recipe->type);
  free(recipe);
}

/* The recipe of a derived type; NULL for a predefined one; an error for anything else. */
static int recipe_of(MPI_Datatype type, const char *function, const struct vbmpi_recipe **recipe) {
  VBMPI_MAIN_CHECK(function)
  const struct vbmpi_type *object = vbmpi_type_of(type);
  *recipe = object ? object->recipe : 0;
  return object || vbmpi_basic_exists(type) ? MPI_SUCCESS : vbmpi_fail(0, MPI_ERR_TYPE, function, "invalid datatype");
}

int PMPI_Type_get_envelope_c(MPI_Datatype type, MPI_Count *integers, MPI_Count *addresses, MPI_Count *counts, MPI_Count *types, int *combiner) {
  static const struct vbmpi_recipe named = {.combiner = MPI_COMBINER_NAMED};
  const struct vbmpi_recipe *recipe;
  int result = recipe_of(type, "MPI_Type_get_envelope_c", &recipe);
  if (result) return result;
  if (recipe == 0) recipe = &named;
  *integers = (MPI_Count)recipe->integers;
  *addresses = (MPI_Count)recipe->addresses;
  *counts = (MPI_Count)recipe->counts;
  *types = (MPI_Count)recipe->types;
  *combiner = recipe->combiner;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Type_get_envelope_c)

int PMPI_Type_get_envelope(MPI_Datatype type, int *integers, int *addresses, int *types, int *combiner) {
  MPI_Count i, a, c, t;
  int result = PMPI_Type_get_envelope_c(type, &i, &a, &c, &t, combiner);
  if (result) return result;
  if (c > 0) return vbmpi_fail(0, MPI_ERR_TYPE, "MPI_Type_get_envelope", "the datatype was made with large counts: call MPI_Type_get_envelope_c");
  *integers = (int)i;
  *addresses = (int)a;
  *types = (int)t;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Type_get_envelope)

int PMPI_Type_get_contents_c(MPI_Datatype type, MPI_Count max_integers, MPI_Count max_addresses, MPI_Count max_counts, MPI_Count max_types,
                             int integers[], MPI_Aint addresses[], MPI_Count counts[], MPI_Datatype types[]) {
  const char *function = "MPI_Type_get_contents";
  const struct vbmpi_recipe *recipe;
  int result = recipe_of(type, function, &recipe);
  if (result) return result;
  if (recipe == 0) return vbmpi_fail(0, MPI_ERR_TYPE, function, "a predefined datatype has no contents");
  if ((MPI_Count)recipe->integers > max_integers || (MPI_Count)recipe->addresses > max_addresses || (MPI_Count)recipe->counts > max_counts ||
      (MPI_Count)recipe->types > max_types)
    return vbmpi_fail(0, MPI_ERR_ARG, function, "the arrays are shorter than MPI_Type_get_envelope says");
  for (size_t i = 0; i < recipe->integers; i++) integers[i] = recipe->integer[i];
  for (size_t i = 0; i < recipe->addresses; i++) addresses[i] = recipe->address[i];
  for (size_t i = 0; i < recipe->counts; i++) counts[i] = recipe->count[i];
  for (size_t i = 0; i < recipe->types; i++) {
    /* Derived ones are the caller's to free. */
    types[i] = recipe->type[i];
    vbmpi_type_retain(types[i]);
  }
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Type_get_contents_c)

int PMPI_Type_get_contents(MPI_Datatype type, int max_integers, int max_addresses, int max_types, int integers[], MPI_Aint addresses[],
                           MPI_Datatype types[]) {
  return PMPI_Type_get_contents_c(type, max_integers, max_addresses, 0, max_types, integers, addresses, 0, types);
}
VBMPI_ALIAS(Type_get_contents)
