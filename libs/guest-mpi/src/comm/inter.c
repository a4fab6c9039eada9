/*
 * Inter-communicators (MPI-3.1, section 6.6).
 *
 * Both groups use the same context for messages between them, agreed on by their leaders; each has a communicator of its own beside it.
 */
#include <stdlib.h>
#include <string.h>

#include "coll/entry.h"
#include "device/device.h"
#include "env/error.h"
#include "pt2pt/check.h"

/* Tags of the library's own messages in a communicator's collective context, apart from those of collectives. */
#define MEETING_TAG 0x40000000

int vbmpi_inter_publish(struct vbmpi_comm *parent, struct vbmpi_comm *local, struct vbmpi_group *remote, int context, const char *function, MPI_Comm *handle) {
  if (local == 0) return vbmpi_fail(parent, MPI_ERR_NO_MEM, function, "no memory for a communicator");
  int result = vbmpi_comm_publish(parent, remote, context, function, handle);
  if (result) return result;
  struct vbmpi_comm *made = vbmpi_comm_of(*handle);
  made->local = local;
  made->rank = local->rank;
  remote->rank = MPI_UNDEFINED;
  return MPI_SUCCESS;
}

/* What the leaders tell each other, and then their groups. */
struct card {
  int size;
  int high;
  uint32_t free[VBMPI_CONTEXT_WORDS];
};
#define CARD_INTS (sizeof(struct card) / sizeof(int))

static void leaders_exchange(const void *out, size_t out_ints, void *in, size_t in_ints, struct vbmpi_comm *peer, int remote_leader, int tag) {
  int saved = peer->collective_tag;
  peer->collective_tag = MEETING_TAG | tag;
  vbmpi_coll_sendrecv(out, out_ints, MPI_INT, remote_leader, in, in_ints, MPI_INT, remote_leader, peer);
  peer->collective_tag = saved;
}

/* The remote group, as all of this group learn it from their leader. */
static struct vbmpi_group *meet(struct vbmpi_comm *local, int leader, struct vbmpi_comm *peer, int remote_leader, int tag, const struct card *mine,
                                struct card *theirs) {
  if (local->rank == leader) leaders_exchange(mine, CARD_INTS, theirs, CARD_INTS, peer, remote_leader, tag);
  vbmpi_bcast(theirs, CARD_INTS, MPI_INT, leader, local);
  struct vbmpi_group *remote = vbmpi_group_new(theirs->size);
  if (local->rank == leader) leaders_exchange(local->group->world, (size_t)local->size, remote->world, (size_t)theirs->size, peer, remote_leader, tag);
  vbmpi_bcast(remote->world, (size_t)theirs->size, MPI_INT, leader, local);
  return remote;
}

static bool overlap(const struct vbmpi_comm *local, const struct vbmpi_group *remote) {
  for (int i = 0; i < remote->size; i++)
    if (vbmpi_comm_rank_of_world(local, remote->world[i]) >= 0) return true;
  return false;
}

int vbmpi_inter_make(struct vbmpi_comm *c, int leader, struct vbmpi_comm *peer, int remote_leader, int tag, const char *function, MPI_Comm *made) {
  struct card mine = {.size = c->size}, theirs;
  vbmpi_contexts_free(c, mine.free);
  struct vbmpi_group *remote = meet(c, leader, peer, remote_leader, tag, &mine, &theirs);
  int result = vbmpi_coll_leave(), context = vbmpi_context_pick(mine.free, theirs.free, -1), second = vbmpi_context_pick(mine.free, mine.free, context);
  if (result == MPI_SUCCESS && overlap(c, remote)) result = vbmpi_fail(c, MPI_ERR_COMM, function, "the two groups have members in common");
  if (result == MPI_SUCCESS && (context < 0 || second < 0)) result = vbmpi_no_context(c, function);
  if (result) {
    vbmpi_group_release(remote);
    return result;
  }
  c->group->references++;
  return vbmpi_inter_publish(c, vbmpi_comm_new(c->group, second, 0), remote, context, function, made);
}

