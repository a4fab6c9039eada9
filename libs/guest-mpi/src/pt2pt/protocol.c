#include "protocol.h"

#include <stdlib.h>
#include <string.h>

#include "device/channel.h"
#include "env/error.h"
#include "device/wait.h"
#include "short.h"

uint32_t vbmpi_transfers;

static void *bounce(struct vbmpi_request *request, size_t bytes) {
  request->bounce = malloc(bytes ? bytes : 1);
  if (request->bounce == 0)
    vbmpi_fatal(MPI_ERR_NO_MEM, vbmpi_collective_or_call(), "no memory for %zu bytes to pack a message of a derived datatype", bytes);
  request->bounce_bytes = bytes;
  return request->bounce;
}

/* The consecutive bytes of a send: the user's own when the type has no gaps. */
static void prepare_send(struct vbmpi_request *request) {
  if (__builtin_expect(request->copied, 0)) return;
  request->bytes = request->count * request->layout.size;
  if (request->layout.contiguous || request->bytes == 0) {
    request->data = (uint8_t *)request->buffer + request->layout.true_lb;
  } else {
    request->data = bounce(request, request->bytes);
    vbmpi_pack(request->data, request->buffer, request->count, &request->layout);
  }
}

void vbmpi_copy_send(struct vbmpi_request *request) {
  request->bytes = request->count * request->layout.size;
  request->data = bounce(request, request->bytes);
  vbmpi_pack(request->data, request->buffer, request->count, &request->layout);
  request->copied = true;
}

void vbmpi_prepare_recv(struct vbmpi_request *request) {
  request->bytes = request->count * request->layout.size;
  request->data = request->layout.contiguous ? (uint8_t *)request->buffer + request->layout.true_lb : 0;
}

/* Room for a rendezvous: the user's buffer, or a bounce buffer that is unpacked at the end. */
static void prepare_transfer(struct vbmpi_request *request) {
  if (request->data == 0) request->data = bounce(request, request->transfer);
}

static void set_status(struct vbmpi_request *request, int source, int tag, size_t length) {
  request->status_source = vbmpi_comm_rank_of_world(request->comm, source);
  request->status_tag = tag;
  request->status_bytes = length;
  if (length > request->bytes) {
    request->error = MPI_ERR_TRUNCATE;
    request->truncated = length;
    request->status_bytes = request->bytes;
  }
}

/* Data of an eager message into the user's buffer. */
static void deliver(struct vbmpi_request *request, int source, int tag, const void *data, size_t length) {
  set_status(request, source, tag, length);
  size_t bytes = request->status_bytes;
  if (request->data) {
    if (bytes == 8) {
      memcpy(request->data, data, 8);
    } else {
      memcpy(request->data, data, bytes);
    }
  } else if (bytes) {
    vbmpi_unpack(request->buffer, data, bytes, request->count, &request->layout);
  }
  vbmpi_count_received(length);
  vbmpi_request_complete(request);
}

/* --- messages to oneself --- */

static void deliver_self(struct vbmpi_request *recv, struct vbmpi_request *send) {
  deliver(recv, send->peer, send->tag, send->data, send->bytes);
  vbmpi_request_complete(send);
}

/* A message to oneself is copied when it is matched; only a standard one of eager size is buffered until then. */
static void send_to_self(struct vbmpi_request *request) {
  struct vbmpi_request *recv = vbmpi_match_posted(request->context, request->peer, request->tag);
  vbmpi_count_sent(request->peer, request->bytes);
  if (recv) {
    deliver_self(recv, request);
    return;
  }
  bool keep = request->mode == VBMPI_SYNCHRONOUS || request->bytes > vbmpi_device.eager_max;
  struct vbmpi_header header = {.kind = VBMPI_EAGER, .tag = request->tag, .length = (uint32_t)request->bytes};
  struct vbmpi_unexpected *message =
      vbmpi_add_unexpected(request->context, request->peer, &header, request->data, keep ? 0 : request->bytes);
  if (keep) {
    /* Only the envelope was counted and stored: the data waits where it is. */
    message->local = request;
  } else {
    vbmpi_request_complete(request);
  }
}

/* --- starting --- */

