/* shm: gives the job's processes on this machine a /dev/shm of their own where it may, which
 * vanishes with the last of them. Elsewhere notes what they would leave in the machine's, and
 * removes it.
 */
#ifndef KEEPER_SHM_H
#define KEEPER_SHM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "job/plan.h"
#include "keeper/segments.h"

/* All zero: nothing has been done. */
struct shm {
    bool apart;                /* this process is in a mount namespace of its own */
    bool own;                  /* and /dev/shm is the job's */
    struct segments *segments; /* noted; NULL: nothing is */
};

/* Call before the first process of an attempt: mounts a /dev/shm for the job, or begins to note.
 * 0, with a text in why where the user should be warned; or -1 with why (EXIT_MACHINE). Call with
 * one thread: the namespaces are this process's and its children's. */
int shm_begin(struct shm *shm, const struct slice *slice, struct err *why);

/* The folder that vanishes with the processes, or NULL. */
const char *shm_folder(const struct shm *shm);

/* For the poll loop: what to wait for (-1: nothing), what to do when it is readable, and until when
 * to wait. What shm_tick notes is kept in the open folder job_dir too (-1: there is none), for
 * shm_clean_after. */
int shm_fd(const struct shm *shm);
void shm_heard(struct shm *shm, int64_t now);
int64_t shm_deadline(const struct shm *shm);
void shm_tick(struct shm *shm, int64_t now, int job_dir);

/* Call before the first signal to the processes. */
void shm_note(struct shm *shm, int job_dir);

/* Call when all processes of the attempt are gone. shm_remove blocks for as long as the kernel
 * frees memory (0.15 to 0.5 s a GiB), and may run in a forked copy of this process; false: a
 * private one is still mounted. shm_forget then makes shm_begin possible again. */
bool shm_remove(struct shm *shm);
void shm_forget(struct shm *shm);

/* For the scribe, when the keeper was killed and its processes are gone: removes what is noted in
 * the job's open folder. */
void shm_clean_after(int job_dir);

/* Bytes: wanted, or half of memory where nothing is wanted. */
int64_t shm_size(int64_t wanted, int64_t memory);

/* What the slice names that lies in the folder, for a person ("the workspace"); a private
 * /dev/shm would hide it. NULL: nothing. */
const char *shm_hides(const struct slice *slice, const char *folder);

#endif
