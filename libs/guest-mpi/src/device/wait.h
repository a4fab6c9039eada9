/*
 * Waiting: poll for as long as the boot information says, then sleep until a completion raises an event.
 *
 * Before it sleeps the process says in its status page what it waits for, so that the host can name the ranks of a deadlock (all of
 * them asleep without a time-out, nothing in flight). The text is formatted only then, never on the way of a message.
 */
#ifndef VBMPI_WAIT_H
#define VBMPI_WAIT_H

#include <mpi.h>
#include <stddef.h>
#include <stdint.h>

/* Writes what `subject` waits for, e.g. "MPI_Recv(source=3, tag=7, comm=MPI_COMM_WORLD)". */
typedef void vbmpi_describe(char *text, size_t capacity, const void *subject);

/* One turn of a waiting loop: progress, and sleep when `*spins` shows that polling has not helped for long. */
void vbmpi_wait_turn(uint32_t *spins, vbmpi_describe *describe, const void *subject);

/* Sleeps for so many nanoseconds, or until something happens. */
void vbmpi_nap(uint64_t ns);

/* One fruitless test or probe. A program that tests in a loop gives its core away once in a while. */
void vbmpi_tested_in_vain(void);
void vbmpi_tested_well(void);

/* Several requests of the user: "MPI_Waitall(5 requests: Irecv(source=1, tag=2), ...)". */
struct vbmpi_wait_list {
  int count;
  const MPI_Request *requests;
};
void vbmpi_describe_waitall(char *text, size_t capacity, const void *list);

void vbmpi_describe_request(char *text, size_t capacity, const void *request);

/* Name of the collective that this process is in, e.g. "MPI_Barrier", or NULL; and of the blocking call outside of one. */
extern const char *vbmpi_collective;
extern const char *vbmpi_call;

/* Monotonic time in nanoseconds; a call into the host. */
uint64_t vbmpi_now_ns(void);

void vbmpi_calibrate_spin(void);

#endif
