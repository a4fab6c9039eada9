/*
 * mpi.h of the Verbena MPI library: the C binding of the MPI standard, version 3.1.
 *
 * Handles are ints whose upper byte is the kind of object (libs/guest-mpi/src/handle.h), so every predefined handle is an integer
 * constant expression: it can initialise statics and label a case. Index 0 of each kind is its null handle, which lets the library
 * tell a communicator from a datatype, and both from memory that was never initialised.
 */
#ifndef VERBENA_MPI_H
#define VERBENA_MPI_H

#include <stddef.h>
#include <stdint.h>

#define MPI_VERSION 3
#define MPI_SUBVERSION 1
#define VERBENA_MPI 1

#ifdef __cplusplus
extern "C" {
#endif

/* Handles and other types (MPI-3.1, section 2.5). */
typedef int MPI_Comm;
typedef int MPI_Group;
typedef int MPI_Datatype;
typedef int MPI_Op;
typedef int MPI_Request;
typedef int MPI_Message;
typedef int MPI_Errhandler;
typedef int MPI_Info;
typedef int MPI_Win;
typedef int MPI_File;
typedef intptr_t MPI_Aint;
typedef long long MPI_Offset;
typedef long long MPI_Count;
typedef int MPI_Fint;

typedef struct MPI_Status {
  int MPI_SOURCE;
  int MPI_TAG;
  int MPI_ERROR;
  int vb_cancelled;
  long long vb_bytes;
} MPI_Status;

#define MPI_STATUS_IGNORE ((MPI_Status *)0)
#define MPI_STATUSES_IGNORE ((MPI_Status *)0)
#define MPI_ERRCODES_IGNORE ((int *)0)
#define MPI_ARGV_NULL ((char **)0)
#define MPI_BOTTOM ((void *)0)
#define MPI_IN_PLACE ((void *)-1)
#define MPI_UNWEIGHTED ((int *)-2)
#define MPI_WEIGHTS_EMPTY ((int *)-3)

#define MPI_PROC_NULL (-1)
#define MPI_ANY_SOURCE (-2)
#define MPI_ROOT (-3)
#define MPI_ANY_TAG (-1)
#define MPI_UNDEFINED (-32766)
#define MPI_KEYVAL_INVALID 0

#define MPI_MAX_PROCESSOR_NAME 128
#define MPI_MAX_ERROR_STRING 512
#define MPI_MAX_OBJECT_NAME 128
#define MPI_MAX_LIBRARY_VERSION_STRING 256
#define MPI_MAX_INFO_KEY 255
#define MPI_MAX_INFO_VAL 1024
#define MPI_MAX_PORT_NAME 256
#define MPI_MAX_DATAREP_STRING 128
#define MPI_BSEND_OVERHEAD 64

/* Thread support levels (section 12.4). */
#define MPI_THREAD_SINGLE 0
#define MPI_THREAD_FUNNELED 1
#define MPI_THREAD_SERIALIZED 2
#define MPI_THREAD_MULTIPLE 3

/* Results of MPI_Comm_compare and MPI_Group_compare. */
#define MPI_IDENT 0
#define MPI_CONGRUENT 1
#define MPI_SIMILAR 2
#define MPI_UNEQUAL 3

/* Topologies. */
#define MPI_GRAPH 1
#define MPI_CART 2
#define MPI_DIST_GRAPH 3

#define MPI_COMM_TYPE_SHARED 1

#define MPI_ORDER_C 56
#define MPI_ORDER_FORTRAN 57

/* Communicators, groups, and the null handles. */
#define MPI_COMM_NULL ((MPI_Comm)0x10000000)
#define MPI_COMM_WORLD ((MPI_Comm)0x10000001)
#define MPI_COMM_SELF ((MPI_Comm)0x10000002)
#define MPI_GROUP_NULL ((MPI_Group)0x20000000)
#define MPI_GROUP_EMPTY ((MPI_Group)0x20000001)
#define MPI_REQUEST_NULL ((MPI_Request)0x50000000)
#define MPI_MESSAGE_NULL ((MPI_Message)0x51000000)
#define MPI_MESSAGE_NO_PROC ((MPI_Message)0x51000001)
#define MPI_ERRHANDLER_NULL ((MPI_Errhandler)0x60000000)
#define MPI_ERRORS_ARE_FATAL ((MPI_Errhandler)0x60000001)
#define MPI_ERRORS_RETURN ((MPI_Errhandler)0x60000002)
#define MPI_INFO_NULL ((MPI_Info)0x70000000)
#define MPI_INFO_ENV ((MPI_Info)0x70000001)
#define MPI_WIN_NULL ((MPI_Win)0x21000000)
#define MPI_FILE_NULL ((MPI_File)0x22000000)
#define MPI_DATATYPE_NULL ((MPI_Datatype)0x32000000)
#define MPI_OP_NULL ((MPI_Op)0x40000000)

/* Predefined datatypes: 0x30SSSSII, size and index (libs/guest-mpi/src/datatype/predefined.c); 0x31...: pairs with padding. */
#define VB_MPI_TYPE(size, index) ((MPI_Datatype)(0x30000000 + ((int)(size) << 8) + (index)))
#define MPI_CHAR VB_MPI_TYPE(1, 0)
#define MPI_SIGNED_CHAR VB_MPI_TYPE(1, 1)
#define MPI_UNSIGNED_CHAR VB_MPI_TYPE(1, 2)
#define MPI_BYTE VB_MPI_TYPE(1, 3)
#define MPI_PACKED VB_MPI_TYPE(1, 4)
#define MPI_WCHAR VB_MPI_TYPE(sizeof(wchar_t), 5)
#define MPI_SHORT VB_MPI_TYPE(sizeof(short), 6)
#define MPI_UNSIGNED_SHORT VB_MPI_TYPE(sizeof(short), 7)
#define MPI_INT VB_MPI_TYPE(sizeof(int), 8)
#define MPI_UNSIGNED VB_MPI_TYPE(sizeof(int), 9)
#define MPI_LONG VB_MPI_TYPE(sizeof(long), 10)
#define MPI_UNSIGNED_LONG VB_MPI_TYPE(sizeof(long), 11)
#define MPI_LONG_LONG_INT VB_MPI_TYPE(sizeof(long long), 12)
#define MPI_LONG_LONG MPI_LONG_LONG_INT
#define MPI_UNSIGNED_LONG_LONG VB_MPI_TYPE(sizeof(long long), 13)
#define MPI_FLOAT VB_MPI_TYPE(sizeof(float), 14)
#define MPI_DOUBLE VB_MPI_TYPE(sizeof(double), 15)
#define MPI_LONG_DOUBLE VB_MPI_TYPE(sizeof(long double), 16)
#define MPI_C_BOOL VB_MPI_TYPE(1, 17)
#define MPI_INT8_T VB_MPI_TYPE(1, 18)
#define MPI_INT16_T VB_MPI_TYPE(2, 19)
#define MPI_INT32_T VB_MPI_TYPE(4, 20)
#define MPI_INT64_T VB_MPI_TYPE(8, 21)
#define MPI_UINT8_T VB_MPI_TYPE(1, 22)
#define MPI_UINT16_T VB_MPI_TYPE(2, 23)
#define MPI_UINT32_T VB_MPI_TYPE(4, 24)
#define MPI_UINT64_T VB_MPI_TYPE(8, 25)
#define MPI_C_FLOAT_COMPLEX VB_MPI_TYPE(2 * sizeof(float), 26)
#define MPI_C_COMPLEX MPI_C_FLOAT_COMPLEX
#define MPI_C_DOUBLE_COMPLEX VB_MPI_TYPE(2 * sizeof(double), 27)
#define MPI_C_LONG_DOUBLE_COMPLEX VB_MPI_TYPE(2 * sizeof(long double), 28)
#define MPI_AINT VB_MPI_TYPE(sizeof(MPI_Aint), 29)
#define MPI_OFFSET VB_MPI_TYPE(sizeof(MPI_Offset), 30)
#define MPI_COUNT VB_MPI_TYPE(sizeof(MPI_Count), 31)
#define MPI_CXX_BOOL VB_MPI_TYPE(1, 32)
#define MPI_CXX_FLOAT_COMPLEX VB_MPI_TYPE(2 * sizeof(float), 33)
#define MPI_CXX_DOUBLE_COMPLEX VB_MPI_TYPE(2 * sizeof(double), 34)
#define MPI_CXX_LONG_DOUBLE_COMPLEX VB_MPI_TYPE(2 * sizeof(long double), 35)
#define MPI_CHARACTER VB_MPI_TYPE(1, 36)
#define MPI_LOGICAL VB_MPI_TYPE(4, 37)
#define MPI_INTEGER VB_MPI_TYPE(4, 38)
#define MPI_REAL VB_MPI_TYPE(4, 39)
#define MPI_DOUBLE_PRECISION VB_MPI_TYPE(8, 40)
#define MPI_COMPLEX VB_MPI_TYPE(8, 41)
#define MPI_DOUBLE_COMPLEX VB_MPI_TYPE(16, 42)
#define MPI_INTEGER1 VB_MPI_TYPE(1, 43)
#define MPI_INTEGER2 VB_MPI_TYPE(2, 44)
#define MPI_INTEGER4 VB_MPI_TYPE(4, 45)
#define MPI_INTEGER8 VB_MPI_TYPE(8, 46)
#define MPI_REAL4 VB_MPI_TYPE(4, 47)
#define MPI_REAL8 VB_MPI_TYPE(8, 48)
#define MPI_COMPLEX8 VB_MPI_TYPE(8, 49)
#define MPI_COMPLEX16 VB_MPI_TYPE(16, 50)
#define MPI_2INT VB_MPI_TYPE(2 * sizeof(int), 51)
#define MPI_LONG_INT VB_MPI_TYPE(sizeof(long) + sizeof(int), 52)
#define MPI_FLOAT_INT VB_MPI_TYPE(sizeof(float) + sizeof(int), 53)
#define MPI_2INTEGER VB_MPI_TYPE(8, 54)
#define MPI_2REAL VB_MPI_TYPE(8, 55)
#define MPI_2DOUBLE_PRECISION VB_MPI_TYPE(16, 56)
#define MPI_DOUBLE_INT ((MPI_Datatype)0x31000039)
#define MPI_SHORT_INT ((MPI_Datatype)0x3100003a)
#define MPI_LONG_DOUBLE_INT ((MPI_Datatype)0x3100003b)

/* How a datatype was made (section 4.1.13). */
#define MPI_COMBINER_NAMED 1
#define MPI_COMBINER_DUP 2
#define MPI_COMBINER_CONTIGUOUS 3
#define MPI_COMBINER_VECTOR 4
#define MPI_COMBINER_HVECTOR 5
#define MPI_COMBINER_INDEXED 6
#define MPI_COMBINER_HINDEXED 7
#define MPI_COMBINER_INDEXED_BLOCK 8
#define MPI_COMBINER_HINDEXED_BLOCK 9
#define MPI_COMBINER_STRUCT 10
#define MPI_COMBINER_SUBARRAY 11
#define MPI_COMBINER_DARRAY 12
#define MPI_COMBINER_RESIZED 13

/* Predefined operations (section 5.9.2). */
#define MPI_MAX ((MPI_Op)0x40000001)
#define MPI_MIN ((MPI_Op)0x40000002)
#define MPI_SUM ((MPI_Op)0x40000003)
#define MPI_PROD ((MPI_Op)0x40000004)
#define MPI_LAND ((MPI_Op)0x40000005)
#define MPI_BAND ((MPI_Op)0x40000006)
#define MPI_LOR ((MPI_Op)0x40000007)
#define MPI_BOR ((MPI_Op)0x40000008)
#define MPI_LXOR ((MPI_Op)0x40000009)
#define MPI_BXOR ((MPI_Op)0x4000000a)
#define MPI_MAXLOC ((MPI_Op)0x4000000b)
#define MPI_MINLOC ((MPI_Op)0x4000000c)
#define MPI_REPLACE ((MPI_Op)0x4000000d)
#define MPI_NO_OP ((MPI_Op)0x4000000e)

/* Attributes of MPI_COMM_WORLD (section 8.1.2). */
#define MPI_TAG_UB 1
#define MPI_HOST 2
#define MPI_IO 3
#define MPI_WTIME_IS_GLOBAL 4
#define MPI_UNIVERSE_SIZE 5
#define MPI_APPNUM 6
#define MPI_LASTUSEDCODE 7

/* Error classes (section 8.4). A code is its class. */
#define MPI_SUCCESS 0
#define MPI_ERR_BUFFER 1
#define MPI_ERR_COUNT 2
#define MPI_ERR_TYPE 3
#define MPI_ERR_TAG 4
#define MPI_ERR_COMM 5
#define MPI_ERR_RANK 6
#define MPI_ERR_REQUEST 7
#define MPI_ERR_ROOT 8
#define MPI_ERR_GROUP 9
#define MPI_ERR_OP 10
#define MPI_ERR_TOPOLOGY 11
#define MPI_ERR_DIMS 12
#define MPI_ERR_ARG 13
#define MPI_ERR_UNKNOWN 14
#define MPI_ERR_TRUNCATE 15
#define MPI_ERR_OTHER 16
#define MPI_ERR_INTERN 17
#define MPI_ERR_PENDING 18
#define MPI_ERR_IN_STATUS 19
#define MPI_ERR_ACCESS 20
#define MPI_ERR_AMODE 21
#define MPI_ERR_ASSERT 22
#define MPI_ERR_BAD_FILE 23
#define MPI_ERR_BASE 24
#define MPI_ERR_CONVERSION 25
#define MPI_ERR_DISP 26
#define MPI_ERR_DUP_DATAREP 27
#define MPI_ERR_FILE_EXISTS 28
#define MPI_ERR_FILE_IN_USE 29
#define MPI_ERR_FILE 30
#define MPI_ERR_INFO_KEY 31
#define MPI_ERR_INFO_NOKEY 32
#define MPI_ERR_INFO_VALUE 33
#define MPI_ERR_INFO 34
#define MPI_ERR_IO 35
#define MPI_ERR_KEYVAL 36
#define MPI_ERR_LOCKTYPE 37
#define MPI_ERR_NAME 38
#define MPI_ERR_NO_MEM 39
#define MPI_ERR_NOT_SAME 40
#define MPI_ERR_NO_SPACE 41
#define MPI_ERR_NO_SUCH_FILE 42
#define MPI_ERR_PORT 43
#define MPI_ERR_QUOTA 44
#define MPI_ERR_READ_ONLY 45
#define MPI_ERR_RMA_CONFLICT 46
#define MPI_ERR_RMA_SYNC 47
#define MPI_ERR_SERVICE 48
#define MPI_ERR_SIZE 49
#define MPI_ERR_SPAWN 50
#define MPI_ERR_UNSUPPORTED_DATAREP 51
#define MPI_ERR_UNSUPPORTED_OPERATION 52
#define MPI_ERR_WIN 53
#define MPI_ERR_RMA_RANGE 54
#define MPI_ERR_RMA_ATTACH 55
#define MPI_ERR_RMA_SHARED 56
#define MPI_ERR_RMA_FLAVOR 57
#define MPI_ERR_LASTCODE 57

typedef void MPI_User_function(void *invec, void *inoutvec, int *len, MPI_Datatype *datatype);
typedef void MPI_Comm_errhandler_function(MPI_Comm *comm, int *code, ...);
typedef MPI_Comm_errhandler_function MPI_Comm_errhandler_fn;
typedef MPI_Comm_errhandler_function MPI_Handler_function;
typedef int MPI_Comm_copy_attr_function(MPI_Comm comm, int keyval, void *extra, void *in, void *out, int *flag);
typedef int MPI_Comm_delete_attr_function(MPI_Comm comm, int keyval, void *value, void *extra);
typedef MPI_Comm_copy_attr_function MPI_Copy_function;
typedef MPI_Comm_delete_attr_function MPI_Delete_function;

int vbmpi_dup_fn(MPI_Comm comm, int keyval, void *extra, void *in, void *out, int *flag);
#define MPI_COMM_NULL_COPY_FN ((MPI_Comm_copy_attr_function *)0)
#define MPI_COMM_NULL_DELETE_FN ((MPI_Comm_delete_attr_function *)0)
#define MPI_COMM_DUP_FN vbmpi_dup_fn
#define MPI_NULL_COPY_FN MPI_COMM_NULL_COPY_FN
#define MPI_NULL_DELETE_FN MPI_COMM_NULL_DELETE_FN
#define MPI_DUP_FN MPI_COMM_DUP_FN

/* Every function exists twice, as MPI_X and, for profiling tools that define their own MPI_X, as PMPI_X (section 14.2). */
#define VB_FN(result, name, arguments) \
  result MPI_##name arguments;         \
  result PMPI_##name arguments;

/* Environment (chapter 8). */
VB_FN(int, Init, (int *argc, char ***argv))
VB_FN(int, Init_thread, (int *argc, char ***argv, int required, int *provided))
VB_FN(int, Query_thread, (int *provided))
VB_FN(int, Is_thread_main, (int *flag))
VB_FN(int, Finalize, (void))
VB_FN(int, Initialized, (int *flag))
VB_FN(int, Finalized, (int *flag))
VB_FN(int, Abort, (MPI_Comm comm, int code))
VB_FN(int, Get_version, (int *version, int *subversion))
VB_FN(int, Get_library_version, (char *version, int *length))
VB_FN(int, Get_processor_name, (char *name, int *length))
VB_FN(double, Wtime, (void))
VB_FN(double, Wtick, (void))
VB_FN(int, Alloc_mem, (MPI_Aint size, MPI_Info info, void *base))
VB_FN(int, Free_mem, (void *base))
VB_FN(int, Pcontrol, (const int level, ...))
VB_FN(int, Error_class, (int code, int *error_class))
VB_FN(int, Error_string, (int code, char *text, int *length))
VB_FN(int, Comm_create_errhandler, (MPI_Comm_errhandler_function * function, MPI_Errhandler *handler))
VB_FN(int, Comm_set_errhandler, (MPI_Comm comm, MPI_Errhandler handler))
VB_FN(int, Comm_get_errhandler, (MPI_Comm comm, MPI_Errhandler *handler))
VB_FN(int, Comm_call_errhandler, (MPI_Comm comm, int code))
VB_FN(int, Errhandler_create, (MPI_Handler_function * function, MPI_Errhandler *handler))
VB_FN(int, Errhandler_set, (MPI_Comm comm, MPI_Errhandler handler))
VB_FN(int, Errhandler_get, (MPI_Comm comm, MPI_Errhandler *handler))
VB_FN(int, Errhandler_free, (MPI_Errhandler * handler))

/* Communicators and groups (chapter 6). */
VB_FN(int, Comm_rank, (MPI_Comm comm, int *rank))
VB_FN(int, Comm_size, (MPI_Comm comm, int *size))
VB_FN(int, Comm_compare, (MPI_Comm a, MPI_Comm b, int *result))
VB_FN(int, Comm_dup, (MPI_Comm comm, MPI_Comm *copy))
VB_FN(int, Comm_dup_with_info, (MPI_Comm comm, MPI_Info info, MPI_Comm *copy))
VB_FN(int, Comm_create, (MPI_Comm comm, MPI_Group group, MPI_Comm *created))
VB_FN(int, Comm_create_group, (MPI_Comm comm, MPI_Group group, int tag, MPI_Comm *created))
VB_FN(int, Comm_split, (MPI_Comm comm, int color, int key, MPI_Comm *part))
VB_FN(int, Comm_split_type, (MPI_Comm comm, int type, int key, MPI_Info info, MPI_Comm *part))
VB_FN(int, Comm_free, (MPI_Comm * comm))
VB_FN(int, Comm_group, (MPI_Comm comm, MPI_Group *group))
VB_FN(int, Comm_test_inter, (MPI_Comm comm, int *flag))
VB_FN(int, Comm_set_name, (MPI_Comm comm, const char *name))
VB_FN(int, Comm_get_name, (MPI_Comm comm, char *name, int *length))
VB_FN(int, Comm_get_parent, (MPI_Comm * parent))
VB_FN(int, Comm_set_info, (MPI_Comm comm, MPI_Info info))
VB_FN(int, Comm_get_info, (MPI_Comm comm, MPI_Info *info))
VB_FN(int, Group_size, (MPI_Group group, int *size))
VB_FN(int, Group_rank, (MPI_Group group, int *rank))
VB_FN(int, Group_translate_ranks, (MPI_Group a, int n, const int ranks_a[], MPI_Group b, int ranks_b[]))
VB_FN(int, Group_compare, (MPI_Group a, MPI_Group b, int *result))
VB_FN(int, Group_union, (MPI_Group a, MPI_Group b, MPI_Group *result))
VB_FN(int, Group_intersection, (MPI_Group a, MPI_Group b, MPI_Group *result))
VB_FN(int, Group_difference, (MPI_Group a, MPI_Group b, MPI_Group *result))
VB_FN(int, Group_incl, (MPI_Group group, int n, const int ranks[], MPI_Group *result))
VB_FN(int, Group_excl, (MPI_Group group, int n, const int ranks[], MPI_Group *result))
VB_FN(int, Group_range_incl, (MPI_Group group, int n, int ranges[][3], MPI_Group *result))
VB_FN(int, Group_range_excl, (MPI_Group group, int n, int ranges[][3], MPI_Group *result))
VB_FN(int, Group_free, (MPI_Group * group))
VB_FN(int, Comm_create_keyval, (MPI_Comm_copy_attr_function * copy, MPI_Comm_delete_attr_function *del, int *keyval, void *extra))
VB_FN(int, Comm_free_keyval, (int *keyval))
VB_FN(int, Comm_set_attr, (MPI_Comm comm, int keyval, void *value))
VB_FN(int, Comm_get_attr, (MPI_Comm comm, int keyval, void *value, int *flag))
VB_FN(int, Comm_delete_attr, (MPI_Comm comm, int keyval))
VB_FN(int, Keyval_create, (MPI_Copy_function * copy, MPI_Delete_function *del, int *keyval, void *extra))
VB_FN(int, Keyval_free, (int *keyval))
VB_FN(int, Attr_put, (MPI_Comm comm, int keyval, void *value))
VB_FN(int, Attr_get, (MPI_Comm comm, int keyval, void *value, int *flag))
VB_FN(int, Attr_delete, (MPI_Comm comm, int keyval))

/* Info objects (chapter 9). */
VB_FN(int, Info_create, (MPI_Info * info))
VB_FN(int, Info_set, (MPI_Info info, const char *key, const char *value))
VB_FN(int, Info_delete, (MPI_Info info, const char *key))
VB_FN(int, Info_get, (MPI_Info info, const char *key, int length, char *value, int *flag))
VB_FN(int, Info_get_valuelen, (MPI_Info info, const char *key, int *length, int *flag))
VB_FN(int, Info_get_nkeys, (MPI_Info info, int *count))
VB_FN(int, Info_get_nthkey, (MPI_Info info, int n, char *key))
VB_FN(int, Info_dup, (MPI_Info info, MPI_Info *copy))
VB_FN(int, Info_free, (MPI_Info * info))

/* Datatypes (chapter 4). */
VB_FN(int, Type_contiguous, (int count, MPI_Datatype old, MPI_Datatype *type))
VB_FN(int, Type_vector, (int count, int length, int stride, MPI_Datatype old, MPI_Datatype *type))
VB_FN(int, Type_create_hvector, (int count, int length, MPI_Aint stride, MPI_Datatype old, MPI_Datatype *type))
VB_FN(int, Type_indexed, (int count, const int lengths[], const int displacements[], MPI_Datatype old, MPI_Datatype *type))
VB_FN(int, Type_create_hindexed, (int count, const int lengths[], const MPI_Aint displacements[], MPI_Datatype old, MPI_Datatype *type))
VB_FN(int, Type_create_indexed_block, (int count, int length, const int displacements[], MPI_Datatype old, MPI_Datatype *type))
VB_FN(int, Type_create_hindexed_block, (int count, int length, const MPI_Aint displacements[], MPI_Datatype old, MPI_Datatype *type))
VB_FN(int, Type_create_struct, (int count, const int lengths[], const MPI_Aint displacements[], const MPI_Datatype types[], MPI_Datatype *type))
VB_FN(int, Type_create_subarray,
      (int dims, const int sizes[], const int subsizes[], const int starts[], int order, MPI_Datatype old, MPI_Datatype *type))
VB_FN(int, Type_create_resized, (MPI_Datatype old, MPI_Aint lb, MPI_Aint extent, MPI_Datatype *type))
VB_FN(int, Type_dup, (MPI_Datatype old, MPI_Datatype *type))
VB_FN(int, Type_hvector, (int count, int length, MPI_Aint stride, MPI_Datatype old, MPI_Datatype *type))
VB_FN(int, Type_hindexed, (int count, int lengths[], MPI_Aint displacements[], MPI_Datatype old, MPI_Datatype *type))
VB_FN(int, Type_struct, (int count, int lengths[], MPI_Aint displacements[], MPI_Datatype types[], MPI_Datatype *type))
VB_FN(int, Type_commit, (MPI_Datatype * type))
VB_FN(int, Type_free, (MPI_Datatype * type))
VB_FN(int, Type_size, (MPI_Datatype type, int *size))
VB_FN(int, Type_size_x, (MPI_Datatype type, MPI_Count *size))
VB_FN(int, Type_get_extent, (MPI_Datatype type, MPI_Aint *lb, MPI_Aint *extent))
VB_FN(int, Type_get_true_extent, (MPI_Datatype type, MPI_Aint *lb, MPI_Aint *extent))
VB_FN(int, Type_extent, (MPI_Datatype type, MPI_Aint *extent))
VB_FN(int, Type_lb, (MPI_Datatype type, MPI_Aint *lb))
VB_FN(int, Type_ub, (MPI_Datatype type, MPI_Aint *ub))
VB_FN(int, Type_set_name, (MPI_Datatype type, const char *name))
VB_FN(int, Type_get_name, (MPI_Datatype type, char *name, int *length))
VB_FN(int, Get_address, (const void *location, MPI_Aint *address))
VB_FN(int, Address, (void *location, MPI_Aint *address))
VB_FN(MPI_Aint, Aint_add, (MPI_Aint base, MPI_Aint displacement))
VB_FN(MPI_Aint, Aint_diff, (MPI_Aint a, MPI_Aint b))
VB_FN(int, Pack, (const void *in, int count, MPI_Datatype type, void *out, int size, int *position, MPI_Comm comm))
VB_FN(int, Unpack, (const void *in, int size, int *position, void *out, int count, MPI_Datatype type, MPI_Comm comm))
VB_FN(int, Pack_size, (int count, MPI_Datatype type, MPI_Comm comm, int *size))
VB_FN(int, Get_count, (const MPI_Status *status, MPI_Datatype type, int *count))
VB_FN(int, Get_elements, (const MPI_Status *status, MPI_Datatype type, int *count))
VB_FN(int, Get_elements_x, (const MPI_Status *status, MPI_Datatype type, MPI_Count *count))
VB_FN(int, Status_set_elements, (MPI_Status * status, MPI_Datatype type, int count))
VB_FN(int, Status_set_cancelled, (MPI_Status * status, int flag))

/* Point-to-point communication (chapter 3). */
VB_FN(int, Send, (const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm))
VB_FN(int, Bsend, (const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm))
VB_FN(int, Ssend, (const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm))
VB_FN(int, Rsend, (const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm))
VB_FN(int, Recv, (void *buf, int count, MPI_Datatype type, int source, int tag, MPI_Comm comm, MPI_Status *status))
VB_FN(int, Isend, (const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm, MPI_Request *request))
VB_FN(int, Ibsend, (const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm, MPI_Request *request))
VB_FN(int, Issend, (const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm, MPI_Request *request))
VB_FN(int, Irsend, (const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm, MPI_Request *request))
VB_FN(int, Irecv, (void *buf, int count, MPI_Datatype type, int source, int tag, MPI_Comm comm, MPI_Request *request))
VB_FN(int, Send_init, (const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm, MPI_Request *request))
VB_FN(int, Bsend_init, (const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm, MPI_Request *request))
VB_FN(int, Ssend_init, (const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm, MPI_Request *request))
VB_FN(int, Rsend_init, (const void *buf, int count, MPI_Datatype type, int dest, int tag, MPI_Comm comm, MPI_Request *request))
VB_FN(int, Recv_init, (void *buf, int count, MPI_Datatype type, int source, int tag, MPI_Comm comm, MPI_Request *request))
VB_FN(int, Start, (MPI_Request * request))
VB_FN(int, Startall, (int count, MPI_Request requests[]))
VB_FN(int, Sendrecv,
      (const void *sendbuf, int sendcount, MPI_Datatype sendtype, int dest, int sendtag, void *recvbuf, int recvcount, MPI_Datatype recvtype,
       int source, int recvtag, MPI_Comm comm, MPI_Status *status))
VB_FN(int, Sendrecv_replace,
      (void *buf, int count, MPI_Datatype type, int dest, int sendtag, int source, int recvtag, MPI_Comm comm, MPI_Status *status))
VB_FN(int, Probe, (int source, int tag, MPI_Comm comm, MPI_Status *status))
VB_FN(int, Iprobe, (int source, int tag, MPI_Comm comm, int *flag, MPI_Status *status))
VB_FN(int, Mprobe, (int source, int tag, MPI_Comm comm, MPI_Message *message, MPI_Status *status))
VB_FN(int, Improbe, (int source, int tag, MPI_Comm comm, int *flag, MPI_Message *message, MPI_Status *status))
VB_FN(int, Mrecv, (void *buf, int count, MPI_Datatype type, MPI_Message *message, MPI_Status *status))
VB_FN(int, Imrecv, (void *buf, int count, MPI_Datatype type, MPI_Message *message, MPI_Request *request))
VB_FN(int, Wait, (MPI_Request * request, MPI_Status *status))
VB_FN(int, Waitall, (int count, MPI_Request requests[], MPI_Status statuses[]))
VB_FN(int, Waitany, (int count, MPI_Request requests[], int *index, MPI_Status *status))
VB_FN(int, Waitsome, (int count, MPI_Request requests[], int *done, int indices[], MPI_Status statuses[]))
VB_FN(int, Test, (MPI_Request * request, int *flag, MPI_Status *status))
VB_FN(int, Testall, (int count, MPI_Request requests[], int *flag, MPI_Status statuses[]))
VB_FN(int, Testany, (int count, MPI_Request requests[], int *index, int *flag, MPI_Status *status))
VB_FN(int, Testsome, (int count, MPI_Request requests[], int *done, int indices[], MPI_Status statuses[]))
VB_FN(int, Request_free, (MPI_Request * request))
VB_FN(int, Request_get_status, (MPI_Request request, int *flag, MPI_Status *status))
VB_FN(int, Cancel, (MPI_Request * request))
VB_FN(int, Test_cancelled, (const MPI_Status *status, int *flag))
VB_FN(int, Buffer_attach, (void *buffer, int size))
VB_FN(int, Buffer_detach, (void *buffer, int *size))

/* Collective communication (chapter 5). */
VB_FN(int, Barrier, (MPI_Comm comm))
VB_FN(int, Bcast, (void *buf, int count, MPI_Datatype type, int root, MPI_Comm comm))
VB_FN(int, Gather, (const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf, int recvcount, MPI_Datatype recvtype, int root, MPI_Comm comm))
VB_FN(int, Gatherv,
      (const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf, const int recvcounts[], const int displs[], MPI_Datatype recvtype,
       int root, MPI_Comm comm))
VB_FN(int, Scatter, (const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf, int recvcount, MPI_Datatype recvtype, int root, MPI_Comm comm))
VB_FN(int, Scatterv,
      (const void *sendbuf, const int sendcounts[], const int displs[], MPI_Datatype sendtype, void *recvbuf, int recvcount, MPI_Datatype recvtype,
       int root, MPI_Comm comm))
VB_FN(int, Allgather, (const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf, int recvcount, MPI_Datatype recvtype, MPI_Comm comm))
VB_FN(int, Allgatherv,
      (const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf, const int recvcounts[], const int displs[], MPI_Datatype recvtype,
       MPI_Comm comm))
VB_FN(int, Alltoall, (const void *sendbuf, int sendcount, MPI_Datatype sendtype, void *recvbuf, int recvcount, MPI_Datatype recvtype, MPI_Comm comm))
VB_FN(int, Alltoallv,
      (const void *sendbuf, const int sendcounts[], const int sdispls[], MPI_Datatype sendtype, void *recvbuf, const int recvcounts[],
       const int rdispls[], MPI_Datatype recvtype, MPI_Comm comm))
VB_FN(int, Alltoallw,
      (const void *sendbuf, const int sendcounts[], const int sdispls[], const MPI_Datatype sendtypes[], void *recvbuf, const int recvcounts[],
       const int rdispls[], const MPI_Datatype recvtypes[], MPI_Comm comm))
VB_FN(int, Reduce, (const void *sendbuf, void *recvbuf, int count, MPI_Datatype type, MPI_Op op, int root, MPI_Comm comm))
VB_FN(int, Allreduce, (const void *sendbuf, void *recvbuf, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm))
VB_FN(int, Reduce_scatter, (const void *sendbuf, void *recvbuf, const int recvcounts[], MPI_Datatype type, MPI_Op op, MPI_Comm comm))
VB_FN(int, Reduce_scatter_block, (const void *sendbuf, void *recvbuf, int recvcount, MPI_Datatype type, MPI_Op op, MPI_Comm comm))
VB_FN(int, Reduce_local, (const void *in, void *inout, int count, MPI_Datatype type, MPI_Op op))
VB_FN(int, Scan, (const void *sendbuf, void *recvbuf, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm))
VB_FN(int, Exscan, (const void *sendbuf, void *recvbuf, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm))
VB_FN(int, Op_create, (MPI_User_function * function, int commute, MPI_Op *op))
VB_FN(int, Op_free, (MPI_Op * op))
VB_FN(int, Op_commutative, (MPI_Op op, int *commute))

/* Process topologies (chapter 7). */
VB_FN(int, Dims_create, (int nodes, int ndims, int dims[]))
VB_FN(int, Cart_create, (MPI_Comm comm, int ndims, const int dims[], const int periods[], int reorder, MPI_Comm *cart))
VB_FN(int, Cartdim_get, (MPI_Comm comm, int *ndims))
VB_FN(int, Cart_get, (MPI_Comm comm, int maxdims, int dims[], int periods[], int coords[]))
VB_FN(int, Cart_rank, (MPI_Comm comm, const int coords[], int *rank))
VB_FN(int, Cart_coords, (MPI_Comm comm, int rank, int maxdims, int coords[]))
VB_FN(int, Cart_shift, (MPI_Comm comm, int direction, int displacement, int *source, int *dest))
VB_FN(int, Cart_sub, (MPI_Comm comm, const int remain[], MPI_Comm *part))
VB_FN(int, Cart_map, (MPI_Comm comm, int ndims, const int dims[], const int periods[], int *rank))
VB_FN(int, Topo_test, (MPI_Comm comm, int *status))

#undef VB_FN

#ifdef __cplusplus
}
#endif

#endif
