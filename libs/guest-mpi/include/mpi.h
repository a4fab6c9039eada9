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
typedef int MPI_Session;
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

/* As Fortran sees a status: MPI_F_STATUS_SIZE integers. */
typedef struct MPI_F08_status {
  MPI_Fint MPI_SOURCE;
  MPI_Fint MPI_TAG;
  MPI_Fint MPI_ERROR;
  MPI_Fint vb_rest[3];
} MPI_F08_status;
#define MPI_F_STATUS_SIZE 6
#define MPI_F_SOURCE 0
#define MPI_F_TAG 1
#define MPI_F_ERROR 2
#define MPI_F_STATUS_IGNORE ((MPI_Fint *)0)
#define MPI_F_STATUSES_IGNORE ((MPI_Fint *)0)
#define MPI_F08_STATUS_IGNORE ((MPI_F08_status *)0)
#define MPI_F08_STATUSES_IGNORE ((MPI_F08_status *)0)

#define MPI_STATUS_IGNORE ((MPI_Status *)0)
#define MPI_STATUSES_IGNORE ((MPI_Status *)0)
#define MPI_ERRCODES_IGNORE ((int *)0)
#define MPI_ARGV_NULL ((char **)0)
#define MPI_ARGVS_NULL ((char ***)0)
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
#define MPI_MAX_STRINGTAG_LEN 256
#define MPI_MAX_PSET_NAME_LEN 256

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
#define MPI_COMM_TYPE_HW_UNGUIDED 2
#define MPI_COMM_TYPE_HW_GUIDED 3

#define MPI_ORDER_C 56
#define MPI_ORDER_FORTRAN 57
#define MPI_DISTRIBUTE_BLOCK 121
#define MPI_DISTRIBUTE_CYCLIC 122
#define MPI_DISTRIBUTE_NONE 123
#define MPI_DISTRIBUTE_DFLT_DARG (-49767)

#define MPI_TYPECLASS_REAL 1
#define MPI_TYPECLASS_INTEGER 2
#define MPI_TYPECLASS_COMPLEX 3

/* One-sided communication (chapter 11). */
#define MPI_LOCK_EXCLUSIVE 234
#define MPI_LOCK_SHARED 235
#define MPI_MODE_NOCHECK 1024
#define MPI_MODE_NOSTORE 2048
#define MPI_MODE_NOPUT 4096
#define MPI_MODE_NOPRECEDE 8192
#define MPI_MODE_NOSUCCEED 16384
#define MPI_WIN_FLAVOR_CREATE 1
#define MPI_WIN_FLAVOR_ALLOCATE 2
#define MPI_WIN_FLAVOR_DYNAMIC 3
#define MPI_WIN_FLAVOR_SHARED 4
#define MPI_WIN_SEPARATE 1
#define MPI_WIN_UNIFIED 2

/* Files (chapter 13). */
#define MPI_MODE_CREATE 1
#define MPI_MODE_RDONLY 2
#define MPI_MODE_WRONLY 4
#define MPI_MODE_RDWR 8
#define MPI_MODE_DELETE_ON_CLOSE 16
#define MPI_MODE_UNIQUE_OPEN 32
#define MPI_MODE_EXCL 64
#define MPI_MODE_APPEND 128
#define MPI_MODE_SEQUENTIAL 256
#define MPI_SEEK_SET 600
#define MPI_SEEK_CUR 602
#define MPI_SEEK_END 604
#define MPI_DISPLACEMENT_CURRENT (-54278278)

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
#define MPI_ERRORS_ABORT ((MPI_Errhandler)0x60000003)
#define MPI_SESSION_NULL ((MPI_Session)0x23000000)
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
/* Bounds of MPI-1 types: markers of size 0, only for MPI_Type_struct and MPI_Type_create_struct. */
#define MPI_LB ((MPI_Datatype)0x3300004d)
#define MPI_UB ((MPI_Datatype)0x3300004e)

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
#define MPI_COMBINER_F90_REAL 14
#define MPI_COMBINER_F90_COMPLEX 15
#define MPI_COMBINER_F90_INTEGER 16
#define MPI_COMBINER_HINDEXED_INTEGER 17
#define MPI_COMBINER_HVECTOR_INTEGER 18
#define MPI_COMBINER_STRUCT_INTEGER 19

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

