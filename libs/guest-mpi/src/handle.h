/*
 * Handles: an int whose upper byte is the kind of object and whose lower 24 bits are an index into that kind's table.
 *
 *   0x10 communicator  0x20 group     0x30 predefined datatype (0x30SSSSII: size and index)  0x31 predefined pair with padding
 *   0x21 window  0x22 file  0x23 session
 *   0x32 derived type  0x33 MPI_LB and MPI_UB  0x40 operation 0x41 user operation  0x50 request  0x51 message  0x60 error handler  0x70 info
 *
 * Index 0 is the null handle of its kind. Tables grow; an index is used again only after its object was freed.
 */
#ifndef VBMPI_HANDLE_H
#define VBMPI_HANDLE_H

#include <stdint.h>
#include <verbena/mpi/call-sites.h>

#define VBMPI_KIND(handle) ((uint32_t)(handle) >> 24)
#define VBMPI_INDEX(handle) ((uint32_t)(handle)&0xffffffu)
#define VBMPI_HANDLE(kind, index) ((int)(((uint32_t)(kind) << 24) | (uint32_t)(index)))

#define VBMPI_KIND_COMM 0x10u
#define VBMPI_KIND_GROUP 0x20u
#define VBMPI_KIND_BASIC 0x30u
#define VBMPI_KIND_PAIR 0x31u
#define VBMPI_KIND_DERIVED 0x32u
#define VBMPI_KIND_OP 0x40u
#define VBMPI_KIND_USER_OP 0x41u
#define VBMPI_KIND_REQUEST 0x50u
#define VBMPI_KIND_MESSAGE 0x51u
#define VBMPI_KIND_ERRHANDLER 0x60u
#define VBMPI_KIND_INFO 0x70u
#define VBMPI_KIND_WIN 0x21u
#define VBMPI_KIND_FILE 0x22u
#define VBMPI_KIND_SESSION 0x23u
#define VBMPI_KIND_MARKER 0x33u   /* MPI_LB and MPI_UB */

/* A table of pointers to objects of one kind. Slot 0 stays empty. */
struct vbmpi_table {
  void **slots;
  uint32_t used;      /* slots ever handed out, slot 0 included */
  uint32_t capacity;
  /* For the check of what is left at the end (check/leaks.c). */
  const char *what;            /* an object in words; NULL for tables that are not the user's */
  struct vbmpi_site *sites;    /* where each was made */
  uint32_t sites_capacity;
  struct vbmpi_table *next;
};

/* Puts an object into the first free slot at or above `from`; returns its index, or 0 without memory. */
uint32_t vbmpi_table_add(struct vbmpi_table *table, void *object, uint32_t from);

static inline void *vbmpi_table_get(const struct vbmpi_table *table, uint32_t index) {
  return index < table->used ? table->slots[index] : 0;
}
static inline void vbmpi_table_remove(struct vbmpi_table *table, uint32_t index) { table->slots[index] = 0; }

/* Every function is defined as PMPI_X, and MPI_X is a weak alias that a profiling tool may replace (MPI-3.1, section 14.2). */
#define VBMPI_ALIAS(name) extern __typeof__(PMPI_##name) MPI_##name __attribute__((weak, alias("PMPI_" #name)));

#endif
