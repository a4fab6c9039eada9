/*
 * Catches: any disagreement between the library and a sequential oracle over thousands of generated programs: nested derived types, all
 * send modes, wildcards, messages before and after their receives, partial receives, every way to complete, and collectives in between.
 * All ranks draw the same program from the same seed. Arguments: number of seeds, first seed.
 */
#include "random-types.h"

#define MOST_MESSAGES 10

/* --- messages --- */

struct message {
  int source, dest, tag, mode, late, wild, copies, extra, plain;
  MPI_Datatype type;
  unsigned char *buffer, *base;
  int span, origin;
  struct map map;
  MPI_Request request;
};
static struct message messages[MOST_MESSAGES];

static unsigned char byte_of(int seed, int message, int index) { return (unsigned char)(seed * 31 + message * 101 + index * 7 + (index >> 8)); }

/* A buffer for `copies` elements with room to both sides; everything is 0xa5. */
static void make_buffer(struct message *m, int copies) {
  int low = 0, high = 0;
  for (int c = 0; c < copies; c += copies > 1 ? copies - 1 : 1)
    for (int i = 0; i < m->map.count; i++) {
      int at = c * m->map.extent + m->map.at[i];
      if (at < low) low = at;
      if (at + m->map.width > high) high = at + m->map.width;
    }
  m->origin = 32 - low;
  m->span = high - low + 64;
  m->buffer = malloc((size_t)m->span);
  memset(m->buffer, 0xa5, (size_t)m->span);
  m->base = m->buffer + m->origin;
}

static void draw_message(int seed, struct message *m, int id) {
  m->source = below(ranks);
  m->dest = below(ranks);
  m->wild = below(4) == 0;
  /* One that anybody may send must not be mixed up with those of the seeds before and after. */
  m->tag = m->wild ? 100 + seed % 1000 * MOST_MESSAGES + id : below(3);
  m->mode = below(5);
  m->late = below(2);
  m->extra = below(3);
  m->plain = below(4) == 0;
  int which = below(4);
  generate(which, &m->type, &m->map);
  m->copies = below(8) == 0 ? 1 + below(20000 / (m->map.count * m->map.width) + 1) : below(6);
  if (m->plain) m->extra = 0;
}

static void post_receive(struct message *m, int which) {
  make_buffer(m, m->copies + m->extra);
  int source = m->wild ? MPI_ANY_SOURCE : m->source;
  if (m->plain) {
    /* The same elements, one after the other. */
    free(m->buffer);
    m->span = m->copies * m->map.count * m->map.width + 64;
    m->buffer = malloc((size_t)m->span);
    memset(m->buffer, 0xa5, (size_t)m->span);
    m->base = m->buffer + 32;
    MPI_Irecv(m->base, m->copies * m->map.count, basics[which], source, m->tag, MPI_COMM_WORLD, &m->request);
  } else {
    MPI_Irecv(m->base, m->copies + m->extra, m->type, source, m->tag, MPI_COMM_WORLD, &m->request);
  }
}

static int which_of(const struct message *m) { return m->map.width == 1 ? 0 : m->map.width == 2 ? 1 : m->map.width == 4 ? 2 : 3; }

static void check_message(int seed, int id, struct message *m, MPI_Status *status) {
  int count, elements = m->copies * m->map.count, index = 0;
  MPI_Get_elements(status, m->type, &count);
  CHECK(count == elements && status->MPI_SOURCE == m->source && status->MPI_TAG == m->tag, "seed %d message %d: %d of %d elements from %d tag %d", seed, id, count,
        elements, status->MPI_SOURCE, status->MPI_TAG);
  for (int c = 0; c < m->copies; c++)
    for (int i = 0; i < m->map.count; i++)
      for (int b = 0; b < m->map.width; b++, index++) {
        unsigned char *at = m->plain ? m->base + index : m->base + c * m->map.extent + m->map.at[i] + b;
        CHECK(*at == byte_of(seed, id, index), "seed %d message %d from %d to %d: byte %d of %d", seed, id, m->source, m->dest, index, elements * m->map.width);
        *at = 0xa5;
      }
  for (int i = 0; i < m->span; i++) CHECK(m->buffer[i] == 0xa5, "seed %d message %d: byte %d outside of the type was written", seed, id, i - m->origin);
}

