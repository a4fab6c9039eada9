/*
 * Checks that cost something, for programs that run with VERBENA_CHECK=1: handles that are left at MPI_Finalize, buffers of simultaneous
 * requests that overlap, collectives whose ranks do not agree. Places in the source are known when the program was compiled with
 * -DVERBENA_CHECK, which `verbena run --check` does (verbena/mpi/call-sites.h).
 */
#ifndef VBMPI_CHECKS_H
#define VBMPI_CHECKS_H

#include <stdbool.h>
#include <stddef.h>
#include <verbena/mpi/call-sites.h>

#include "comm/comm.h"

struct vbmpi_request;

extern bool vbmpi_checking;

/* Reads VERBENA_CHECK. */
void vbmpi_check_begin(void);

/* Writes " at file:line", or nothing where the place is not known; returns the length. */
size_t vbmpi_describe_site(char *text, size_t capacity, const struct vbmpi_site *site);

/* Remembers where the object in a slot was made. The library's own objects are hidden. */
void vbmpi_check_made(struct vbmpi_table *table, uint32_t index);
void vbmpi_check_hide(struct vbmpi_table *table, uint32_t index);

/* One line on standard error for each kind of handle that is left and each place where such were made. */
void vbmpi_check_leaks(void);

/* Ends the job when the buffer of a request that starts overlaps that of another, and one of the two is written. */
void vbmpi_check_overlap(const struct vbmpi_request *request);

/* What the ranks of a collective must agree in; a member that does not matter is VBMPI_ANYTHING. */
#define VBMPI_ANYTHING (-1)
struct vbmpi_agreement {
  int root;
  int op;
  long long bytes;
};
/* Compares with what rank 0 of the communicator calls; ends the job with both calls when they differ. */
void vbmpi_check_agreement(const char *function, const struct vbmpi_agreement *mine, struct vbmpi_comm *comm);

#endif
