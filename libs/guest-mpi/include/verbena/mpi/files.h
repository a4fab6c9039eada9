/* MPI-3.1, chapter 13: files. Included by mpi.h. */
#ifndef VERBENA_MPI_FILES_H
#define VERBENA_MPI_FILES_H

VB_FN(int, File_open, (MPI_Comm comm, const char *name, int mode, MPI_Info info, MPI_File *file))
VB_FN(int, File_close, (MPI_File * file))
VB_FN(int, File_delete, (const char *name, MPI_Info info))
VB_FN(int, File_set_size, (MPI_File file, MPI_Offset size))
VB_FN(int, File_preallocate, (MPI_File file, MPI_Offset size))
VB_FN(int, File_get_size, (MPI_File file, MPI_Offset *size))
VB_FN(int, File_get_group, (MPI_File file, MPI_Group *group))
VB_FN(int, File_get_amode, (MPI_File file, int *mode))
VB_FN(int, File_set_errhandler, (MPI_File file, MPI_Errhandler handler))
VB_FN(int, File_get_errhandler, (MPI_File file, MPI_Errhandler *handler))
VB_FN(int, File_call_errhandler, (MPI_File file, int code))
VB_FN(int, File_set_info, (MPI_File file, MPI_Info info))
VB_FN(int, File_get_info, (MPI_File file, MPI_Info *info))
VB_FN(int, File_set_view,
      (MPI_File file, MPI_Offset disp, MPI_Datatype etype, MPI_Datatype filetype, const char *representation, MPI_Info info))
VB_FN(int, File_get_view, (MPI_File file, MPI_Offset *disp, MPI_Datatype *etype, MPI_Datatype *filetype, char *representation))
VB_FN(int, File_seek, (MPI_File file, MPI_Offset offset, int whence))
VB_FN(int, File_get_position, (MPI_File file, MPI_Offset *offset))
VB_FN(int, File_get_byte_offset, (MPI_File file, MPI_Offset offset, MPI_Offset *disp))
VB_FN(int, File_seek_shared, (MPI_File file, MPI_Offset offset, int whence))
VB_FN(int, File_get_position_shared, (MPI_File file, MPI_Offset *offset))
VB_FN(int, File_get_type_extent, (MPI_File file, MPI_Datatype type, MPI_Aint *extent))
VB_FN(int, File_get_type_extent_c, (MPI_File file, MPI_Datatype type, MPI_Count *extent))
VB_FN(int, File_set_atomicity, (MPI_File file, int flag))
VB_FN(int, File_get_atomicity, (MPI_File file, int *flag))
VB_FN(int, File_sync, (MPI_File file))
VB_FN(int, Register_datarep,
      (const char *name, MPI_Datarep_conversion_function *read, MPI_Datarep_conversion_function *write, MPI_Datarep_extent_function *extent,
       void *extra))
VB_FN(int, Register_datarep_c,
      (const char *name, MPI_Datarep_conversion_function_c *read, MPI_Datarep_conversion_function_c *write,
       MPI_Datarep_extent_function *extent, void *extra))

