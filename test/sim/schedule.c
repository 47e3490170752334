/* schedule: tables of the words, and three passes over them: draw, parse and print. */
#include "schedule.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

static const char *const kinds[INCIDENT_COUNT] = {
    [INCIDENT_FAIL] = "fail",     [INCIDENT_LEFT] = "left",       [INCIDENT_LOST] = "lost",
    [INCIDENT_STALL] = "stall",   [INCIDENT_CUT] = "cut",         [INCIDENT_SIGNAL] = "signal",
    [INCIDENT_PARENT] = "parent", [INCIDENT_PREEMPT] = "preempt", [INCIDENT_DIE] = "die",
    [INCIDENT_SILENT] = "silent", [INCIDENT_STUCK] = "stuck",     [INCIDENT_SLOW] = "slow",
    [INCIDENT_CHECK] = "check",   [INCIDENT_LATE] = "late",       [INCIDENT_SCRIBE] = "scribe",
    [INCIDENT_READER] = "reader", [INCIDENT_ASK] = "ask",
};

static const char *const anchors[FROM_COUNT] = {"start", "servers", "trainers",
                                                "drain", "stop",    "over"};

/* The numbers that have a name. */
static const struct number {
    const char *name;
    size_t offset;
    int least, most;
} numbers[] = {
    {"machines", offsetof(struct schedule, machines), 1, SCHEDULE_RANKS_MOST},
    {"sleepers", offsetof(struct schedule, sleepers), 0, SCHEDULE_RANKS_MOST},
    {"trainers", offsetof(struct schedule, trainers), 1, 64},
    {"lost", offsetof(struct schedule, lost_ms), 0, 1000000},
    {"grace", offsetof(struct schedule, grace_ms), 0, 1000000},
    {"restarts", offsetof(struct schedule, restarts), 0, 100},
    {"run", offsetof(struct schedule, run_ms), 0, 10000000},
    {"latency", offsetof(struct schedule, latency_us), 1, 1000000},
};

enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };

static int *number_of(struct schedule *s, const struct number *number)
{
    return (int *)((char *)s + number->offset);
}

const char *schedule_incident(enum incident_kind kind)
{
    return kinds[kind];
}

static void begin(struct schedule *s)
{
    *s = (struct schedule){.seed = 1,
                           .machines = 1,
                           .trainers = 1,
                           .lost_ms = 60000,
                           .grace_ms = 5000,
                           .run_ms = 1000,
                           .latency_us = 200};
}

/* ---- from a seed ---- */

static uint64_t state_of(uint64_t seed)
{
    uint64_t state = seed * 0x9E3779B97F4A7C15 + 0x2545F4914F6CDD1D;

    state = state ? state : 1;
    for (int i = 0; i < 8; i++)
        random_next(&state);
    return state;
}

static int one_of(uint64_t *state, const int *items, int n)
{
    return items[random_below(state, n)];
}

static int draw_value(uint64_t *state, const struct schedule *s, enum incident_kind kind)
{
    static const int codes[] = {1, 2, 7, 77, -6, -9, -11};
    static const int signals[] = {15, 2, 1};

    switch (kind) {
    case INCIDENT_FAIL: return one_of(state, codes, 7);
    case INCIDENT_SIGNAL: return one_of(state, signals, 3);
    case INCIDENT_STALL: return 10 + random_below(state, 2 * s->lost_ms);
    case INCIDENT_CUT: return random_below(state, 2) ? 10 + random_below(state, 2 * s->lost_ms) : 0;
    case INCIDENT_LOST:
    case INCIDENT_PREEMPT: return random_below(state, 2);
    case INCIDENT_READER: return random_below(state, 20000);
    default: return 0;
    }
}

