/* Reduction operations as objects (MPI-3.1, section 5.9). */
#ifndef VBMPI_OP_H
#define VBMPI_OP_H

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>

#include "comm/comm.h"
#include "datatype/datatype.h"

struct vbmpi_user_op {
  MPI_User_function *function;      /* or */
  MPI_User_function_c *large;
  bool commutes;
};

/* inout[i] = in[i] op inout[i], as MPI_User_function does. */
typedef void vbmpi_kernel(const void *in, void *inout, size_t count);

/* How to reduce elements of one type: filled once per collective. */
struct vbmpi_reduction {
  vbmpi_kernel *kernel;            /* predefined operation, or */
  MPI_User_function *user;         /* the user's, or */
  MPI_User_function_c *user_large; /* the user's with large counts */
  MPI_Datatype type;
  bool commutes;
  bool symmetric;                  /* and gives the same bits when its operands change places */
  bool exact;                      /* and in whatever order many of them are combined */
  struct vbmpi_layout layout;
};

/* Checks that `op` exists and may be used on `type`, and fills `reduction`; raises the error on `comm` otherwise. */
int vbmpi_reduction_of(MPI_Op op, MPI_Datatype type, struct vbmpi_comm *comm, const char *function, struct vbmpi_reduction *reduction);
void vbmpi_reduce_local(const struct vbmpi_reduction *reduction, const void *in, void *inout, size_t count);

/* Kernel of a predefined operation on a kind of value; NULL when the standard does not define it. */
enum vbmpi_value {
  VBMPI_NO_VALUE, VBMPI_I8, VBMPI_I16, VBMPI_I32, VBMPI_I64, VBMPI_U8, VBMPI_U16, VBMPI_U32, VBMPI_U64,
  VBMPI_F32, VBMPI_F64, VBMPI_F128, VBMPI_C32, VBMPI_C64, VBMPI_C128, VBMPI_LOGICAL1, VBMPI_LOGICAL4, VBMPI_BITS8,
  VBMPI_PAIR_II, VBMPI_PAIR_LI, VBMPI_PAIR_FI, VBMPI_PAIR_DI, VBMPI_PAIR_SI, VBMPI_PAIR_LDI, VBMPI_PAIR_FF, VBMPI_PAIR_DD, VBMPI_VALUES
};
enum vbmpi_value vbmpi_value_of(MPI_Datatype type);
vbmpi_kernel *vbmpi_arithmetic_kernel(MPI_Op op, enum vbmpi_value value);
vbmpi_kernel *vbmpi_order_kernel(MPI_Op op, enum vbmpi_value value);
vbmpi_kernel *vbmpi_logical_kernel(MPI_Op op, enum vbmpi_value value);
vbmpi_kernel *vbmpi_bitwise_kernel(MPI_Op op, enum vbmpi_value value);
vbmpi_kernel *vbmpi_location_kernel(MPI_Op op, enum vbmpi_value value);

#endif
