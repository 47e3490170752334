/* machine_says: the two directions of the socket between a rank and its simulated keeper, and the
 * messages that the keeper makes.
 */
#include "machine_state.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"
#include "wire/pack.h"
#include "wire/slice.h"
#include "wire/waiting.h"

enum { SOCKET_US = 100 }; /* of a message, at most */

/* ---- notes ---- */

static void add(struct notes *notes, enum message_type type, const void *data, size_t len)
{
    struct note *note = mem_calloc(1, sizeof(*note));

    note->type = type;
    buf_add(&note->data, data, len);
    *notes->tail = note;
    notes->tail = &note->next;
}

struct note *note_take(struct notes *notes)
{
    struct note *note = notes->first;

    notes->first = note->next;
    if (!notes->first)
        notes->tail = &notes->first;
    notes->come--;
    return note;
}

static void come_to_rank(void *arg, int64_t n)
{
    struct sim_keeper *k = arg;

    (void)n;
    k->to_rank.come++;
    node_wake(k->node);
}

void say(struct sim_keeper *k, enum message_type type, const struct buf *data)
{
    if (k->dead || k->let_go)
        return;
    add(&k->to_rank, type, data ? data->data : NULL, data ? data->len : 0);
    world_in(1 + world_chance(SOCKET_US), come_to_rank, k, 0);
}

int machine_take(struct sim_keeper *k, enum message_type *type, struct buf *payload)
{
    struct note *note;

    if (k->to_rank.come <= 0)
        return 0;
    note = note_take(&k->to_rank);
    *type = note->type;
    *payload = note->data;
    free(note);
    return 1;
}

bool machine_has_message(const struct sim_keeper *k)
{
    return k->to_rank.come > 0;
}

bool machine_is_gone(const struct sim_keeper *k)
{
    return k->dead;
}

void machine_tell(struct sim_keeper *k, enum message_type type, const void *data, size_t len)
{
    if (k->dead)
        return;
    add(&k->to_keeper, type, data, len);
    world_in(1 + world_chance(SOCKET_US), machine_hear, k, 0);
}

/* ---- what the keeper says ---- */

void say_reached(struct sim_keeper *k)
{
    struct buf data = {0};

    pack_u32(&data, k->stage);
    say(k, MESSAGE_REACHED, &data);
    buf_free(&data);
}

static void fill(const struct process_plan *plan, struct process_outcome *out)
{
    *out = (struct process_outcome){.role = plan->role,
                                    .id = plan->id,
                                    .pid = 1000 + plan->id % 30000,
                                    .start_ms = 5,
                                    .ready_ms = plan->port ? 40 : -1,
                                    .end_ms = 1000,
                                    .max_rss_kb = 123456,
                                    .user_ms = 1000,
                                    .sys_ms = 10};
}

static struct outcome outcome_of(const struct sim_keeper *k)
{
    const struct slice *slice = k->slice;
    struct outcome outcome = {.machine = -1, .rank = -1};

    if (!slice)
        return outcome;
    outcome.machine = slice->machine;
    outcome.host = slice->host;
    outcome.ip = slice->ip;
    outcome.port = slice->port;
    outcome.cpus = slice->cpus;
    outcome.n_processes = slice->n_processes;
    outcome.processes = mem_calloc((size_t)slice->n_processes + 1, sizeof(*outcome.processes));
    for (int i = 0; i < slice->n_processes; i++)
        fill(&slice->processes[i], &outcome.processes[i]);
    return outcome;
}

void say_outcome(struct sim_keeper *k)
{
    struct outcome outcome = outcome_of(k);
    struct buf data = {0};

    outcome.cause = k->cause;
    if (k->cause)
        k->cause->age_ms = world_ms() - k->failed_at;
    message_pack_outcome(&data, &outcome);
    say(k, MESSAGE_OUTCOME, &data);
    free(outcome.processes);
    buf_free(&data);
}

void say_state(struct sim_keeper *k, uint32_t number)
{
    struct outcome outcome = outcome_of(k);
    struct buf data = {0};

    for (int i = 0; i < outcome.n_processes; i++) {
        outcome.processes[i].end_ms = -1;
        outcome.processes[i].now = mem_calloc(1, sizeof(*outcome.processes[i].now));
        outcome.processes[i].now->state[0] = 'S';
    }
    pack_u32(&data, number);
    message_pack_outcome(&data, &outcome);
    say(k, MESSAGE_STATE, &data);
    outcome_forget_now(&outcome);
    free(outcome.processes);
    buf_free(&data);
}

void say_failed(struct sim_keeper *k)
{
    struct buf data = {0};

    if (!k->cause || k->told_failure)
        return;
    k->told_failure = true;
    k->cause->age_ms = world_ms() - k->failed_at;
    message_pack_cause(&data, k->cause);
    say(k, MESSAGE_FAILED, &data);
    buf_free(&data);
}

void say_waiting(struct sim_keeper *k)
{
    struct waiting waiting = {.role = ROLE_TRAINER, .of = k->slice->n_processes};
    struct buf data = {0};

    message_pack_waiting(&data, &waiting);
    say(k, MESSAGE_WAITING, &data);
    buf_free(&data);
}

void say_left(struct sim_keeper *k)
{
    struct cause cause = {.how = HOW_LEFT_EARLY,
                          .machine = k->node->machine,
                          .host = k->slice ? k->slice->host : NULL,
                          .role = ROLE_SERVER,
                          .code = EXIT_LAUNCHER};
    struct buf data = {0};

    message_pack_cause(&data, &cause);
    say(k, MESSAGE_LEFT, &data);
    buf_free(&data);
}

/* Half of the machines have no /dev/shm of their own. */
void say_folder(struct sim_keeper *k)
{
    struct folder folder = {.path = "/tmp/dgl-mpilaunch-0", .dev = 1, .ino = 2};
    struct buf data = {0};

    if (world_chance(2)) {
        message_pack_folder(&data, &folder);
        say(k, MESSAGE_FOLDER, &data);
        buf_free(&data);
    }
}

void say_output(struct sim_keeper *k)
{
    struct buf lines = {0};
    int n = 1 + world_chance(40);

    while (n--)
        buf_addf(&lines, "[vm%d trainer 0] loss 0.%06d\n", k->node->machine, world_chance(1000000));
    if (k->credit >= (int64_t)lines.len) {
        k->credit -= (int64_t)lines.len;
        say(k, MESSAGE_OUTPUT, &lines);
    }
    buf_free(&lines);
}
