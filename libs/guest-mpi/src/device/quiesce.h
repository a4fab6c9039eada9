/*
 * Quiescing: stopping all channels of the job so that nothing is in flight, and going on afterwards, perhaps on another host and with another
 * adapter (Nomad's suspension of OS-bypass networks; the progress-engine design of IPDPS'17). docs/decisions/0016-quiescing-channels.md argues it.
 *
 * The hypervisor writes an epoch and QUIESCE into event_page.control of every rank. Each rank sees it in progress, whenever its program is
 * inside MPI, or polls while it computes; and from then on, with every peer by itself:
 *
 *   stop     A gate stands first in the pending list: new messages queue up behind it, as do the receiver's CTS. WRITEs that the
 *            peer has granted pass it. MARK STOPPED goes out behind everything that was posted before: no grant of ours will follow it.
 *   drain    When the peer's STOPPED is here and all WRITEs that it granted are posted, MARK QUIET goes out behind them.
 *   quiet    When QUIET is here from every peer, everything that was sent to us has arrived and lies in the matching queues; when all that
 *            we have posted is complete, the same holds at the peers. Now, and only now, the rank stops in VB_HC_SAFEPOINT.
 *
 *            control = QUIESCE        STOPPED from the peer,     QUIET from all,
 *                |                    no WRITE pending           nothing posted incomplete
 *     running ------> stopping ------------> draining -----------------> quiet (in VB_HC_SAFEPOINT)
 *        ^  control = CANCELLED  |             |                           |  SAME: open the gates
 *        +-----------------------+-------------+---------------------------+  NEW_ADAPTER: set up everything again, open the gates
 *
 * The program goes on computing until the rank is quiet: only what needs a message that somebody holds back has to wait. A cancelled attempt
 * opens the gates and nothing else: marks carry their epoch, and those of an attempt that is not ours count for nothing. MARKs, like
 * CREDITs, need no credit, so a peer without credits still hears them.
 *
 * Before MPI_Init has connected the channels nobody looks at the control word: a rank that waits for others in MPI_Init answers when it is
 * over. Behind the last barrier of MPI_Finalize a rank answers no more, and tells its peers by MARK ENDED: who is still in that barrier then
 * leaves the attempt alone and ends, too. Processes of other worlds (MPI_Comm_spawn) go on without it.
 *
 * Reentrancy: an attempt begins, goes on and ends in vbmpi_progress before that looks at any queue, and nowhere else. Handlers of messages never
 * call progress. A user's function that progress calls (a reduction of a non-blocking collective) may not call MPI; if it does all the same,
 * nothing is lost, because no frame below it holds on to an entry of a completion queue.
 */
#ifndef VBMPI_QUIESCE_H
#define VBMPI_QUIESCE_H

#include <stdbool.h>
#include <stdint.h>

struct vbmpi_peer;

/* One step of the answer to a control word that is not answered yet; true when anything happened. */
bool vbmpi_quiesce(void);

/* One step of progress for a program that computes and polls, while a control word is not answered. */
void vbmpi_poll(void);

/* This rank needs no other any more, and answers nobody. */
void vbmpi_quiesce_end(void);

/* Whether a process needs nobody any more, and what is sent to it is lost; and whether a MARK says so. */
bool vbmpi_has_left(const struct vbmpi_peer *peer);
bool vbmpi_means_end(uint32_t mark);

#endif
