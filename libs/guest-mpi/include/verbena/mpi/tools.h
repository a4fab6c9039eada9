/* MPI-3.1, section 14.3: the tool information interface. Included by mpi.h. */
#ifndef VERBENA_MPI_TOOLS_H
#define VERBENA_MPI_TOOLS_H

typedef struct vb_t_enum *MPI_T_enum;
typedef struct vb_t_cvar *MPI_T_cvar_handle;
typedef struct vb_t_pvar *MPI_T_pvar_handle;
typedef struct vb_t_session *MPI_T_pvar_session;
#define MPI_T_ENUM_NULL ((MPI_T_enum)0)
#define MPI_T_CVAR_HANDLE_NULL ((MPI_T_cvar_handle)0)
#define MPI_T_PVAR_HANDLE_NULL ((MPI_T_pvar_handle)0)
#define MPI_T_PVAR_ALL_HANDLES ((MPI_T_pvar_handle)-1)
#define MPI_T_PVAR_SESSION_NULL ((MPI_T_pvar_session)0)
#define MPI_T_VERBOSITY_USER_BASIC 0
#define MPI_T_VERBOSITY_USER_DETAIL 1
#define MPI_T_VERBOSITY_USER_ALL 2
#define MPI_T_VERBOSITY_TUNER_BASIC 3
#define MPI_T_VERBOSITY_TUNER_DETAIL 4
#define MPI_T_VERBOSITY_TUNER_ALL 5
#define MPI_T_VERBOSITY_MPIDEV_BASIC 6
#define MPI_T_VERBOSITY_MPIDEV_DETAIL 7
#define MPI_T_VERBOSITY_MPIDEV_ALL 8
#define MPI_T_BIND_NO_OBJECT 0
#define MPI_T_BIND_MPI_COMM 1
#define MPI_T_BIND_MPI_DATATYPE 2
#define MPI_T_BIND_MPI_ERRHANDLER 3
#define MPI_T_BIND_MPI_FILE 4
#define MPI_T_BIND_MPI_GROUP 5
#define MPI_T_BIND_MPI_OP 6
#define MPI_T_BIND_MPI_REQUEST 7
#define MPI_T_BIND_MPI_WIN 8
#define MPI_T_BIND_MPI_MESSAGE 9
#define MPI_T_BIND_MPI_INFO 10
#define MPI_T_SCOPE_CONSTANT 0
#define MPI_T_SCOPE_READONLY 1
#define MPI_T_SCOPE_LOCAL 2
#define MPI_T_SCOPE_GROUP 3
#define MPI_T_SCOPE_GROUP_EQ 4
#define MPI_T_SCOPE_ALL 5
#define MPI_T_SCOPE_ALL_EQ 6
#define MPI_T_PVAR_CLASS_STATE 0
#define MPI_T_PVAR_CLASS_LEVEL 1
#define MPI_T_PVAR_CLASS_SIZE 2
#define MPI_T_PVAR_CLASS_PERCENTAGE 3
#define MPI_T_PVAR_CLASS_HIGHWATERMARK 4
#define MPI_T_PVAR_CLASS_LOWWATERMARK 5
#define MPI_T_PVAR_CLASS_COUNTER 6
#define MPI_T_PVAR_CLASS_AGGREGATE 7
#define MPI_T_PVAR_CLASS_TIMER 8
#define MPI_T_PVAR_CLASS_GENERIC 9

VB_FN(int, T_init_thread, (int required, int *provided))
VB_FN(int, T_finalize, (void))
VB_FN(int, T_enum_get_info, (MPI_T_enum type, int *count, char *name, int *length))
VB_FN(int, T_enum_get_item, (MPI_T_enum type, int index, int *value, char *name, int *length))
VB_FN(int, T_cvar_get_num, (int *count))
VB_FN(int, T_cvar_get_info,
      (int index, char *name, int *name_length, int *verbosity, MPI_Datatype *type, MPI_T_enum *values, char *text, int *text_length,
       int *bind, int *scope))
VB_FN(int, T_cvar_get_index, (const char *name, int *index))
VB_FN(int, T_cvar_handle_alloc, (int index, void *object, MPI_T_cvar_handle *handle, int *count))
VB_FN(int, T_cvar_handle_free, (MPI_T_cvar_handle * handle))
VB_FN(int, T_cvar_read, (MPI_T_cvar_handle handle, void *buf))
VB_FN(int, T_cvar_write, (MPI_T_cvar_handle handle, const void *buf))
VB_FN(int, T_pvar_get_num, (int *count))
VB_FN(int, T_pvar_get_info,
      (int index, char *name, int *name_length, int *verbosity, int *var_class, MPI_Datatype *type, MPI_T_enum *values, char *text,
       int *text_length, int *bind, int *readonly, int *continuous, int *atomic))
VB_FN(int, T_pvar_get_index, (const char *name, int var_class, int *index))
VB_FN(int, T_pvar_session_create, (MPI_T_pvar_session * session))
VB_FN(int, T_pvar_session_free, (MPI_T_pvar_session * session))
VB_FN(int, T_pvar_handle_alloc, (MPI_T_pvar_session session, int index, void *object, MPI_T_pvar_handle *handle, int *count))
VB_FN(int, T_pvar_handle_free, (MPI_T_pvar_session session, MPI_T_pvar_handle *handle))
VB_FN(int, T_pvar_start, (MPI_T_pvar_session session, MPI_T_pvar_handle handle))
VB_FN(int, T_pvar_stop, (MPI_T_pvar_session session, MPI_T_pvar_handle handle))
VB_FN(int, T_pvar_read, (MPI_T_pvar_session session, MPI_T_pvar_handle handle, void *buf))
VB_FN(int, T_pvar_write, (MPI_T_pvar_session session, MPI_T_pvar_handle handle, const void *buf))
VB_FN(int, T_pvar_reset, (MPI_T_pvar_session session, MPI_T_pvar_handle handle))
VB_FN(int, T_pvar_readreset, (MPI_T_pvar_session session, MPI_T_pvar_handle handle, void *buf))
VB_FN(int, T_category_get_num, (int *count))
VB_FN(int, T_category_get_info,
      (int index, char *name, int *name_length, char *text, int *text_length, int *cvars, int *pvars, int *categories))
VB_FN(int, T_category_get_index, (const char *name, int *index))
VB_FN(int, T_category_get_cvars, (int index, int length, int indices[]))
VB_FN(int, T_category_get_pvars, (int index, int length, int indices[]))
VB_FN(int, T_category_get_categories, (int index, int length, int indices[]))
VB_FN(int, T_category_changed, (int *stamp))

#endif