/* Attributes of windows (section 11.2.6). */
#define MPI_WIN_BASE 8
#define MPI_WIN_SIZE 9
#define MPI_WIN_DISP_UNIT 10
#define MPI_WIN_CREATE_FLAVOR 11
#define MPI_WIN_MODEL 12

/* Error classes (section 8.4). A code of the library is its class. */
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
#define MPI_ERR_VALUE_TOO_LARGE 58
#define MPI_ERR_SESSION 59
#define MPI_ERR_PROC_ABORTED 60
#define MPI_ERR_ERRHANDLER 61
/* Classes of the tool information interface (section 14.3.10). */
#define MPI_T_ERR_MEMORY 62
#define MPI_T_ERR_NOT_INITIALIZED 63
#define MPI_T_ERR_CANNOT_INIT 64
#define MPI_T_ERR_INVALID_INDEX 65
#define MPI_T_ERR_INVALID_ITEM 66
#define MPI_T_ERR_INVALID_HANDLE 67
#define MPI_T_ERR_OUT_OF_HANDLES 68
#define MPI_T_ERR_OUT_OF_SESSIONS 69
#define MPI_T_ERR_INVALID_SESSION 70
#define MPI_T_ERR_CVAR_SET_NOT_NOW 71
#define MPI_T_ERR_CVAR_SET_NEVER 72
#define MPI_T_ERR_PVAR_NO_STARTSTOP 73
#define MPI_T_ERR_PVAR_NO_WRITE 74
#define MPI_T_ERR_PVAR_NO_ATOMIC 75
#define MPI_T_ERR_INVALID_NAME 76
#define MPI_T_ERR_INVALID 77
#define MPI_T_ERR_NOT_SUPPORTED 78
#define MPI_ERR_LASTCODE 127

/* Functions of the user. */
typedef void MPI_User_function(void *invec, void *inoutvec, int *len, MPI_Datatype *datatype);
typedef void MPI_User_function_c(void *invec, void *inoutvec, MPI_Count *len, MPI_Datatype *datatype);
typedef void MPI_Comm_errhandler_function(MPI_Comm *comm, int *code, ...);
typedef void MPI_Win_errhandler_function(MPI_Win *win, int *code, ...);
typedef void MPI_File_errhandler_function(MPI_File *file, int *code, ...);
typedef void MPI_Session_errhandler_function(MPI_Session *session, int *code, ...);
typedef MPI_Comm_errhandler_function MPI_Comm_errhandler_fn;
typedef MPI_Win_errhandler_function MPI_Win_errhandler_fn;
typedef MPI_File_errhandler_function MPI_File_errhandler_fn;
typedef MPI_Comm_errhandler_function MPI_Handler_function;
typedef int MPI_Comm_copy_attr_function(MPI_Comm comm, int keyval, void *extra, void *in, void *out, int *flag);
typedef int MPI_Comm_delete_attr_function(MPI_Comm comm, int keyval, void *value, void *extra);
typedef int MPI_Type_copy_attr_function(MPI_Datatype type, int keyval, void *extra, void *in, void *out, int *flag);
typedef int MPI_Type_delete_attr_function(MPI_Datatype type, int keyval, void *value, void *extra);
typedef int MPI_Win_copy_attr_function(MPI_Win win, int keyval, void *extra, void *in, void *out, int *flag);
typedef int MPI_Win_delete_attr_function(MPI_Win win, int keyval, void *value, void *extra);
typedef MPI_Comm_copy_attr_function MPI_Copy_function;
typedef MPI_Comm_delete_attr_function MPI_Delete_function;
typedef int MPI_Grequest_query_function(void *extra, MPI_Status *status);
typedef int MPI_Grequest_free_function(void *extra);
typedef int MPI_Grequest_cancel_function(void *extra, int complete);
typedef int MPI_Datarep_conversion_function(void *user, MPI_Datatype type, int count, void *file, MPI_Offset position, void *extra);
typedef int MPI_Datarep_conversion_function_c(void *user, MPI_Datatype type, MPI_Count count, void *file, MPI_Offset position, void *extra);
typedef int MPI_Datarep_extent_function(MPI_Datatype type, MPI_Aint *extent, void *extra);
#define MPI_CONVERSION_FN_NULL ((MPI_Datarep_conversion_function *)0)
#define MPI_CONVERSION_FN_NULL_C ((MPI_Datarep_conversion_function_c *)0)