void vbmpi_start_send(struct vbmpi_request *request) {
  request->complete = false;
  prepare_send(request);
  if (request->peer == vbmpi_device.rank) {
    send_to_self(request);
    return;
  }
  bool eager = request->bytes <= vbmpi_device.eager_max &&
               !(vbmpi_device.peers[request->peer].choked && request->bytes > VBMPI_INLINE_PAYLOAD);
  vbmpi_enqueue(request, eager ? VBMPI_STEP_EAGER : VBMPI_STEP_RTS);
}

void vbmpi_start_recv(struct vbmpi_request *request) {
  request->complete = false;
  request->error = MPI_SUCCESS;
  vbmpi_prepare_recv(request);
  struct vbmpi_unexpected *message = vbmpi_find_unexpected(request->context, request->peer, request->tag);
  if (__builtin_expect(message == 0, 1)) {
    vbmpi_post_receive(request);
    return;
  }
  vbmpi_take_unexpected(message);
  vbmpi_receive_unexpected(request, message);
}

static void answer_rts(struct vbmpi_request *request, int source, int tag, size_t length, uint32_t sender) {
  set_status(request, source, tag, length);
  request->peer = source;
  request->transfer = request->status_bytes;
  request->remote_request = sender;
  prepare_transfer(request);
  vbmpi_transfers++;
  vbmpi_enqueue(request, VBMPI_STEP_CTS);
}

/* The receiver owes the sender of a synchronous message an ACK; a request of its own carries it through the pending list. */
static void send_ack(int source, uint32_t sender) {
  struct vbmpi_request *ack = vbmpi_request_new(VBMPI_REQUEST_SEND);
  ack->peer = source;
  ack->remote_request = sender;
  vbmpi_enqueue(ack, VBMPI_STEP_ACK);
}

void vbmpi_receive_unexpected(struct vbmpi_request *request, struct vbmpi_unexpected *message) {
  if (message->local) {
    deliver_self(request, message->local);
  } else if (message->kind == VBMPI_RTS) {
    answer_rts(request, message->source, message->tag, message->length, message->sender);
  } else {
    if (message->kind == VBMPI_EAGER_SYNC) send_ack(message->source, message->sender);
    deliver(request, message->source, message->tag, message->data, message->length);
  }
  vbmpi_free_unexpected(message);
}

/* --- steps --- */

static bool post_eager(struct vbmpi_peer *peer, struct vbmpi_request *request) {
  bool sync = request->mode == VBMPI_SYNCHRONOUS;
  struct vbmpi_header header = {.kind = sync ? VBMPI_EAGER_SYNC : VBMPI_EAGER, .context = request->context, .tag = request->tag,
                                .length = (uint32_t)request->bytes, .sender = request->index};
  if (request->bytes <= VBMPI_INLINE_PAYLOAD) {
    vbmpi_post_inline(peer, &header, request->data, request->bytes);
  } else if (!vbmpi_post_buffered(peer, &header, request->data, request->bytes)) {
    return false;
  }
  vbmpi_count_sent(request->peer, request->bytes);
  if (!sync) vbmpi_request_complete(request);
  return true;
}

static void post_rts(struct vbmpi_peer *peer, struct vbmpi_request *request) {
  struct vbmpi_header header = {.kind = VBMPI_RTS, .context = request->context, .tag = request->tag,
                                .length = (uint32_t)request->bytes, .sender = request->index};
  vbmpi_post_inline(peer, &header, 0, 0);
  vbmpi_page()->activity++;
}

static bool post_cts(struct vbmpi_peer *peer, struct vbmpi_request *request) {
  uint64_t address = (uintptr_t)request->data;
  uint32_t rkey = 0;
  if (request->transfer && !vbmpi_may_write(peer, request, &rkey)) return false;
  struct vbmpi_header header = {.kind = VBMPI_CTS, .tag = (int32_t)rkey, .length = (uint32_t)request->transfer,
                                .sender = request->remote_request, .receiver = request->index};
  vbmpi_post_inline(peer, &header, &address, sizeof address);
  vbmpi_page()->activity++;
  return true;
}

