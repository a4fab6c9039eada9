/* Operations, predefined and the user's (MPI-3.1, sections 5.9.2 and 5.9.5). */
#include "op.h"

#include <stdlib.h>

#include "device/device.h"
#include "env/error.h"

static struct vbmpi_table user_ops = {.what = "operation"};

static struct vbmpi_user_op *user_op_of(MPI_Op op) {
  return VBMPI_KIND(op) == VBMPI_KIND_USER_OP ? vbmpi_table_get(&user_ops, VBMPI_INDEX(op)) : 0;
}

static bool is_predefined(MPI_Op op) { return op > MPI_OP_NULL && op <= MPI_NO_OP; }

static vbmpi_kernel *kernel_of(MPI_Op op, enum vbmpi_value value) {
  vbmpi_kernel *kernel = vbmpi_arithmetic_kernel(op, value);
  if (kernel == 0) kernel = vbmpi_order_kernel(op, value);
  if (kernel == 0) kernel = vbmpi_bitwise_kernel(op, value);
  if (kernel == 0) kernel = vbmpi_logical_kernel(op, value);
  return kernel ? kernel : vbmpi_location_kernel(op, value);
}

/* Integers wrap around. What compares floating-point numbers may meet a NaN or zeros of both signs, which are equal and have different bits. */
static bool is_exact(MPI_Op op, enum vbmpi_value value) {
  return value >= VBMPI_I8 && value <= VBMPI_U64 && op != MPI_REPLACE && op != MPI_NO_OP;
}

/* Most programs reduce in the same way again and again; a predefined operation on a predefined type never changes. */
static MPI_Op last_op = MPI_OP_NULL;
static struct vbmpi_reduction last;

int vbmpi_reduction_of(MPI_Op op, MPI_Datatype type, struct vbmpi_comm *comm, const char *function, struct vbmpi_reduction *reduction) {
  if (op == last_op && type == last.type && op != MPI_OP_NULL) {
    *reduction = last;
    return MPI_SUCCESS;
  }
  *reduction = (struct vbmpi_reduction){.type = type, .commutes = true};
  if (vbmpi_layout_of(type, true, &reduction->layout)) return vbmpi_fail(comm, MPI_ERR_TYPE, function, "invalid or uncommitted datatype");
  struct vbmpi_user_op *user = user_op_of(op);
  if (user) {
    reduction->user = user->function;
    reduction->user_large = user->large;
    reduction->commutes = user->commutes;
    return MPI_SUCCESS;
  }
  if (!is_predefined(op)) return vbmpi_fail(comm, MPI_ERR_OP, function, op == MPI_OP_NULL ? "the operation is MPI_OP_NULL" : "invalid operation");
  reduction->kernel = kernel_of(op, vbmpi_value_of(type));
  reduction->symmetric = op == MPI_SUM || op == MPI_PROD;
  reduction->exact = is_exact(op, vbmpi_value_of(type));
  if (reduction->kernel == 0)
    return vbmpi_fail(comm, MPI_ERR_OP, function, "this predefined operation is not defined for this datatype (MPI-3.1, section 5.9.2)");
  if (vbmpi_basic_exists(type)) {
    last_op = op;
    last = *reduction;
  }
  return MPI_SUCCESS;
}

void vbmpi_reduce_local(const struct vbmpi_reduction *reduction, const void *in, void *inout, size_t count) {
  if (count == 0) return;
  if (reduction->kernel) {
    reduction->kernel(in, inout, count);
    return;
  }
  MPI_Datatype type = reduction->type;
  vbmpi_device.callbacks++;
  if (reduction->user_large) {
    MPI_Count wide = (MPI_Count)count;
    reduction->user_large((void *)(uintptr_t)in, inout, &wide, &type);
  } else {
    int length = (int)count;
    reduction->user((void *)(uintptr_t)in, inout, &length, &type);
  }
  vbmpi_device.callbacks--;
}

static int create(MPI_User_function *function, MPI_User_function_c *large, int commute, MPI_Op *op, const char *call) {
  VBMPI_MAIN_CHECK(call)
  if (function == 0 && large == 0) return vbmpi_fail(0, MPI_ERR_ARG, call, "the function is NULL");
  struct vbmpi_user_op *user = malloc(sizeof *user);
  uint32_t index = user ? vbmpi_table_add(&user_ops, user, 1) : 0;
  if (index == 0) return vbmpi_fail(0, MPI_ERR_NO_MEM, call, "no memory");
  *user = (struct vbmpi_user_op){.function = function, .large = large, .commutes = commute != 0};
  *op = VBMPI_HANDLE(VBMPI_KIND_USER_OP, index);
  return MPI_SUCCESS;
}

int PMPI_Op_create(MPI_User_function *function, int commute, MPI_Op *op) { return create(function, 0, commute, op, "MPI_Op_create"); }
VBMPI_ALIAS(Op_create)
int PMPI_Op_create_c(MPI_User_function_c *function, int commute, MPI_Op *op) { return create(0, function, commute, op, "MPI_Op_create_c"); }
VBMPI_ALIAS(Op_create_c)

int PMPI_Op_free(MPI_Op *op) {
  VBMPI_MAIN_CHECK("MPI_Op_free")
  struct vbmpi_user_op *user = user_op_of(*op);
  if (user == 0) return vbmpi_fail(0, MPI_ERR_OP, "MPI_Op_free", "invalid operation, or a predefined one");
  vbmpi_table_remove(&user_ops, VBMPI_INDEX(*op));
  free(user);
  *op = MPI_OP_NULL;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Op_free)

int PMPI_Op_commutative(MPI_Op op, int *commute) {
  VBMPI_MAIN_CHECK("MPI_Op_commutative")
  struct vbmpi_user_op *user = user_op_of(op);
  if (user == 0 && !is_predefined(op)) return vbmpi_fail(0, MPI_ERR_OP, "MPI_Op_commutative", "invalid operation");
  *commute = user ? user->commutes : op != MPI_REPLACE && op != MPI_NO_OP;
  return MPI_SUCCESS;
}
VBMPI_ALIAS(Op_commutative)

static int reduce_local(const void *in, void *inout, MPI_Count count, MPI_Datatype type, MPI_Op op, const char *function) {
  VBMPI_MAIN_CHECK(function)
  if (count < 0) return vbmpi_fail(0, MPI_ERR_COUNT, function, "negative count %lld", count);
  struct vbmpi_reduction reduction;
  int result = vbmpi_reduction_of(op, type, 0, function, &reduction);
  if (result == MPI_SUCCESS) vbmpi_reduce_local(&reduction, in, inout, (size_t)count);
  return result;
}

int PMPI_Reduce_local(VB_ARGS_Reduce_local(int, int)) { return reduce_local(in, inout, count, type, op, "MPI_Reduce_local"); }
VBMPI_ALIAS(Reduce_local)
int PMPI_Reduce_local_c(VB_ARGS_Reduce_local(MPI_Count, MPI_Aint)) { return reduce_local(in, inout, count, type, op, "MPI_Reduce_local_c"); }
VBMPI_ALIAS(Reduce_local_c)