int PMPI_Intercomm_create(MPI_Comm local_comm, int leader, MPI_Comm peer_comm, int remote_leader, int tag, MPI_Comm *made) {
  const char *function = "MPI_Intercomm_create";
  VBMPI_COMM(c, local_comm, function)
  if (c->local) return vbmpi_fail(c, MPI_ERR_COMM, function, "the local communicator is an inter-communicator");
  int result = vbmpi_check_root(c, leader, function);
  if (result) return result;
  if (tag < 0) return vbmpi_fail(c, MPI_ERR_TAG, function, "invalid tag %d", tag);
  struct vbmpi_comm *peer = c->rank == leader ? vbmpi_comm_of(peer_comm) : 0;
  if (c->rank == leader) {
    if (peer == 0) return vbmpi_fail_comm(peer_comm, function);
    if (remote_leader < 0 || remote_leader >= peer->size)
      return vbmpi_fail(c, MPI_ERR_RANK, function, "invalid remote leader %d (communicator %s has %d)", remote_leader, peer->name, peer->size);
  }
  VBMPI_COLLECTIVE(function, c)
  return vbmpi_inter_make(c, leader, peer, remote_leader, tag, function, made);
}
VBMPI_ALIAS(Intercomm_create)

int PMPI_Intercomm_merge(MPI_Comm inter, int high, MPI_Comm *merged) {
  const char *function = "MPI_Intercomm_merge";
  VBMPI_COMM(c, inter, function)
  if (c->local == 0) return vbmpi_fail(c, MPI_ERR_COMM, function, "communicator %s is not an inter-communicator", c->name);
  struct vbmpi_comm *local = c->local;
  struct card mine = {.size = local->size, .high = high != 0}, theirs;
  VBMPI_COLLECTIVE(function, c)
  vbmpi_contexts_free(local, mine.free);
  if (c->rank == 0) leaders_exchange(&mine, CARD_INTS, &theirs, CARD_INTS, c, 0, 0);
  vbmpi_bcast(&theirs, CARD_INTS, MPI_INT, 0, local);
  int result = vbmpi_coll_leave(), context = vbmpi_context_pick(mine.free, theirs.free, -1);
  if (result) return result;
  if (context < 0) return vbmpi_no_context(c, function);
  /* Both sides said the same: the group of the lowest rank in MPI_COMM_WORLD of the two leaders goes first. */
  bool first = mine.high != theirs.high ? !mine.high : local->group->world[0] < c->group->world[0];
  const struct vbmpi_group *low = first ? local->group : c->group, *top = first ? c->group : local->group;
  struct vbmpi_group *all = vbmpi_group_new(low->size + top->size);
  memcpy(all->world, low->world, (size_t)low->size * sizeof(int));
  memcpy(all->world + low->size, top->world, (size_t)top->size * sizeof(int));
  return vbmpi_comm_publish(c, all, context, function, merged);
}
VBMPI_ALIAS(Intercomm_merge)

struct vote {
  int color, key, rank;
};

static int by_key_then_rank(const void *a, const void *b) {
  const struct vote *x = a, *y = b;
  if (x->key != y->key) return x->key < y->key ? -1 : 1;
  return x->rank - y->rank;
}

/* The members that voted for a colour, in order of key. */
static struct vbmpi_group *chosen(struct vote *votes, int n, int color, const struct vbmpi_group *from) {
  int members = 0;
  for (int i = 0; i < n; i++)
    if (votes[i].color == color) votes[members++] = votes[i];
  qsort(votes, (size_t)members, sizeof *votes, by_key_then_rank);
  struct vbmpi_group *group = vbmpi_group_new(members);
  for (int i = 0; i < members; i++) group->world[i] = from->world[votes[i].rank];
  return group;
}

int vbmpi_inter_split(struct vbmpi_comm *c, int color, int key, const char *function, MPI_Comm *part) {
  struct vbmpi_comm *local = c->local;
  struct vote mine = {color, key, c->rank};
  struct vote *ours = vbmpi_scratch((size_t)(local->size + c->size) * sizeof *ours), *theirs = ours + local->size;
  int second;
  VBMPI_COLLECTIVE(function, c)
  vbmpi_allgather(&mine, 3, MPI_INT, ours, 3, MPI_INT, local);
  if (c->rank == 0) leaders_exchange(ours, 3 * (size_t)local->size, theirs, 3 * (size_t)c->size, c, 0, 0);
  vbmpi_bcast(theirs, 3 * (size_t)c->size, MPI_INT, 0, local);
  int context = vbmpi_context_agree_two(c, &second);
  int result = vbmpi_coll_leave();
  *part = MPI_COMM_NULL;
  if (result == MPI_SUCCESS && context < 0) result = vbmpi_no_context(c, function);
  if (result == MPI_SUCCESS && color != MPI_UNDEFINED) {
    struct vbmpi_group *own = chosen(ours, local->size, color, local->group), *remote = chosen(theirs, c->size, color, c->group);
    if (remote->size > 0) {
      result = vbmpi_inter_publish(c, vbmpi_comm_new(own, second, 0), remote, context, function, part);
    } else {
      vbmpi_group_release(own);
      vbmpi_group_release(remote);
    }
  }
  free(ours);
  return result;
}
