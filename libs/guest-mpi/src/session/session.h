/* Sessions (MPI-4.0, chapter 11): errors before there is a communicator are raised on the session's or the call's own handler. */
#ifndef VBMPI_SESSION_H
#define VBMPI_SESSION_H

#include <mpi.h>

int vbmpi_session_fail(MPI_Errhandler handler, MPI_Session session, int error_class, const char *function, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#endif