static void post_send(int seed, int id, struct message *m, unsigned char **copy, MPI_Request *request) {
  struct message out = *m;
  make_buffer(&out, m->copies);
  int index = 0;
  for (int c = 0; c < m->copies; c++)
    for (int i = 0; i < m->map.count; i++)
      for (int b = 0; b < m->map.width; b++, index++) out.base[c * m->map.extent + m->map.at[i] + b] = byte_of(seed, id, index);
  *copy = out.buffer;
  *request = MPI_REQUEST_NULL;
  switch (m->mode) {
    case 0: MPI_Isend(out.base, m->copies, m->type, m->dest, m->tag, MPI_COMM_WORLD, request); break;
    case 1: MPI_Issend(out.base, m->copies, m->type, m->dest, m->tag, MPI_COMM_WORLD, request); break;
    case 2: MPI_Ibsend(out.base, m->copies, m->type, m->dest, m->tag, MPI_COMM_WORLD, request); break;
    case 3: MPI_Bsend(out.base, m->copies, m->type, m->dest, m->tag, MPI_COMM_WORLD); break;
    default:
      MPI_Send_init(out.base, m->copies, m->type, m->dest, m->tag, MPI_COMM_WORLD, request);
      MPI_Start(request);
  }
}

/* Completes all, in one of the ways there are. */
static void complete(int n, MPI_Request requests[], MPI_Status statuses[], int way) {
  int done, flag = 0, indices[MOST_MESSAGES];
  MPI_Status some[MOST_MESSAGES];
  if (way == 0) {
    MPI_Waitall(n, requests, statuses);
  } else if (way == 1) {
    for (int i = 0; i < n; i++) MPI_Wait(&requests[i], &statuses[i]);
  } else if (way == 2) {
    for (int i = 0; i < n; i++) {
      MPI_Waitany(n, requests, &done, &some[0]);
      if (done != MPI_UNDEFINED) statuses[done] = some[0];
    }
  } else if (way == 3) {
    for (;;) {
      MPI_Waitsome(n, requests, &done, indices, some);
      if (done == MPI_UNDEFINED) return;
      for (int i = 0; i < done; i++) statuses[indices[i]] = some[i];
    }
  } else if (way == 4) {
    while (!flag) MPI_Testall(n, requests, &flag, statuses);
  } else {
    for (;;) {
      MPI_Testsome(n, requests, &done, indices, some);
      if (done == MPI_UNDEFINED) return;
      for (int i = 0; i < done; i++) statuses[indices[i]] = some[i];
    }
  }
}

static void exchange(int seed) {
  int n = 1 + below(MOST_MESSAGES), incoming = 0, outgoing = 0;
  MPI_Request receives[MOST_MESSAGES], sends[MOST_MESSAGES];
  MPI_Status statuses[MOST_MESSAGES];
  unsigned char *copies[MOST_MESSAGES];
  int ids[MOST_MESSAGES];
  for (int i = 0; i < n; i++) draw_message(seed, &messages[i], i);
  /* Messages with equal envelopes must be received in their order: a late one makes those after it late. */
  for (int i = 0; i < n; i++)
    for (int k = 0; k < i; k++)
      if (messages[k].late && messages[k].source == messages[i].source && messages[k].dest == messages[i].dest && messages[k].tag == messages[i].tag)
        messages[i].late = 1;
  int way = below(6);
  for (int late = 0; late < 2; late++) {
    for (int i = 0; i < n; i++)
      if (messages[i].dest == me && messages[i].late == late) post_receive(&messages[i], which_of(&messages[i]));
    for (int i = 0; i < n && !late; i++)
      if (messages[i].source == me) {
        post_send(seed, i, &messages[i], &copies[outgoing], &sends[outgoing]);
        outgoing++;
      }
  }
  for (int i = 0; i < n; i++)
    if (messages[i].dest == me) {
      ids[incoming] = i;
      receives[incoming++] = messages[i].request;
    }
  complete(incoming, receives, statuses, way);
  for (int i = 0; i < incoming; i++) check_message(seed, ids[i], &messages[ids[i]], &statuses[i]);
  MPI_Waitall(outgoing, sends, MPI_STATUSES_IGNORE);
  for (int i = 0; i < outgoing; i++) {
    if (sends[i] != MPI_REQUEST_NULL) MPI_Request_free(&sends[i]);
    free(copies[i]);
  }
  for (int i = 0; i < n; i++) {
    if (messages[i].dest == me) free(messages[i].buffer);
    if (!is_basic(messages[i].type)) MPI_Type_free(&messages[i].type);
  }
}

/* --- collectives --- */

static int value(int seed, int rank, int index) { return (seed * 13 + rank * 1009 + index * 17) % 10007; }

static void finish(MPI_Request *request, int blocks) {
  if (!blocks) MPI_Wait(request, MPI_STATUS_IGNORE);
}

