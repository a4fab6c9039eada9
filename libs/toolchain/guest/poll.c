/*
 * What a program's loops call when event_page.poll is not zero (docs/decisions/0021-polls-in-loops.md). With MPI the channels are stopped from
 * here as they are from within its calls; a program that has none to stop says so and waits.
 */
#include <verbena/abi.h>

/* One step of progress, if the library is not at work further up the stack. Absent from programs without MPI. */
void vbmpi_poll(void) __attribute__((weak));

static void look_at_control(void) {
  uint32_t control = vb_event_page()->control;
  if (vb_status_page()->mpi_state == VB_MPI_INITIALIZED) {
    if (vbmpi_poll) vbmpi_poll();
  } else if ((control & VB_CONTROL_PHASE_MASK) == VB_CONTROL_QUIESCE) {
    vb_hypercall_block(VB_HC_SAFEPOINT, control >> VB_CONTROL_EPOCH_SHIFT, VB_SAFEPOINT_NO_CHANNELS, 0, 0);
  }
}

void vb_poll(void) {
  if (vb_event_page()->poll & VB_POLL_CONTROL) look_at_control();
  if (vb_event_page()->poll & ~VB_POLL_CONTROL) vb_hypercall_block(VB_HC_POLL, 0, 0, 0, 0);
}
