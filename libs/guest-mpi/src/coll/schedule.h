/*
 * Schedules: a collective that does not block, as a straight-line program of messages, copies and reductions.
 *
 *   vbmpi_schedule_record    an algorithm runs with vbmpi_recording set: its steps are noted down, nothing happens yet
 *   vbmpi_schedule_start     steps are carried out in order as far as they go; one that waits for a message stops the program
 *   vbmpi_schedules_advance  called by progress: every started schedule goes as far as it can
 *
 * A persistent collective starts the same schedule again. Messages of one schedule carry a tag of its own, counted per communicator, so
 * any number of them may be under way at once, beside a blocking one (tag 0).
 */
#ifndef VBMPI_SCHEDULE_H
#define VBMPI_SCHEDULE_H

#include "coll.h"

struct vbmpi_schedule;

/* The schedule that is being recorded, or NULL. */
extern struct vbmpi_schedule *vbmpi_recording;
/* The first of those under way. */
extern struct vbmpi_schedule *vbmpi_schedules;

void vbmpi_schedule_record(const char *name, struct vbmpi_comm *comm);
/* Ends the recording; the request that stands for it, not yet started. */
struct vbmpi_request *vbmpi_schedule_recorded(void);
void vbmpi_schedule_start(struct vbmpi_request *request);
void vbmpi_schedule_free(struct vbmpi_schedule *schedule);
bool vbmpi_schedules_advance(void);

/* What vbmpi_coll_* do while a schedule is recorded. */
struct vbmpi_request *vbmpi_record_message(bool sends, const void *buf, size_t count, MPI_Datatype type, int rank, struct vbmpi_comm *comm);
void vbmpi_record_wait(struct vbmpi_request *token);
void vbmpi_record_copy(const void *from, size_t from_count, MPI_Datatype from_type, void *to, size_t to_count, MPI_Datatype to_type);
void vbmpi_record_reduce(const struct vbmpi_reduction *reduction, const void *in, void *inout, size_t count);
void *vbmpi_record_scratch(size_t bytes);

/* A message of a collective, started now. */
struct vbmpi_request *vbmpi_coll_message(bool sends, const void *buf, size_t count, MPI_Datatype type, int rank, int tag, struct vbmpi_comm *comm);
/* How a message of a collective ended: MPI_SUCCESS, or the class of its error (it is longer or shorter than expected). */
int vbmpi_coll_verdict(const struct vbmpi_request *request);

#endif
