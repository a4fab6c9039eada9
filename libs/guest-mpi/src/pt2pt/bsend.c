/*
 * The buffer of buffered sends (MPI-3.1, section 3.6).
 *
 * Pieces lie in the attached buffer in address order, each behind a header that links it; a new message takes the first gap that is
 * wide enough. A piece is free again when the adapter has its data. MPI_Bsend never waits: without a gap it fails with MPI_ERR_BUFFER.
 */
#include "check.h"
#include "device/wait.h"

#define ALIGNMENT 16u

struct piece {
  struct piece *next;
  size_t bytes;
};
_Static_assert(sizeof(struct piece) + ALIGNMENT <= MPI_BSEND_OVERHEAD, "MPI_BSEND_OVERHEAD covers header and padding");

static uint8_t *attached;
static size_t attached_bytes;
static struct piece *pieces;

static uint8_t *aligned(uint8_t *address) { return (uint8_t *)(((uintptr_t)address + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1)); }

static struct piece *take(size_t bytes) {
  uint8_t *end = attached + attached_bytes;
  uint8_t *place = aligned(attached);
  struct piece **link = &pieces;
  for (;;) {
    uint8_t *limit = *link ? (uint8_t *)*link : end;
    if (attached && place <= limit && (size_t)(limit - place) >= sizeof(struct piece) + bytes) {
      struct piece *piece = (struct piece *)place;
      piece->next = *link;
      piece->bytes = bytes;
      *link = piece;
      return piece;
    }
    if (*link == 0) return 0;
    place = aligned((uint8_t *)(*link + 1) + (*link)->bytes);
    link = &(*link)->next;
  }
}

void vbmpi_bsend_release(void *piece) {
  struct piece **link = &pieces;
  while (*link && *link != piece) link = &(*link)->next;
  if (*link) *link = (*link)->next;
}

int vbmpi_send_buffered(struct vbmpi_comm *comm, const void *buf, size_t count, const struct vbmpi_layout *layout, int dest, int tag,
                        const char *function) {
  size_t bytes = count * layout->size;
  struct piece *piece = take(bytes);
  if (piece == 0) {
    vbmpi_progress();
    piece = take(bytes);
  }
  if (piece == 0)
    return vbmpi_fail(comm, MPI_ERR_BUFFER, function, "no room for %zu bytes in the attached buffer of %zu: attach a larger one with MPI_Buffer_attach", bytes,
                      attached_bytes);
  vbmpi_pack(piece + 1, buf, count, layout);
  struct vbmpi_layout packed = vbmpi_basic_layout(MPI_BYTE);
  struct vbmpi_request *request =
      vbmpi_make_request(VBMPI_REQUEST_SEND, comm, piece + 1, bytes, MPI_BYTE, &packed, dest, tag, comm->context);
  request->mode = VBMPI_STANDARD;
  request->bsend = piece;
  request->freed = true;
  vbmpi_comm_retain(comm);
  request->holds_comm = true;
  vbmpi_start(request);
  return MPI_SUCCESS;
}

static int attach(void *buffer, MPI_Count size, const char *function) {
  VBMPI_MAIN_CHECK(function)
  if (attached) return vbmpi_fail(0, MPI_ERR_BUFFER, function, "a buffer is attached already: detach it first");
  if (size < 0) return vbmpi_fail(0, MPI_ERR_ARG, function, "negative size %lld", size);
  attached = buffer;
  attached_bytes = (size_t)size;
  return MPI_SUCCESS;
}

int PMPI_Buffer_attach(VB_ARGS_Buffer_attach(int, int)) { return attach(buffer, size, "MPI_Buffer_attach"); }
VBMPI_ALIAS(Buffer_attach)
int PMPI_Buffer_attach_c(VB_ARGS_Buffer_attach(MPI_Count, MPI_Aint)) { return attach(buffer, size, "MPI_Buffer_attach_c"); }
VBMPI_ALIAS(Buffer_attach_c)

static void describe(char *text, size_t capacity, const void *subject) {
  (void)subject;
  const char words[] = "MPI_Buffer_detach, for buffered messages to be taken";
  size_t length = sizeof words < capacity ? sizeof words : capacity;
  for (size_t i = 0; i < length; i++) text[i] = words[i];
}

static int detach(void *buffer, MPI_Count *size, const char *function) {
  VBMPI_MAIN_CHECK(function)
  uint32_t spins = 0;
  while (pieces != 0) vbmpi_wait_turn(&spins, describe, 0);
  *(void **)buffer = attached;
  *size = (MPI_Count)attached_bytes;
  attached = 0;
  attached_bytes = 0;
  return MPI_SUCCESS;
}

int PMPI_Buffer_detach(VB_ARGS_Buffer_detach(int, int)) {
  MPI_Count wide = 0;
  int result = detach(buffer, &wide, "MPI_Buffer_detach");
  *size = (int)wide;
  return result;
}
VBMPI_ALIAS(Buffer_detach)
int PMPI_Buffer_detach_c(VB_ARGS_Buffer_detach(MPI_Count, MPI_Aint)) { return detach(buffer, size, "MPI_Buffer_detach_c"); }
VBMPI_ALIAS(Buffer_detach_c)