/* Communicators, datatypes and windows are ints, so one set of callbacks serves all three. */
int vbmpi_dup_fn(int object, int keyval, void *extra, void *in, void *out, int *flag);
#define MPI_COMM_NULL_COPY_FN ((MPI_Comm_copy_attr_function *)0)
#define MPI_COMM_NULL_DELETE_FN ((MPI_Comm_delete_attr_function *)0)
#define MPI_COMM_DUP_FN vbmpi_dup_fn
#define MPI_TYPE_NULL_COPY_FN ((MPI_Type_copy_attr_function *)0)
#define MPI_TYPE_NULL_DELETE_FN ((MPI_Type_delete_attr_function *)0)
#define MPI_TYPE_DUP_FN vbmpi_dup_fn
#define MPI_WIN_NULL_COPY_FN ((MPI_Win_copy_attr_function *)0)
#define MPI_WIN_NULL_DELETE_FN ((MPI_Win_delete_attr_function *)0)
#define MPI_WIN_DUP_FN vbmpi_dup_fn
#define MPI_NULL_COPY_FN MPI_COMM_NULL_COPY_FN
#define MPI_NULL_DELETE_FN MPI_COMM_NULL_DELETE_FN
#define MPI_DUP_FN MPI_COMM_DUP_FN

/* Every function exists twice, as MPI_X and, for profiling tools that define their own MPI_X, as PMPI_X (section 14.2). */
#define VB_FN(result, name, arguments) \
  result MPI_##name arguments;         \
  result PMPI_##name arguments;

/* A function with counts exists as MPI_X with int and as MPI_X_c with MPI_Count (MPI-4.0, section 2.5.8). VB_ARGS_X(C, D) is its
 * argument list with counts of type C and displacements of type D; the library's own definitions use the same lists. */
#define VB_FN_COUNTS(name)                             \
  VB_FN(int, name, (VB_ARGS_##name(int, int)))         \
  VB_FN(int, name##_c, (VB_ARGS_##name(MPI_Count, MPI_Aint)))

#include <verbena/mpi/environment.h>
#include <verbena/mpi/communicators.h>
#include <verbena/mpi/datatypes.h>
#include <verbena/mpi/point-to-point.h>
#include <verbena/mpi/partitioned.h>
#include <verbena/mpi/collectives.h>
#include <verbena/mpi/topologies.h>
#include <verbena/mpi/windows.h>
#include <verbena/mpi/files.h>
#include <verbena/mpi/processes.h>
#include <verbena/mpi/tools.h>

#undef VB_FN
#undef VB_FN_COUNTS

/* A handle is an int, in Fortran too (section 17.2.4). */
#define MPI_Comm_c2f(handle) ((MPI_Fint)(handle))
#define MPI_Comm_f2c(handle) ((MPI_Comm)(handle))
#define MPI_Errhandler_c2f(handle) ((MPI_Fint)(handle))
#define MPI_Errhandler_f2c(handle) ((MPI_Errhandler)(handle))
#define MPI_File_c2f(handle) ((MPI_Fint)(handle))
#define MPI_File_f2c(handle) ((MPI_File)(handle))
#define MPI_Group_c2f(handle) ((MPI_Fint)(handle))
#define MPI_Group_f2c(handle) ((MPI_Group)(handle))
#define MPI_Info_c2f(handle) ((MPI_Fint)(handle))
#define MPI_Info_f2c(handle) ((MPI_Info)(handle))
#define MPI_Message_c2f(handle) ((MPI_Fint)(handle))
#define MPI_Message_f2c(handle) ((MPI_Message)(handle))
#define MPI_Op_c2f(handle) ((MPI_Fint)(handle))
#define MPI_Op_f2c(handle) ((MPI_Op)(handle))
#define MPI_Request_c2f(handle) ((MPI_Fint)(handle))
#define MPI_Request_f2c(handle) ((MPI_Request)(handle))
#define MPI_Session_c2f(handle) ((MPI_Fint)(handle))
#define MPI_Session_f2c(handle) ((MPI_Session)(handle))
#define MPI_Type_c2f(handle) ((MPI_Fint)(handle))
#define MPI_Type_f2c(handle) ((MPI_Datatype)(handle))
#define MPI_Win_c2f(handle) ((MPI_Fint)(handle))
#define MPI_Win_f2c(handle) ((MPI_Win)(handle))

#ifdef __cplusplus
}
#endif

#include <verbena/mpi/call-sites.h>

#endif
