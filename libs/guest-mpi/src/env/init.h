/* Sessions keep the library open as MPI_Init does. */
#ifndef VBMPI_INIT_H
#define VBMPI_INIT_H

#include <stdbool.h>

/* False when the library has ended for good. The first session of a process waits for all ranks, as MPI_Init does. */
bool vbmpi_session_begins(const char *function);
void vbmpi_session_ends(void);
/* For a program without MPI_Init: the last meeting of all ranks, when it exits. */
void vbmpi_close_at_exit(void);

#endif
