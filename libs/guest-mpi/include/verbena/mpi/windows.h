/* MPI-3.1, chapter 11: one-sided communication. Included by mpi.h. */
#ifndef VERBENA_MPI_WINDOWS_H
#define VERBENA_MPI_WINDOWS_H

VB_FN(int, Win_create, (void *base, MPI_Aint size, int unit, MPI_Info info, MPI_Comm comm, MPI_Win *win))
VB_FN(int, Win_create_c, (void *base, MPI_Aint size, MPI_Aint unit, MPI_Info info, MPI_Comm comm, MPI_Win *win))
VB_FN(int, Win_allocate, (MPI_Aint size, int unit, MPI_Info info, MPI_Comm comm, void *base, MPI_Win *win))
VB_FN(int, Win_allocate_c, (MPI_Aint size, MPI_Aint unit, MPI_Info info, MPI_Comm comm, void *base, MPI_Win *win))
VB_FN(int, Win_allocate_shared, (MPI_Aint size, int unit, MPI_Info info, MPI_Comm comm, void *base, MPI_Win *win))
VB_FN(int, Win_allocate_shared_c, (MPI_Aint size, MPI_Aint unit, MPI_Info info, MPI_Comm comm, void *base, MPI_Win *win))
VB_FN(int, Win_shared_query, (MPI_Win win, int rank, MPI_Aint *size, int *unit, void *base))
VB_FN(int, Win_shared_query_c, (MPI_Win win, int rank, MPI_Aint *size, MPI_Aint *unit, void *base))
VB_FN(int, Win_create_dynamic, (MPI_Info info, MPI_Comm comm, MPI_Win *win))
VB_FN(int, Win_attach, (MPI_Win win, void *base, MPI_Aint size))
VB_FN(int, Win_detach, (MPI_Win win, const void *base))
VB_FN(int, Win_free, (MPI_Win * win))
VB_FN(int, Win_get_group, (MPI_Win win, MPI_Group *group))
VB_FN(int, Win_set_errhandler, (MPI_Win win, MPI_Errhandler handler))
VB_FN(int, Win_get_errhandler, (MPI_Win win, MPI_Errhandler *handler))
VB_FN(int, Win_call_errhandler, (MPI_Win win, int code))
VB_FN(int, Win_create_keyval, (MPI_Win_copy_attr_function * copy, MPI_Win_delete_attr_function *del, int *keyval, void *extra))
VB_FN(int, Win_free_keyval, (int *keyval))
VB_FN(int, Win_set_attr, (MPI_Win win, int keyval, void *value))
VB_FN(int, Win_get_attr, (MPI_Win win, int keyval, void *value, int *flag))
VB_FN(int, Win_delete_attr, (MPI_Win win, int keyval))
VB_FN(int, Win_set_info, (MPI_Win win, MPI_Info info))
VB_FN(int, Win_get_info, (MPI_Win win, MPI_Info *info))
VB_FN(int, Win_set_name, (MPI_Win win, const char *name))
VB_FN(int, Win_get_name, (MPI_Win win, char *name, int *length))

#define VB_ARGS_Put(C, D) \
  const void *origin, C count, MPI_Datatype type, int target, MPI_Aint disp, C target_count, MPI_Datatype target_type, MPI_Win win
#define VB_ARGS_Get(C, D) \
  void *origin, C count, MPI_Datatype type, int target, MPI_Aint disp, C target_count, MPI_Datatype target_type, MPI_Win win
#define VB_ARGS_Accumulate(C, D) \
  const void *origin, C count, MPI_Datatype type, int target, MPI_Aint disp, C target_count, MPI_Datatype target_type, MPI_Op op, MPI_Win win
#define VB_ARGS_Get_accumulate(C, D)                                                                                             \
  const void *origin, C count, MPI_Datatype type, void *result, C result_count, MPI_Datatype result_type, int target, MPI_Aint disp, \
      C target_count, MPI_Datatype target_type, MPI_Op op, MPI_Win win
#define VB_ARGS_Rput(C, D) VB_ARGS_Put(C, D), MPI_Request *request
#define VB_ARGS_Rget(C, D) VB_ARGS_Get(C, D), MPI_Request *request
#define VB_ARGS_Raccumulate(C, D) VB_ARGS_Accumulate(C, D), MPI_Request *request
#define VB_ARGS_Rget_accumulate(C, D) VB_ARGS_Get_accumulate(C, D), MPI_Request *request
VB_FN_COUNTS(Put)
VB_FN_COUNTS(Get)
VB_FN_COUNTS(Accumulate)
VB_FN_COUNTS(Get_accumulate)
VB_FN_COUNTS(Rput)
VB_FN_COUNTS(Rget)
VB_FN_COUNTS(Raccumulate)
VB_FN_COUNTS(Rget_accumulate)
VB_FN(int, Fetch_and_op, (const void *origin, void *result, MPI_Datatype type, int target, MPI_Aint disp, MPI_Op op, MPI_Win win))
VB_FN(int, Compare_and_swap,
      (const void *origin, const void *compare, void *result, MPI_Datatype type, int target, MPI_Aint disp, MPI_Win win))

VB_FN(int, Win_fence, (int assertion, MPI_Win win))
VB_FN(int, Win_start, (MPI_Group group, int assertion, MPI_Win win))
VB_FN(int, Win_complete, (MPI_Win win))
VB_FN(int, Win_post, (MPI_Group group, int assertion, MPI_Win win))
VB_FN(int, Win_wait, (MPI_Win win))
VB_FN(int, Win_test, (MPI_Win win, int *flag))
VB_FN(int, Win_lock, (int type, int rank, int assertion, MPI_Win win))
VB_FN(int, Win_unlock, (int rank, MPI_Win win))
VB_FN(int, Win_lock_all, (int assertion, MPI_Win win))
VB_FN(int, Win_unlock_all, (MPI_Win win))
VB_FN(int, Win_flush, (int rank, MPI_Win win))
VB_FN(int, Win_flush_all, (MPI_Win win))
VB_FN(int, Win_flush_local, (int rank, MPI_Win win))
VB_FN(int, Win_flush_local_all, (MPI_Win win))
VB_FN(int, Win_sync, (MPI_Win win))

#endif