static void draw_incident(uint64_t *state, const struct schedule *s, struct incident *i)
{
    /* what is likelier stands more often */
    static const int drawn[] = {INCIDENT_FAIL,   INCIDENT_FAIL,   INCIDENT_FAIL,   INCIDENT_LOST,
                                INCIDENT_LOST,   INCIDENT_STALL,  INCIDENT_STALL,  INCIDENT_CUT,
                                INCIDENT_SIGNAL, INCIDENT_PARENT, INCIDENT_LEFT,   INCIDENT_PREEMPT,
                                INCIDENT_DIE,    INCIDENT_SILENT, INCIDENT_STUCK,  INCIDENT_CHECK,
                                INCIDENT_LATE,   INCIDENT_SCRIBE, INCIDENT_READER, INCIDENT_ASK};

    i->kind = (enum incident_kind)one_of(state, drawn, (int)(sizeof(drawn) / sizeof(drawn[0])));
    i->machine = random_below(state, s->machines);
    if (i->kind == INCIDENT_READER)
        i->machine = 0;
    i->from = (enum anchor)random_below(state, FROM_COUNT);
    i->at = random_below(state, 2) ? random_below(state, 60) : random_below(state, s->run_ms + 500);
    i->value = draw_value(state, s, i->kind);
}

/* Two things that go wrong within a moment: the alarm of the one is still on its way. */
static void follow(uint64_t *state, const struct incident *before, struct incident *i)
{
    i->from = before->from;
    i->at = before->at + random_below(state, 400);
}

void schedule_draw(struct schedule *s, uint64_t seed, int machines)
{
    static const int sizes[] = {1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 12, 16, 17, 33};
    static const int latencies[] = {30, 200, 200, 2000, 20000};
    static const int losts[] = {2000, 4000, 10000, 60000};
    uint64_t state = state_of(seed);

    begin(s);
    s->seed = seed;
    s->machines = one_of(&state, sizes, 15);
    s->latency_us = one_of(&state, latencies, 5);
    s->lost_ms = one_of(&state, losts, 4);
    s->grace_ms = random_below(&state, 3) ? 500 : 5000;
    s->restarts = random_below(&state, 3) ? 0 : 1 + random_below(&state, 3);
    s->run_ms = 20 + random_below(&state, 3000);
    s->abort_is_deaf = !random_below(&state, 4);
    s->sleepers = random_below(&state, 6) ? 0 : 1 + random_below(&state, s->machines);
    if (machines)
        s->machines = machines;
    s->n = random_below(&state, 5);
    for (int i = 0; i < s->n; i++) {
        draw_incident(&state, s, &s->incidents[i]);
        if (i && !random_below(&state, 3))
            follow(&state, &s->incidents[i - 1], &s->incidents[i]);
    }
}

/* ---- from text, and to text ---- */

static bool take_number(const char **at, int *value)
{
    char *end;
    long n = strtol(*at, &end, 10);

    if (end == *at || n < INT_MIN || n > INT_MAX)
        return false;
    *at = end;
    *value = (int)n;
    return true;
}

static bool take_char(const char **at, char wanted)
{
    if (**at != wanted)
        return false;
    ++*at;
    return true;
}

static int take_name(const char **at, const char *const *names, int n)
{
    for (int i = 0; i < n; i++) {
        size_t len = strlen(names[i]);

        if (strncmp(*at, names[i], len) != 0 || isalpha((unsigned char)(*at)[len]))
            continue;
        *at += len;
        return i;
    }
    return -1;
}

int schedule_inner(int machines)
{
    int inner = 1;

    while (2 * inner < machines)
        inner *= 2;
    return machines > 1 ? inner : 0;
}

/* A number, "last", or "inner". */
static bool take_machine(const struct schedule *s, const char **at, int *machine)
{
    static const char *const names[] = {"last", "inner"};
    int name = take_name(at, names, 2);

    if (name < 0)
        return take_number(at, machine);
    *machine = name ? schedule_inner(s->machines) : s->machines - 1;
    return true;
}

/* kind:machine@stage+ms=value; "stage+" and "=value" may be missing. */
static int parse_incident(struct schedule *s, const char *at)
{
    struct incident i = {0};
    int kind = take_name(&at, kinds, INCIDENT_COUNT), from;

    if (kind < 0 || s->n == INCIDENTS_MOST || !take_char(&at, ':') ||
        !take_machine(s, &at, &i.machine) || i.machine < 0 || !take_char(&at, '@'))
        return -1;
    i.kind = (enum incident_kind)kind;
    from = take_name(&at, anchors, FROM_COUNT);
    i.from = from < 0 ? FROM_START : (enum anchor)from;
    if ((from >= 0 && !take_char(&at, '+')) || !take_number(&at, &i.at) || i.at < 0)
        return -1;
    if (take_char(&at, '=') && !take_number(&at, &i.value))
        return -1;
    if (*at && *at != ' ')
        return -1;
    s->incidents[s->n++] = i;
    return 0;
}