/* Reading and writing: at the individual pointer, at an offset, at the shared pointer; alone, together, without blocking, in two parts. */
#define VB_ARGS_File_read(C, D) MPI_File file, void *buf, C count, MPI_Datatype type, MPI_Status *status
#define VB_ARGS_File_iread(C, D) MPI_File file, void *buf, C count, MPI_Datatype type, MPI_Request *request
#define VB_ARGS_File_read_all(C, D) MPI_File file, void *buf, C count, MPI_Datatype type, MPI_Status *status
#define VB_ARGS_File_iread_all(C, D) MPI_File file, void *buf, C count, MPI_Datatype type, MPI_Request *request
#define VB_ARGS_File_read_all_begin(C, D) MPI_File file, void *buf, C count, MPI_Datatype type
#define VB_ARGS_File_read_at(C, D) MPI_File file, MPI_Offset offset, void *buf, C count, MPI_Datatype type, MPI_Status *status
#define VB_ARGS_File_iread_at(C, D) MPI_File file, MPI_Offset offset, void *buf, C count, MPI_Datatype type, MPI_Request *request
#define VB_ARGS_File_read_at_all(C, D) MPI_File file, MPI_Offset offset, void *buf, C count, MPI_Datatype type, MPI_Status *status
#define VB_ARGS_File_iread_at_all(C, D) MPI_File file, MPI_Offset offset, void *buf, C count, MPI_Datatype type, MPI_Request *request
#define VB_ARGS_File_read_at_all_begin(C, D) MPI_File file, MPI_Offset offset, void *buf, C count, MPI_Datatype type
#define VB_ARGS_File_write(C, D) MPI_File file, const void *buf, C count, MPI_Datatype type, MPI_Status *status
#define VB_ARGS_File_iwrite(C, D) MPI_File file, const void *buf, C count, MPI_Datatype type, MPI_Request *request
#define VB_ARGS_File_write_all(C, D) MPI_File file, const void *buf, C count, MPI_Datatype type, MPI_Status *status
#define VB_ARGS_File_iwrite_all(C, D) MPI_File file, const void *buf, C count, MPI_Datatype type, MPI_Request *request
#define VB_ARGS_File_write_all_begin(C, D) MPI_File file, const void *buf, C count, MPI_Datatype type
#define VB_ARGS_File_write_at(C, D) MPI_File file, MPI_Offset offset, const void *buf, C count, MPI_Datatype type, MPI_Status *status
#define VB_ARGS_File_iwrite_at(C, D) MPI_File file, MPI_Offset offset, const void *buf, C count, MPI_Datatype type, MPI_Request *request
#define VB_ARGS_File_write_at_all(C, D) MPI_File file, MPI_Offset offset, const void *buf, C count, MPI_Datatype type, MPI_Status *status
#define VB_ARGS_File_iwrite_at_all(C, D) MPI_File file, MPI_Offset offset, const void *buf, C count, MPI_Datatype type, MPI_Request *request
#define VB_ARGS_File_write_at_all_begin(C, D) MPI_File file, MPI_Offset offset, const void *buf, C count, MPI_Datatype type
#define VB_ARGS_File_read_shared(C, D) VB_ARGS_File_read(C, D)
#define VB_ARGS_File_iread_shared(C, D) VB_ARGS_File_iread(C, D)
#define VB_ARGS_File_read_ordered(C, D) VB_ARGS_File_read(C, D)
#define VB_ARGS_File_read_ordered_begin(C, D) VB_ARGS_File_read_all_begin(C, D)
#define VB_ARGS_File_write_shared(C, D) VB_ARGS_File_write(C, D)
#define VB_ARGS_File_iwrite_shared(C, D) VB_ARGS_File_iwrite(C, D)
#define VB_ARGS_File_write_ordered(C, D) VB_ARGS_File_write(C, D)
#define VB_ARGS_File_write_ordered_begin(C, D) VB_ARGS_File_write_all_begin(C, D)
VB_FN_COUNTS(File_read)
VB_FN_COUNTS(File_iread)
VB_FN_COUNTS(File_read_all)
VB_FN_COUNTS(File_iread_all)
VB_FN_COUNTS(File_read_all_begin)
VB_FN_COUNTS(File_read_at)
VB_FN_COUNTS(File_iread_at)
VB_FN_COUNTS(File_read_at_all)
VB_FN_COUNTS(File_iread_at_all)
VB_FN_COUNTS(File_read_at_all_begin)
VB_FN_COUNTS(File_write)
VB_FN_COUNTS(File_iwrite)
VB_FN_COUNTS(File_write_all)
VB_FN_COUNTS(File_iwrite_all)
VB_FN_COUNTS(File_write_all_begin)
VB_FN_COUNTS(File_write_at)
VB_FN_COUNTS(File_iwrite_at)
VB_FN_COUNTS(File_write_at_all)
VB_FN_COUNTS(File_iwrite_at_all)
VB_FN_COUNTS(File_write_at_all_begin)
VB_FN_COUNTS(File_read_shared)
VB_FN_COUNTS(File_iread_shared)
VB_FN_COUNTS(File_read_ordered)
VB_FN_COUNTS(File_read_ordered_begin)
VB_FN_COUNTS(File_write_shared)
VB_FN_COUNTS(File_iwrite_shared)
VB_FN_COUNTS(File_write_ordered)
VB_FN_COUNTS(File_write_ordered_begin)
VB_FN(int, File_read_all_end, (MPI_File file, void *buf, MPI_Status *status))
VB_FN(int, File_read_at_all_end, (MPI_File file, void *buf, MPI_Status *status))
VB_FN(int, File_read_ordered_end, (MPI_File file, void *buf, MPI_Status *status))
VB_FN(int, File_write_all_end, (MPI_File file, const void *buf, MPI_Status *status))
VB_FN(int, File_write_at_all_end, (MPI_File file, const void *buf, MPI_Status *status))
VB_FN(int, File_write_ordered_end, (MPI_File file, const void *buf, MPI_Status *status))

#endif
