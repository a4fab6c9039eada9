#include <stdint.h>
#include <verbena/abi.h>

/*
 * The heap grows by sbrk, and the linker sends those calls here. The hypervisor cannot see a memory.grow that fails, so it is told: a
 * program that then aborts, or runs into the NULL it was given, is reported as out of memory and not as a riddle.
 */
void *__real_sbrk(intptr_t increment);

void *__wrap_sbrk(intptr_t increment) {
  void *end = __real_sbrk(increment);
  if (end == (void *)-1) vb_hypercall(VB_HC_OUT_OF_MEMORY, (uint32_t)increment, 0, 0, 0);
  return end;
}
