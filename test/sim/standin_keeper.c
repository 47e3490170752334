/* standin_keeper: in the place of the socket to the keeper, of what keeper and scribe are to their
 * rank, and of the keeper's files by which a rank looks at processes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "coord/keeper_link.h"
#include "keeper/doing.h"
#include "keeper/ending.h"
#include "keeper/keeper.h"
#include "keeper/listen.h"
#include "keeper/proc.h"
#include "keeper/scribe.h"
#include "keeper/spawn.h"
#include "machine.h"
#include "standin.h"

/* ---- the socket ---- */

void keeper_link_send(struct keeper_link *link, enum message_type type, const void *data,
                      size_t len)
{
    if (!link->gone)
        machine_tell(standin_node()->keeper, type, data, len);
}

void keeper_link_pump(struct keeper_link *link)
{
    link->gone |= machine_is_gone(standin_node()->keeper);
}

int keeper_link_next(struct keeper_link *link, enum message_type *type, struct buf *payload)
{
    (void)link;
    return machine_take(standin_node()->keeper, type, payload);
}

void keeper_link_leave(struct keeper_link *link)
{
    keeper_link_send(link, MESSAGE_LEAVE, NULL, 0);
}

bool keeper_link_has_left(struct keeper_link *link)
{
    struct sim_keeper *keeper = standin_node()->keeper;
    enum message_type type;
    struct buf payload;

    while (machine_take(keeper, &type, &payload))
        buf_free(&payload);
    link->gone = machine_is_gone(keeper);
    return link->gone;
}

void keeper_link_close(struct keeper_link *link)
{
    link->keeper.fd = -1;
}

/* ---- the keeper as a process ---- */

int keeper_fork(struct keeper *keeper, struct scribe *scribe, bool escalates, struct err *err)
{
    struct node *node = standin_node();

    (void)scribe, (void)escalates, (void)err;
    machine_open(node);
    *keeper = (struct keeper){.pid = 200000 + node->index, .fd = standin_fd(node, FD_KEEPER)};
    return 0;
}

enum cleaning keeper_clean_step(struct ending *progress, pid_t spared, struct strv *left)
{
    (void)progress, (void)spared, (void)left;
    return machine_cleans(standin_node()->keeper) ? CLEANING : CLEANING_DONE;
}

const char *doing_what(enum doing *kind, int64_t *for_ms)
{
    (void)kind, (void)for_ms;
    return NULL;
}

int64_t doing_progressed(void)
{
    return machine_progressed(standin_node()->keeper);
}

/* ---- the scribe ---- */

int scribe_fork(struct scribe *scribe, struct err *err)
{
    struct node *node = standin_node();

    (void)err;
    *scribe = (struct scribe){
        .pid = 300000 + node->index, .fd = standin_fd(node, FD_SCRIBE), .keeper_fd = -1};
    return 0;
}

enum { WRITE_US = 20000 };

static void answer(void *arg, int64_t removed)
{
    struct node *node = arg;

    if (node->scribe_hangs)
        return;
    if (removed)
        node->scribe_removed = true;
    else
        node->scribe_answers++;
}

int scribe_hand(struct scribe *scribe, enum scribe_how how, const char *path, const void *text,
                size_t len, struct err *err)
{
    enum { UNDER_WAY_MOST = 64 };

    (void)how, (void)text, (void)len;
    if (scribe->under_way >= UNDER_WAY_MOST)
        return err_set(err, EXIT_LAUNCHER, "cannot write '%s'", path);
    if (scribe->under_way++ == 0)
        scribe->moved = clock_ms();
    world_in(1 + world_chance(WRITE_US), answer, standin_node(), 0);
    return 0;
}

int scribe_hand_folder(struct scribe *scribe, const struct folder *folder, struct err *err)
{
    (void)folder, (void)err;
    scribe->removes = true;
    world_in(1 + world_chance(WRITE_US), answer, standin_node(), 1);
    return 0;
}

bool scribe_hand_mpirun(struct scribe *scribe, int daemons)
{
    (void)scribe, (void)daemons;
    return false;
}

int scribe_answer(struct scribe *scribe, enum scribe_how *how, struct err *why)
{
    struct node *node = standin_node();

    why->text[0] = '\0';
    if (node->scribe_removed) {
        node->scribe_removed = scribe->removes = false;
        *how = SCRIBE_REMOVE;
        return 1;
    }
    if (!node->scribe_answers)
        return 0;
    node->scribe_answers--;
    scribe->under_way--;
    scribe->moved = clock_ms();
    *how = SCRIBE_REPLACE;
    return 1;
}

void scribe_let_go(struct scribe *scribe)
{
    (void)scribe;
}

bool scribe_has_left(struct scribe *scribe)
{
    (void)scribe;
    return !standin_node()->scribe_hangs;
}

void scribe_leave(struct scribe *scribe, int timeout_ms)
{
    (void)scribe;
    if (standin_node()->scribe_hangs)
        poll(NULL, 0, timeout_ms);
}

/* ---- processes, which nobody sees ---- */

void ending_begin(struct ending *ending, int64_t now)
{
    ending->moved = now;
}

bool ending_look(struct ending *ending, const struct procs *left, int64_t now)
{
    (void)ending, (void)left, (void)now;
    return false;
}

bool ending_is_vain(const struct ending *ending, int64_t now)
{
    enum { VAIN_MS = 8000 };

    return now - ending->moved > VAIN_MS;
}

void proc_below(pid_t root, struct procs *found)
{
    (void)root;
    found->n = 0;
}

void procs_free(struct procs *procs)
{
    (void)procs;
}

int proc_signal(const struct proc *proc, int signal)
{
    (void)proc, (void)signal;
    return -1;
}

char proc_state(pid_t pid)
{
    (void)pid;
    return 'D';
}

bool listen_owner(const char *ip, int port, int *pid)
{
    (void)ip, (void)port, (void)pid;
    return false;
}

void listen_peers(const int *ports, size_t n, void (*seen)(void *arg, int port, uint32_t address),
                  void *arg)
{
    (void)ports, (void)n, (void)seen, (void)arg;
}

char *spawn_program(const struct slice *slice)
{
    (void)slice;
    return mem_strdup("/usr/bin/python3");
}
