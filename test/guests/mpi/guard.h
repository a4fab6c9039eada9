/*
 * A heap that catches what writes beside its block: compile a test guest with -include guard.h, and its malloc and that of the MPI library in it
 * is this one.
 *
 *   front (64 bytes)   payload   tail (64 to 256 bytes)
 *
 * Front and tail hold a pattern that is checked when the block is freed and when the program ends. A freed payload is filled, waits behind younger
 * ones before it is used again, and must be as it was then. Blocks come in classes of eight steps an octave and are used again, so memory is bounded.
 * It includes no header, because the program's own feature macros come after it.
 */
#ifndef GUARD_H
#define GUARD_H

typedef __SIZE_TYPE__ guard_size;
typedef __UINTPTR_TYPE__ guard_address;

extern void *sbrk(__INTPTR_TYPE__ increment);
extern int dprintf(int descriptor, const char *format, ...);
extern void *memset(void *to, int byte, guard_size bytes);
extern void *memcpy(void *to, const void *from, guard_size bytes);

enum { GUARD_EDGE = 64, GUARD_TAIL_MAX = 256, GUARD_CLASSES = 8 * 32, GUARD_PAGE = 65536, GUARD_ENOMEM = 48, GUARD_EINVAL = 28 };
#define GUARD_PATTERN 0xc3
#define GUARD_FRESH 0xaa
#define GUARD_FREED 0xdd
/* A class keeps so many freed blocks, or so many bytes, from being used again. */
#define GUARD_QUARANTINE 16u
#define GUARD_QUARANTINE_BYTES (4u << 20)

/* At the beginning of every block; the word before the payload points here. */
struct guard_block {
  struct guard_block *older;   /* all blocks */
  struct guard_block *next;    /* freed ones of a class, oldest first */
  unsigned char *payload;
  guard_size bytes;            /* that the program asked for */
  guard_size room;             /* behind this header */
  unsigned number;             /* counts allocations: a breakpoint for a second run */
  int class_;
  int live;
};
struct guard_class {
  struct guard_block *first, *last;
  unsigned count;
};
static struct guard_block *guard_blocks;
static struct guard_class guard_classes[GUARD_CLASSES];
static unsigned guard_numbers;
static guard_address guard_top, guard_end;

static void guard_report(const struct guard_block *block, const char *what, long offset) {
  dprintf(2, "heap guard: %s: block %u of %zu bytes at %p, offset %ld, %s\n", what, block->number, block->bytes, (void *)block->payload, offset,
          block->live ? "in use" : "freed");
  __builtin_trap();
}

static guard_size guard_tail(const struct guard_block *block) {
  guard_size left = block->room - (guard_size)(block->payload - (unsigned char *)(block + 1)) - block->bytes;
  return left < GUARD_TAIL_MAX ? left : GUARD_TAIL_MAX;
}

/* The offset of the first byte that is not `byte`, or -1. */
static long guard_differs(const unsigned char *at, guard_size bytes, unsigned char byte) {
  unsigned long long all = byte * 0x0101010101010101ull, word;
  guard_size i = 0;
  for (; i + 8 <= bytes; i += 8) {
    memcpy(&word, at + i, 8);
    if (word != all) break;
  }
  for (; i < bytes; i++)
    if (at[i] != byte) return (long)i;
  return -1;
}

static void guard_check(const struct guard_block *block) {
  const guard_size front = GUARD_EDGE - sizeof(void *);
  long at = guard_differs(block->payload - GUARD_EDGE, front, GUARD_PATTERN);
  if (at >= 0) guard_report(block, "written before the block", at - GUARD_EDGE);
  at = guard_differs(block->payload + block->bytes, guard_tail(block), GUARD_PATTERN);
  if (at >= 0) guard_report(block, "written behind the block", at + (long)block->bytes);
  at = block->live ? -1 : guard_differs(block->payload, block->bytes, GUARD_FREED);
  if (at >= 0) guard_report(block, "written after it was freed", at);
}

__attribute__((destructor)) static void guard_check_all(void) {
  for (const struct guard_block *block = guard_blocks; block; block = block->older) guard_check(block);
}

/* Eight classes between a power of two and the next; `*bytes` is rounded up to its class. */
static int guard_class_of(guard_size *bytes) {
  int octave = 31 - __builtin_clz((unsigned)*bytes);
  guard_size step = (guard_size)1 << (octave - 3);
  *bytes = (*bytes + step - 1) / step * step;
  octave = 31 - __builtin_clz((unsigned)*bytes);
  return octave * 8 + (int)(*bytes >> (octave - 3) & 7);
}

