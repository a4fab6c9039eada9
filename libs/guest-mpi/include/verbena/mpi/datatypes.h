/* MPI-3.1, chapter 4: datatypes. Included by mpi.h. */
#ifndef VERBENA_MPI_DATATYPES_H
#define VERBENA_MPI_DATATYPES_H

/* Constructors and queries: displacements are MPI_Aint, or MPI_Count in the variants with large counts. */
#define VB_ARGS_Type_contiguous(C, D) C count, MPI_Datatype old, MPI_Datatype *type
#define VB_ARGS_Type_vector(C, D) C count, C length, C stride, MPI_Datatype old, MPI_Datatype *type
#define VB_ARGS_Type_create_hvector(C, D) C count, C length, D stride, MPI_Datatype old, MPI_Datatype *type
#define VB_ARGS_Type_indexed(C, D) C count, const C lengths[], const C displacements[], MPI_Datatype old, MPI_Datatype *type
#define VB_ARGS_Type_create_hindexed(C, D) C count, const C lengths[], const D displacements[], MPI_Datatype old, MPI_Datatype *type
#define VB_ARGS_Type_create_indexed_block(C, D) C count, C length, const C displacements[], MPI_Datatype old, MPI_Datatype *type
#define VB_ARGS_Type_create_hindexed_block(C, D) C count, C length, const D displacements[], MPI_Datatype old, MPI_Datatype *type
#define VB_ARGS_Type_create_struct(C, D) \
  C count, const C lengths[], const D displacements[], const MPI_Datatype types[], MPI_Datatype *type
#define VB_ARGS_Type_create_subarray(C, D) \
  int dims, const C sizes[], const C subsizes[], const C starts[], int order, MPI_Datatype old, MPI_Datatype *type
#define VB_ARGS_Type_create_darray(C, D)                                                                                               \
  int size, int rank, int dims, const C sizes[], const int distributions[], const int arguments[], const int processes[], int order, \
      MPI_Datatype old, MPI_Datatype *type