static void collective(int seed) {
  static int out[8 * 400], in[8 * 8 * 400];
  int kind = below(8), blocks = below(2), root = below(ranks), n = 1 + below(below(4) == 0 ? 390 : 20);
  MPI_Comm c = MPI_COMM_WORLD;
  MPI_Request r = MPI_REQUEST_NULL;
  for (int i = 0; i < n * ranks && i < 8 * 400; i++) out[i] = value(seed, me, i);
  memset(in, 0xff, sizeof in);
  if (kind == 0) {
    if (me == root) memcpy(in, out, (size_t)n * sizeof(int));
    if (blocks) MPI_Bcast(in, n, MPI_INT, root, c);
    else MPI_Ibcast(in, n, MPI_INT, root, c, &r);
    finish(&r, blocks);
    for (int i = 0; i < n; i++) CHECK(in[i] == value(seed, root, i), "seed %d: broadcast element %d", seed, i);
  } else if (kind == 1) {
    if (blocks) MPI_Allreduce(out, in, n, MPI_INT, MPI_SUM, c);
    else MPI_Iallreduce(out, in, n, MPI_INT, MPI_SUM, c, &r);
    finish(&r, blocks);
    for (int i = 0; i < n; i++) {
      int sum = 0;
      for (int k = 0; k < ranks; k++) sum += value(seed, k, i);
      CHECK(in[i] == sum, "seed %d: allreduce element %d", seed, i);
    }
  } else if (kind == 2) {
    if (blocks) MPI_Reduce(out, in, n, MPI_INT, MPI_MAX, root, c);
    else MPI_Ireduce(out, in, n, MPI_INT, MPI_MAX, root, c, &r);
    finish(&r, blocks);
    for (int i = 0; i < n && me == root; i++) {
      int best = 0;
      for (int k = 0; k < ranks; k++) best = value(seed, k, i) > best ? value(seed, k, i) : best;
      CHECK(in[i] == best, "seed %d: reduce element %d", seed, i);
    }
  } else if (kind == 3) {
    if (blocks) MPI_Gather(out, n, MPI_INT, in, n, MPI_INT, root, c);
    else MPI_Igather(out, n, MPI_INT, in, n, MPI_INT, root, c, &r);
    finish(&r, blocks);
    for (int i = 0; i < n * ranks && me == root; i++) CHECK(in[i] == value(seed, i / n, i % n), "seed %d: gather element %d", seed, i);
  } else if (kind == 4) {
    if (blocks) MPI_Allgather(out, n, MPI_INT, in, n, MPI_INT, c);
    else MPI_Iallgather(out, n, MPI_INT, in, n, MPI_INT, c, &r);
    finish(&r, blocks);
    for (int i = 0; i < n * ranks; i++) CHECK(in[i] == value(seed, i / n, i % n), "seed %d: allgather element %d", seed, i);
  } else if (kind == 5) {
    if (ranks > 8) return;
    if (blocks) MPI_Alltoall(out, n, MPI_INT, in, n, MPI_INT, c);
    else MPI_Ialltoall(out, n, MPI_INT, in, n, MPI_INT, c, &r);
    finish(&r, blocks);
    for (int i = 0; i < n * ranks; i++) CHECK(in[i] == value(seed, i / n, me * n + i % n), "seed %d: alltoall element %d", seed, i);
  } else if (kind == 6) {
    if (blocks) MPI_Scan(out, in, n, MPI_INT, MPI_SUM, c);
    else MPI_Iscan(out, in, n, MPI_INT, MPI_SUM, c, &r);
    finish(&r, blocks);
    for (int i = 0; i < n; i++) {
      int sum = 0;
      for (int k = 0; k <= me; k++) sum += value(seed, k, i);
      CHECK(in[i] == sum, "seed %d: scan element %d", seed, i);
    }
  } else {
    if (ranks > 8) return;
    if (blocks) MPI_Reduce_scatter_block(out, in, n, MPI_INT, MPI_SUM, c);
    else MPI_Ireduce_scatter_block(out, in, n, MPI_INT, MPI_SUM, c, &r);
    finish(&r, blocks);
    for (int i = 0; i < n; i++) {
      int sum = 0;
      for (int k = 0; k < ranks; k++) sum += value(seed, k, me * n + i);
      CHECK(in[i] == sum, "seed %d: reduce-scatter element %d", seed, i);
    }
  }
}

int main(int argc, char **argv) {
  begin(&argc, &argv);
  int seeds = argc > 1 ? atoi(argv[1]) : 1500, first = argc > 2 ? atoi(argv[2]) : 1, size = 1 << 22;
  void *room = malloc((size_t)size);
  MPI_Buffer_attach(room, size);
  for (int seed = first; seed < first + seeds; seed++) {
    seed_ = (unsigned)seed * 2654435761u;
    exchange(seed);
    seed_ = (unsigned)seed * 40503u + 7;
    collective(seed);
  }
  MPI_Buffer_detach(&room, &size);
  free(room);
  return end();
}