static int parse_named(struct schedule *s, const char *at)
{
    for (int i = 0; i < NUMBERS; i++) {
        size_t len = strlen(numbers[i].name);
        const char *value = at + len + 1;

        if (strncmp(at, numbers[i].name, len) != 0 || at[len] != '=')
            continue;
        if (!take_number(&value, number_of(s, &numbers[i])) || (*value && *value != ' '))
            return -1;
        return *number_of(s, &numbers[i]) < numbers[i].least ||
                       *number_of(s, &numbers[i]) > numbers[i].most
                   ? -1
                   : 0;
    }
    return -1;
}

static int parse_word(struct schedule *s, const char *at)
{
    if (!strncmp(at, "seed=", 5))
        s->seed = strtoull(at + 5, NULL, 10);
    else if (!strncmp(at, "deaf", 4) && (!at[4] || at[4] == ' '))
        s->abort_is_deaf = true;
    else if (parse_named(s, at) && parse_incident(s, at))
        return -1;
    return 0;
}

int schedule_parse(struct schedule *s, const char *text, const char **wrong)
{
    while (*text) {
        size_t len = strcspn(text, " ");

        *wrong = text;
        if (len && parse_word(s, text))
            return -1;
        text += len + (text[len] == ' ');
    }
    return 0;
}

int schedule_make(struct schedule *s, int machines, const char *text, const char **wrong)
{
    begin(s);
    s->machines = machines;
    return schedule_parse(s, text, wrong);
}

void schedule_print(const struct schedule *s, struct buf *out)
{
    buf_addf(out, "seed=%llu", (unsigned long long)s->seed);
    for (int i = 0; i < NUMBERS; i++)
        buf_addf(out, " %s=%d", numbers[i].name, *number_of((struct schedule *)s, &numbers[i]));
    if (s->abort_is_deaf)
        buf_addf(out, " deaf");
    for (int i = 0; i < s->n; i++)
        buf_addf(out, " %s:%d@%s+%d=%d", kinds[s->incidents[i].kind], s->incidents[i].machine,
                 anchors[s->incidents[i].from], s->incidents[i].at, s->incidents[i].value);
}

/* ---- smaller ---- */

static void drop_incident(struct schedule *s, int which)
{
    memmove(&s->incidents[which], &s->incidents[which + 1],
            (size_t)(s->n - which - 1) * sizeof(s->incidents[0]));
    s->n--;
}

static void have_machines(struct schedule *s, int machines)
{
    s->machines = machines > 0 ? machines : 1;
    s->sleepers = s->sleepers < s->machines ? s->sleepers : s->machines;
    for (int i = 0; i < s->n; i++)
        s->incidents[i].machine %= s->machines;
}

bool schedule_shrink(const struct schedule *s, int number, struct schedule *smaller)
{
    enum { EACH = 3 };
    struct incident *incident;

    *smaller = *s;
    if (number < s->n) {
        drop_incident(smaller, number);
        return true;
    }
    number -= s->n;
    switch (number) {
    case 0: have_machines(smaller, s->machines / 2); return true;
    case 1: have_machines(smaller, s->machines - 1); return true;
    case 2: smaller->restarts = 0; return true;
    case 3: smaller->sleepers = 0; return true;
    case 4: smaller->abort_is_deaf = false; return true;
    case 5: smaller->latency_us = s->latency_us > 200 ? 200 : s->latency_us; return true;
    case 6: smaller->run_ms = s->run_ms / 2; return true;
    case 7: smaller->seed = 1; return true;
    default: break;
    }
    number -= 8;
    if (number >= EACH * s->n)
        return false;
    incident = &smaller->incidents[number / EACH];
    switch (number % EACH) {
    case 0: incident->at /= 2; break;
    case 1: incident->at = incident->at / 100 * 100; break;
    default: incident->machine /= 2; break;
    }
    return true;
}
