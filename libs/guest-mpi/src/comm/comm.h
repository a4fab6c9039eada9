/* Communicators and groups as objects (MPI-3.1, chapter 6). */
#ifndef VBMPI_COMM_H
#define VBMPI_COMM_H

#include <mpi.h>
#include <stdbool.h>

#include "handle.h"

/* An ordered set of processes, shared by reference count. */
struct vbmpi_group {
  int references;
  int size;
  int rank;        /* of this process, or MPI_UNDEFINED */
  int world[];     /* rank in the group -> process of the job; the job's first ones are numbered as in their MPI_COMM_WORLD */
};

struct vbmpi_attribute {
  struct vbmpi_attribute *next;
  int keyval;
  void *value;
};

struct vbmpi_topology;
struct vbmpi_locality;

/*
 * Point-to-point messages of a communicator travel in context `context`, those of its collectives in `context + 1`.
 *
 * In an inter-communicator `group` and `size` are those of the remote group, which is whom messages address; `local` is a communicator
 * of this process's own group, for what happens inside of it, and `rank` is this process's rank there.
 */
struct vbmpi_comm {
  MPI_Comm handle;
  int rank;
  int size;
  int context;
  struct vbmpi_group *group;
  int *from_world;            /* process of the job -> rank here; NULL when they are equal */
  int known;                  /* processes that the job had when this was made: none of the later ones is here */
  MPI_Errhandler errhandler;
  int collective_tag;         /* tag of messages of its collectives; differs only for MPI_Comm_create_group */
  int references;             /* the handle, and pending requests */
  struct vbmpi_attribute *attributes;
  struct vbmpi_topology *topology;
  struct vbmpi_comm *local;   /* of an inter-communicator; NULL otherwise */
  uint32_t collectives;       /* begun: see coll/locality.h */
  struct vbmpi_locality *locality;   /* where its ranks are, for the collective that has begun; NULL before the first */
  uint32_t schedules;         /* non-blocking and persistent collectives begun: the tag of the next */
  char name[MPI_MAX_OBJECT_NAME];
};

extern struct vbmpi_table vbmpi_comms;
extern struct vbmpi_table vbmpi_groups;

/* The communicator of a handle, or NULL when there is none. */
static inline struct vbmpi_comm *vbmpi_comm_of(MPI_Comm handle) {
  if (VBMPI_KIND(handle) != VBMPI_KIND_COMM) return 0;
  return (struct vbmpi_comm *)vbmpi_table_get(&vbmpi_comms, VBMPI_INDEX(handle));
}
static inline struct vbmpi_group *vbmpi_group_of(MPI_Group handle) {
  if (VBMPI_KIND(handle) != VBMPI_KIND_GROUP) return 0;
  return (struct vbmpi_group *)vbmpi_table_get(&vbmpi_groups, VBMPI_INDEX(handle));
}
static inline int vbmpi_comm_rank_of_world(const struct vbmpi_comm *comm, int world) {
  if (__builtin_expect(world >= comm->known, 0)) return MPI_UNDEFINED;
  return comm->from_world ? comm->from_world[world] : world;
}

struct vbmpi_group *vbmpi_group_new(int size);
/* Of the processes of MPI_COMM_WORLD. */
struct vbmpi_group *vbmpi_group_of_world(void);
void vbmpi_group_release(struct vbmpi_group *group);

/* Makes a communicator of a group, which it takes over; rank and tables follow. NULL without memory. No communication. */
struct vbmpi_comm *vbmpi_comm_new(struct vbmpi_group *group, int context, uint32_t index);
static inline void vbmpi_comm_retain(struct vbmpi_comm *comm) { comm->references++; }
void vbmpi_comm_release(struct vbmpi_comm *comm);
/* The same where it is hardly ever the last reference. */
static inline void vbmpi_comm_let_go(struct vbmpi_comm *comm) {
  if (__builtin_expect(comm->references == 1, 0)) {
    vbmpi_comm_release(comm);
  } else {
    comm->references--;
  }
}

/* Agrees with all of `comm` on a context that none of them uses; collective over `comm`. Negative when none is left. On an
 * inter-communicator both groups agree. `second`, if not NULL, gets another one, agreed on by this side alone. */
int vbmpi_context_agree(struct vbmpi_comm *comm);
int vbmpi_context_agree_two(struct vbmpi_comm *comm, int *second);
#define VBMPI_CONTEXT_WORDS 64
/* Those that are free in all of an intra-communicator, as bits. */
void vbmpi_contexts_free(struct vbmpi_comm *comm, uint32_t bits[VBMPI_CONTEXT_WORDS]);
/* The lowest that is in both sets; `skip` is not considered. */
int vbmpi_context_pick(const uint32_t a[VBMPI_CONTEXT_WORDS], const uint32_t b[VBMPI_CONTEXT_WORDS], int skip);
void vbmpi_context_take(int context);
void vbmpi_context_give_back(int context);

/* Attributes of an object of any kind (attribute.c): copied and deleted by the callbacks of their keys. */
int vbmpi_attributes_copy(const struct vbmpi_attribute *from, int from_handle, struct vbmpi_attribute **to);
int vbmpi_attributes_delete(struct vbmpi_attribute **list, int handle);

/* Makes the communicator of a handle with the error handler of `parent`; takes the group over. */
int vbmpi_comm_publish(struct vbmpi_comm *parent, struct vbmpi_group *group, int context, const char *function, MPI_Comm *handle);
/* An inter-communicator between the group of `local`, which it takes over, and `remote`, which it takes over. */
int vbmpi_inter_publish(struct vbmpi_comm *parent, struct vbmpi_comm *local, struct vbmpi_group *remote, int context, const char *function, MPI_Comm *handle);
int vbmpi_no_context(struct vbmpi_comm *comm, const char *function);
/* The members of `comm` on this side. */
static inline struct vbmpi_group *vbmpi_own_group(const struct vbmpi_comm *comm) { return comm->local ? comm->local->group : comm->group; }

int vbmpi_comm_split(struct vbmpi_comm *comm, int color, int key, const char *function, MPI_Comm *part);

int vbmpi_inter_split(struct vbmpi_comm *comm, int color, int key, const char *function, MPI_Comm *part);

/*
 * Processes that meet without a communicator in common (sessions, ports, names) do so in a context of its own, where the tag says which meeting it is.
 * The communicator has no handle; its group stays the caller's.
 */
#define VBMPI_MEETING_CONTEXT 4
struct vbmpi_comm *vbmpi_meeting_new(struct vbmpi_group *group, int tag, const char *function);
void vbmpi_meeting_free(struct vbmpi_comm *meeting);
/* Of all processes of the job, in their order; it grows with the job. */
struct vbmpi_comm *vbmpi_meeting_of_all(void);
/* Makes an inter-communicator of the group of `local` and that which the leader meets; between the entry of a collective and its end, which it is. */
int vbmpi_inter_make(struct vbmpi_comm *local, int leader, struct vbmpi_comm *peer, int remote_leader, int tag, const char *function, MPI_Comm *made);

/* The group of a handle, MPI_GROUP_EMPTY included; NULL when there is none. `publish` takes the group over. */
struct vbmpi_group *vbmpi_group_lookup(MPI_Group handle);
int vbmpi_group_publish(struct vbmpi_group *group, MPI_Group *handle);

void vbmpi_comm_init(void);

#endif
