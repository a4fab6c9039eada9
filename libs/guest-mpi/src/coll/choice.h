/*
 * Which algorithm a collective takes: the first row of a table that fits where the ranks are, how many they are, and the bytes, and names an algorithm that can do it.
 *
 * The job may bring rows of its own in VERBENA_MPI_TUNING (`verbena run --mpi-tuning FILE`, which `verbena bench tune` writes); they stand before the built-in ones. A row is
 *
 *   COLLECTIVE WHERE RANKS BYTES ALGORITHM      e.g. "bcast nested 16 4096 two-level"
 *
 * for communicators of up to RANKS ranks and calls of up to BYTES bytes, `*` for any number; rows end with a newline or a semicolon. All ranks have one table. They must choose alike even while a
 * migration changes where they are: see locality.h. Bytes are those of one rank's contribution; of all ranks' for an allgather.
 */
#ifndef VBMPI_CHOICE_H
#define VBMPI_CHOICE_H

#include "comm/comm.h"

enum vbmpi_coll_kind { VBMPI_BARRIER, VBMPI_BCAST, VBMPI_REDUCE, VBMPI_ALLREDUCE, VBMPI_ALLGATHER, VBMPI_ALLTOALL, VBMPI_COLL_KINDS };

enum vbmpi_algorithm {
  VBMPI_DISSEMINATION, VBMPI_BINOMIAL, VBMPI_SCATTER_RING, VBMPI_DOUBLING, VBMPI_PIECES, VBMPI_RABENSEIFNER, VBMPI_RING, VBMPI_BRUCK, VBMPI_PAIRWISE, VBMPI_TWO_LEVEL,
  VBMPI_ALGORITHMS
};
#define VBMPI_ABLE(algorithm) (1u << (algorithm))

/* One of `able` (VBMPI_ABLE of each algorithm that can do it); once for each collective on a communicator, by all of its ranks. `able` without VBMPI_TWO_LEVEL: that is
 * added where the ranks of several hosts share hosts, if `levels` allows it. */
enum vbmpi_algorithm vbmpi_choose(enum vbmpi_coll_kind kind, struct vbmpi_comm *comm, size_t bytes, uint32_t able, bool levels);

/* Reads VERBENA_MPI_TUNING; ends the job when a row of it means nothing. */
void vbmpi_choice_prepare(void);

#endif
