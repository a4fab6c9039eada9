/* MPI-3.1, chapter 10: processes; and sessions (MPI-4.0, chapter 11). Included by mpi.h. */
#ifndef VERBENA_MPI_PROCESSES_H
#define VERBENA_MPI_PROCESSES_H

VB_FN(int, Comm_spawn,
      (const char *command, char *argv[], int most, MPI_Info info, int root, MPI_Comm comm, MPI_Comm *inter, int codes[]))
VB_FN(int, Comm_spawn_multiple,
      (int count, char *commands[], char **argvs[], const int most[], const MPI_Info infos[], int root, MPI_Comm comm, MPI_Comm *inter,
       int codes[]))
VB_FN(int, Open_port, (MPI_Info info, char *port))
VB_FN(int, Close_port, (const char *port))
VB_FN(int, Comm_accept, (const char *port, MPI_Info info, int root, MPI_Comm comm, MPI_Comm *inter))
VB_FN(int, Comm_connect, (const char *port, MPI_Info info, int root, MPI_Comm comm, MPI_Comm *inter))
VB_FN(int, Comm_join, (int descriptor, MPI_Comm *inter))
VB_FN(int, Publish_name, (const char *service, MPI_Info info, const char *port))
VB_FN(int, Unpublish_name, (const char *service, MPI_Info info, const char *port))
VB_FN(int, Lookup_name, (const char *service, MPI_Info info, char *port))

VB_FN(int, Session_init, (MPI_Info info, MPI_Errhandler handler, MPI_Session *session))
VB_FN(int, Session_finalize, (MPI_Session * session))
VB_FN(int, Session_get_info, (MPI_Session session, MPI_Info *info))
VB_FN(int, Session_get_num_psets, (MPI_Session session, MPI_Info info, int *count))
VB_FN(int, Session_get_nth_pset, (MPI_Session session, MPI_Info info, int n, int *length, char *name))
VB_FN(int, Session_get_pset_info, (MPI_Session session, const char *name, MPI_Info *info))
VB_FN(int, Session_set_errhandler, (MPI_Session session, MPI_Errhandler handler))
VB_FN(int, Session_get_errhandler, (MPI_Session session, MPI_Errhandler *handler))
VB_FN(int, Session_call_errhandler, (MPI_Session session, int code))
VB_FN(int, Group_from_session_pset, (MPI_Session session, const char *name, MPI_Group *group))
VB_FN(int, Comm_create_from_group, (MPI_Group group, const char *tag, MPI_Info info, MPI_Errhandler handler, MPI_Comm *made))
VB_FN(int, Intercomm_create_from_groups,
      (MPI_Group local, int leader, MPI_Group remote, int remote_leader, const char *tag, MPI_Info info, MPI_Errhandler handler,
       MPI_Comm *made))

#endif