static struct guard_block *guard_used_again(struct guard_class *class_, guard_size room) {
  struct guard_block *block = class_->first;
  if (block == 0 || (class_->count <= GUARD_QUARANTINE && class_->count * room <= GUARD_QUARANTINE_BYTES)) return 0;
  guard_check(block);
  class_->first = block->next;
  if (block->next == 0) class_->last = 0;
  class_->count--;
  return block;
}

static struct guard_block *guard_new(int class_, guard_size room) {
  guard_size need = sizeof(struct guard_block) + room;
  if (guard_end - guard_top < need) {
    guard_size grow = (need + 16 * GUARD_PAGE) / GUARD_PAGE * GUARD_PAGE;
    guard_address at = (guard_address)sbrk((__INTPTR_TYPE__)grow);
    if (at == (guard_address)-1) return 0;
    if (at != guard_end) guard_top = at;
    guard_end = at + grow;
  }
  struct guard_block *block = (struct guard_block *)guard_top;
  guard_top += (need + 15) / 16 * 16;
  block->older = guard_blocks;
  block->room = room;
  block->class_ = class_;
  guard_blocks = block;
  return block;
}

static void *guard_allocate(guard_size align, guard_size bytes) {
  if (align < GUARD_EDGE) align = GUARD_EDGE;
  guard_size room = bytes + 2 * GUARD_EDGE + align;
  if (room < bytes || room > 0x70000000u) return 0;
  int number = guard_class_of(&room);
  struct guard_block *block = guard_used_again(&guard_classes[number], room);
  if (block == 0) block = guard_new(number, room);
  if (block == 0) return 0;
  guard_address payload = ((guard_address)(block + 1) + GUARD_EDGE + align - 1) / align * align;
  block->payload = (unsigned char *)payload;
  block->bytes = bytes;
  block->number = ++guard_numbers;
  block->live = 1;
  memset(block->payload - GUARD_EDGE, GUARD_PATTERN, GUARD_EDGE - sizeof block);
  memcpy(block->payload - sizeof block, &block, sizeof block);
  memset(block->payload, GUARD_FRESH, bytes);
  memset(block->payload + bytes, GUARD_PATTERN, guard_tail(block));
  return block->payload;
}

static struct guard_block *guard_block_of(void *payload, const char *call) {
  struct guard_block *block;
  memcpy(&block, (unsigned char *)payload - sizeof block, sizeof block);
  /* Else the address is no block's, or the pointer before it was written over. */
  if ((guard_address)block % 16 != 0 || (guard_address)block >= guard_end || block->payload != payload) {
    dprintf(2, "heap guard: %s(%p): not a block of the heap, or written before the block\n", call, payload);
    __builtin_trap();
  }
  if (!block->live) guard_report(block, "freed twice", 0);
  return block;
}

void *malloc(guard_size bytes) { return guard_allocate(0, bytes); }

void *calloc(guard_size count, guard_size each) {
  guard_size bytes;
  if (__builtin_mul_overflow(count, each, &bytes)) return 0;
  void *payload = guard_allocate(0, bytes);
  return payload ? memset(payload, 0, bytes) : 0;
}

void free(void *payload) {
  if (payload == 0) return;
  struct guard_block *block = guard_block_of(payload, "free");
  guard_check(block);
  block->live = 0;
  memset(payload, GUARD_FREED, block->bytes);
  struct guard_class *class_ = &guard_classes[block->class_];
  block->next = 0;
  if (class_->last) {
    class_->last->next = block;
  } else {
    class_->first = block;
  }
  class_->last = block;
  class_->count++;
}

/* Always moves, so that a pointer to the old place is found out. */
void *realloc(void *payload, guard_size bytes) {
  if (payload == 0) return malloc(bytes);
  struct guard_block *block = guard_block_of(payload, "realloc");
  void *more = malloc(bytes);
  if (more == 0) return 0;
  memcpy(more, payload, block->bytes < bytes ? block->bytes : bytes);
  free(payload);
  return more;
}

void *aligned_alloc(guard_size align, guard_size bytes) { return guard_allocate(align, bytes); }
void *memalign(guard_size align, guard_size bytes) { return guard_allocate(align, bytes); }

int posix_memalign(void **payload, guard_size align, guard_size bytes) {
  if (align < sizeof(void *) || (align & (align - 1)) != 0) return GUARD_EINVAL;
  void *memory = guard_allocate(align, bytes);
  if (memory == 0) return GUARD_ENOMEM;
  *payload = memory;
  return 0;
}

guard_size malloc_usable_size(void *payload) { return payload ? guard_block_of(payload, "malloc_usable_size")->bytes : 0; }

/* What the C library calls them inside. */
void *__libc_malloc(guard_size bytes) { return malloc(bytes); }
void *__libc_calloc(guard_size count, guard_size each) { return calloc(count, each); }
void __libc_free(void *payload) { free(payload); }

#endif