#define VB_ARGS_Type_create_resized(C, D) MPI_Datatype old, D lb, D extent, MPI_Datatype *type
#define VB_ARGS_Type_size(C, D) MPI_Datatype type, C *size
#define VB_ARGS_Type_get_extent(C, D) MPI_Datatype type, D *lb, D *extent
#define VB_ARGS_Type_get_true_extent(C, D) MPI_Datatype type, D *lb, D *extent
#define VB_FN_TYPE(name)                                \
  VB_FN(int, name, (VB_ARGS_##name(int, MPI_Aint)))     \
  VB_FN(int, name##_c, (VB_ARGS_##name(MPI_Count, MPI_Count)))
VB_FN_TYPE(Type_contiguous)
VB_FN_TYPE(Type_vector)
VB_FN_TYPE(Type_create_hvector)
VB_FN_TYPE(Type_indexed)
VB_FN_TYPE(Type_create_hindexed)
VB_FN_TYPE(Type_create_indexed_block)
VB_FN_TYPE(Type_create_hindexed_block)
VB_FN_TYPE(Type_create_struct)
VB_FN_TYPE(Type_create_subarray)
VB_FN_TYPE(Type_create_darray)
VB_FN_TYPE(Type_create_resized)
VB_FN_TYPE(Type_size)
VB_FN_TYPE(Type_get_extent)
VB_FN_TYPE(Type_get_true_extent)
#undef VB_FN_TYPE
VB_FN(int, Type_dup, (MPI_Datatype old, MPI_Datatype *type))
VB_FN(int, Type_commit, (MPI_Datatype * type))
VB_FN(int, Type_free, (MPI_Datatype * type))
VB_FN(int, Type_size_x, (MPI_Datatype type, MPI_Count *size))
VB_FN(int, Type_get_extent_x, (MPI_Datatype type, MPI_Count *lb, MPI_Count *extent))
VB_FN(int, Type_get_true_extent_x, (MPI_Datatype type, MPI_Count *lb, MPI_Count *extent))
VB_FN(int, Type_get_envelope, (MPI_Datatype type, int *integers, int *addresses, int *types, int *combiner))
VB_FN(int, Type_get_envelope_c,
      (MPI_Datatype type, MPI_Count *integers, MPI_Count *addresses, MPI_Count *counts, MPI_Count *types, int *combiner))
VB_FN(int, Type_get_contents,
      (MPI_Datatype type, int max_integers, int max_addresses, int max_types, int integers[], MPI_Aint addresses[], MPI_Datatype types[]))
VB_FN(int, Type_get_contents_c,
      (MPI_Datatype type, MPI_Count max_integers, MPI_Count max_addresses, MPI_Count max_counts, MPI_Count max_types, int integers[],
       MPI_Aint addresses[], MPI_Count counts[], MPI_Datatype types[]))
VB_FN(int, Type_match_size, (int type_class, int size, MPI_Datatype *type))
VB_FN(int, Type_create_f90_integer, (int range, MPI_Datatype *type))
VB_FN(int, Type_create_f90_real, (int precision, int range, MPI_Datatype *type))
VB_FN(int, Type_create_f90_complex, (int precision, int range, MPI_Datatype *type))
VB_FN(int, Type_set_name, (MPI_Datatype type, const char *name))
VB_FN(int, Type_get_name, (MPI_Datatype type, char *name, int *length))

/* Addresses. */
VB_FN(int, Get_address, (const void *location, MPI_Aint *address))
VB_FN(MPI_Aint, Aint_add, (MPI_Aint base, MPI_Aint displacement))
VB_FN(MPI_Aint, Aint_diff, (MPI_Aint a, MPI_Aint b))

/* Packing. */
#define VB_ARGS_Pack(C, D) const void *in, C count, MPI_Datatype type, void *out, C size, C *position, MPI_Comm comm
#define VB_ARGS_Unpack(C, D) const void *in, C size, C *position, void *out, C count, MPI_Datatype type, MPI_Comm comm
#define VB_ARGS_Pack_size(C, D) C count, MPI_Datatype type, MPI_Comm comm, C *size
VB_FN_COUNTS(Pack)
VB_FN_COUNTS(Unpack)
VB_FN_COUNTS(Pack_size)
#define VB_ARGS_Pack_external(C, D) const char representation[], const void *in, C count, MPI_Datatype type, void *out, D size, D *position
#define VB_ARGS_Unpack_external(C, D) const char representation[], const void *in, D size, D *position, void *out, C count, MPI_Datatype type
#define VB_ARGS_Pack_external_size(C, D) const char representation[], C count, MPI_Datatype type, D *size
#define VB_FN_EXTERNAL(name)                        \
  VB_FN(int, name, (VB_ARGS_##name(int, MPI_Aint))) \
  VB_FN(int, name##_c, (VB_ARGS_##name(MPI_Count, MPI_Count)))
VB_FN_EXTERNAL(Pack_external)
VB_FN_EXTERNAL(Unpack_external)
VB_FN_EXTERNAL(Pack_external_size)
#undef VB_FN_EXTERNAL

/* What arrived. */
#define VB_ARGS_Get_count(C, D) const MPI_Status *status, MPI_Datatype type, C *count
#define VB_ARGS_Get_elements(C, D) const MPI_Status *status, MPI_Datatype type, C *count
VB_FN_COUNTS(Get_count)
VB_FN_COUNTS(Get_elements)
VB_FN(int, Get_elements_x, (const MPI_Status *status, MPI_Datatype type, MPI_Count *count))
VB_FN(int, Status_set_elements, (MPI_Status * status, MPI_Datatype type, int count))
VB_FN(int, Status_set_elements_x, (MPI_Status * status, MPI_Datatype type, MPI_Count count))
VB_FN(int, Status_set_cancelled, (MPI_Status * status, int flag))

/* MPI-1 names that MPI-3.0 removed; old programs use them. */
VB_FN(int, Type_hvector, (int count, int length, MPI_Aint stride, MPI_Datatype old, MPI_Datatype *type))
VB_FN(int, Type_hindexed, (int count, int lengths[], MPI_Aint displacements[], MPI_Datatype old, MPI_Datatype *type))
VB_FN(int, Type_struct, (int count, int lengths[], MPI_Aint displacements[], MPI_Datatype types[], MPI_Datatype *type))
VB_FN(int, Type_extent, (MPI_Datatype type, MPI_Aint *extent))
VB_FN(int, Type_lb, (MPI_Datatype type, MPI_Aint *lb))
VB_FN(int, Type_ub, (MPI_Datatype type, MPI_Aint *ub))
VB_FN(int, Address, (void *location, MPI_Aint *address))

#endif