bool vbmpi_post_step(struct vbmpi_peer *peer, struct vbmpi_request *request) {
  switch (request->step) {
    case VBMPI_STEP_EAGER:
      return post_eager(peer, request);
    case VBMPI_STEP_RTS:
      post_rts(peer, request);
      return true;
    case VBMPI_STEP_CTS:
      return post_cts(peer, request);
    case VBMPI_STEP_WRITE: {
      uint32_t lkey = request->transfer && !peer->channel ? vbmpi_register(request->data, request->transfer)->lkey : 0;
      return vbmpi_post_write(peer, request, lkey, request->remote_request);
    }
    case VBMPI_STEP_ACK: {
      struct vbmpi_header header = {.kind = VBMPI_ACK, .sender = request->remote_request};
      vbmpi_post_inline(peer, &header, 0, 0);
      vbmpi_request_free(request);
      return true;
    }
    default:
      return request->step != VBMPI_STEP_GATE;
  }
}

/* --- arrivals --- */

static void on_data(int source, const struct vbmpi_header *header, const uint8_t *payload, size_t bytes) {
  uint8_t kind = header->kind & VBMPI_KIND_MASK;
  if (__builtin_expect(kind != VBMPI_RTS && header->length != bytes, 0))
    vbmpi_fatal(MPI_ERR_INTERN, vbmpi_collective_or_call(), "a message from rank %d has %zu bytes instead of %u", source, bytes, header->length);
  struct vbmpi_request *request = vbmpi_match_posted(header->context, source, header->tag);
  if (request == 0) {
    vbmpi_page()->activity++;
    vbmpi_add_unexpected(header->context, source, header, payload, kind == VBMPI_RTS ? 0 : bytes);
  } else if (kind == VBMPI_RTS) {
    answer_rts(request, source, header->tag, header->length, header->sender);
  } else {
    if (kind == VBMPI_EAGER_SYNC) send_ack(source, header->sender);
    deliver(request, source, header->tag, payload, bytes);
  }
}

static struct vbmpi_request *expected(uint32_t index, int source, enum vbmpi_request_kind kind) {
  struct vbmpi_request *request = vbmpi_request_at(index);
  if (request == 0 || request->kind != kind || request->peer != source)
    vbmpi_fatal(MPI_ERR_INTERN, vbmpi_collective_or_call(), "rank %d answers request %u, which is not its own", source, index);
  return request;
}

void vbmpi_on_eager(int source, const struct vbmpi_header *header, const uint8_t *payload, size_t bytes) {
  struct vbmpi_request *request = header->length == bytes ? vbmpi_match_posted(header->context, source, header->tag) : 0;
  if (__builtin_expect(request != 0, 1)) {
    deliver(request, source, header->tag, payload, bytes);
  } else {
    on_data(source, header, payload, bytes);
  }
}

void vbmpi_on_message(int source, const struct vbmpi_header *header, const uint8_t *payload, size_t bytes) {
  switch (header->kind & VBMPI_KIND_MASK) {
    case VBMPI_EAGER:
    case VBMPI_EAGER_SYNC:
    case VBMPI_RTS:
      on_data(source, header, payload, bytes);
      return;
    case VBMPI_CTS: {
      struct vbmpi_request *request = expected(header->sender, source, VBMPI_REQUEST_SEND);
      memcpy(&request->remote_addr, payload, sizeof request->remote_addr);
      request->remote_rkey = (uint32_t)header->tag;
      request->remote_request = header->receiver;
      request->transfer = header->length < request->bytes ? header->length : request->bytes;
      request->written = 0;
      vbmpi_transfers++;
      vbmpi_enqueue(request, VBMPI_STEP_WRITE);
      return;
    }
    case VBMPI_ACK:
      vbmpi_request_complete(expected(header->sender, source, VBMPI_REQUEST_SEND));
      return;
    default:
      vbmpi_fatal(MPI_ERR_INTERN, vbmpi_collective_or_call(), "rank %d sent a message of unknown kind %u", source, header->kind);
  }
}

void vbmpi_on_written(int source, uint32_t index) {
  struct vbmpi_request *request = expected(index, source, VBMPI_REQUEST_RECV);
  vbmpi_transfers--;
  if (vbmpi_device.peers[source].channel && request->transfer) vbmpi_channel_revoke(request->remote_rkey);
  vbmpi_count_received(request->status_bytes);
  if (request->bounce) vbmpi_unpack(request->buffer, request->data, request->status_bytes, request->count, &request->layout);
  vbmpi_request_complete(request);
}

void vbmpi_on_write_done(uint32_t index) {
  struct vbmpi_request *request = vbmpi_request_at(index);
  vbmpi_transfers--;
  vbmpi_count_sent(request->peer, request->bytes);
  vbmpi_request_complete(request);
}
