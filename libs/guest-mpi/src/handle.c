#include "handle.h"

#include <stdlib.h>
#include <string.h>

#include "check/check.h"

static uint32_t add(struct vbmpi_table *table, void *object, uint32_t from) {
  if (from == 0) from = 1;
  for (uint32_t i = from; i < table->used; i++) {
    if (table->slots[i] == 0) {
      table->slots[i] = object;
      return i;
    }
  }
  uint32_t index = table->used < from ? from : table->used;
  if (index >= table->capacity) {
    uint32_t capacity = table->capacity ? table->capacity * 2 : 16;
    while (capacity <= index) capacity *= 2;
    void **slots = realloc(table->slots, capacity * sizeof *slots);
    if (slots == 0) return 0;
    memset(slots + table->capacity, 0, (capacity - table->capacity) * sizeof *slots);
    table->slots = slots;
    table->capacity = capacity;
  }
  table->slots[index] = object;
  table->used = index + 1;
  return index;
}

uint32_t vbmpi_table_add(struct vbmpi_table *table, void *object, uint32_t from) {
  uint32_t index = add(table, object, from);
  if (__builtin_expect(vbmpi_checking, 0)) vbmpi_check_made(table, index);
  return index;
}
