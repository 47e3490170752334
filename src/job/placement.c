/* placement: finds for each rank its line of ip_config, by address. Only placement_look asks the
 * machine; the election is pure.
 */
#include "job/placement.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "job/interfaces.h"

enum { SHOWN_MAX = 8, SHOWN_ADDRESSES = 3 };

static int find_line(const struct hosts *hosts, uint32_t address)
{
    for (size_t i = 0; i < hosts->n; i++)
        if (hosts->items[i].address == address)
            return (int)i;
    return -1;
}

static bool is_loopback(uint32_t address)
{
    return address >> 24 == 127;
}

static void note_primary(struct seat *seat, const struct interface *interface, int line, int spare)
{
    if (!is_loopback(interface->address) && seat->n_addresses < PLACEMENT_ADDRESSES)
        seat->addresses[seat->n_addresses++] = interface->address;
    if (line < 0 && spare >= 0 && seat->line < 0 && seat->spare < 0 && !interface->down) {
        seat->spare = spare;
        memcpy(seat->interface, interface->name, sizeof(seat->interface));
    }
    if (line < 0)
        return;
    if (seat->line < 0) {
        seat->line = line;
        seat->is_down = interface->down;
        memcpy(seat->interface, interface->name, sizeof(seat->interface));
    } else if (seat->line != line && seat->other_line < 0) {
        seat->other_line = line;
    }
}

void placement_look(struct seat *seat, const struct hosts *hosts, const struct hosts *spares)
{
    size_t n;
    struct interface *interfaces = interfaces_list(&n);

    memset(seat, 0, sizeof(*seat));
    seat->line = seat->other_line = seat->by_secondary = seat->spare = -1;
    if (gethostname(seat->host, sizeof(seat->host)))
        memcpy(seat->host, "?", 2);
    for (size_t i = 0; i < n; i++) {
        int line = find_line(hosts, interfaces[i].address);

        if (interfaces[i].primary)
            note_primary(seat, &interfaces[i], line, find_line(spares, interfaces[i].address));
        else if (seat->by_secondary < 0)
            seat->by_secondary = line;
    }
    free(interfaces);
}

struct seat placement_moved(const struct seat *seat, int line)
{
    struct seat moved = *seat;

    moved.line = line;
    moved.spare = -1;
    return moved;
}

static void add_line(struct buf *text, const struct host *host)
{
    buf_addf(text, "line %d (%s)", host->line, host->ip);
}

static void add_seat(struct buf *text, const struct seat *seat, size_t rank)
{
    int n = seat->n_addresses;

    buf_addf(text, "rank %zu on %.64s (", rank, seat->host);
    if (n <= 0)
        buf_addf(text, "no IPv4 address");
    for (int i = 0; i < n && i < PLACEMENT_ADDRESSES && i < SHOWN_ADDRESSES; i++) {
        uint32_t a = seat->addresses[i];

        buf_addf(text, "%s%u.%u.%u.%u", i ? " " : "", a >> 24, a >> 16 & 255, a >> 8 & 255,
                 a & 255);
    }
    buf_addf(text, n > SHOWN_ADDRESSES ? " ...)" : ")");
}

/* "A, B and N more". The caller adds the next entry where list_wants is true. */
struct list {
    struct buf text;
    int n;
};

static bool list_wants(struct list *list)
{
    if (list->n++ >= SHOWN_MAX)
        return false;
    if (list->text.len)
        buf_addf(&list->text, ", ");
    return true;
}

static void list_end(struct list *list)
{
    if (!list->n)
        buf_addf(&list->text, "none");
    if (list->n > SHOWN_MAX)
        buf_addf(&list->text, " and %d more", list->n - SHOWN_MAX);
}

/* Names both lists, since a typing error in ip_config shows in both. */
static int fail_unmatched(const struct hosts *hosts, const struct seat *seats, size_t n,
                          const bool *owned, const char *remedy, struct err *err)
{
    struct list lines = {0}, ranks = {0};

    for (size_t i = 0; i < hosts->n; i++)
        if (!owned[i] && list_wants(&lines))
            add_line(&lines.text, &hosts->items[i]);
    for (size_t r = 0; r < n; r++)
        if (seats[r].line < 0 && list_wants(&ranks))
            add_seat(&ranks.text, &seats[r], r);
    list_end(&lines);
    list_end(&ranks);
    err_set(err, EXIT_USAGE,
            "ip_config and the ranks do not match\n"
            "  lines without a rank: %.*s\n"
            "  ranks without a line: %.*s\n"
            "%s%s",
            (int)lines.text.len, lines.text.data, (int)ranks.text.len, ranks.text.data, remedy,
            lines.n ? "" : "; or let the ranks without a line stay idle by --spare");
    buf_free(&lines.text);
    buf_free(&ranks.text);
    return -1;
}

/* Refuses what is wrong with one rank alone. */
static int check_seat(const struct hosts *hosts, const struct seat *seat, size_t rank,
                      struct err *err)
{
    int count = (int)hosts->n;
    int other = seat->other_line >= 0 ? seat->other_line : seat->by_secondary;

    if (seat->line >= count || seat->other_line >= count || seat->by_secondary >= count)
        return err_set(err, EXIT_LAUNCHER, "rank %zu tells of a line that ip_config has not", rank);
    if (seat->line >= 0 && other >= 0) {
        const struct host *a = &hosts->items[seat->line], *b = &hosts->items[other];

        return err_set(err, EXIT_USAGE,
                       "line %d (%s) and line %d (%s) of ip_config are both the machine '%.64s'; "
                       "leave one address of each machine",
                       a->line, a->ip, b->line, b->ip, seat->host);
    }
    if (seat->line >= 0 && seat->is_down) {
        const struct host *a = &hosts->items[seat->line];

        return err_set(err, EXIT_USAGE,
                       "line %d (%s) of ip_config is the address of '%.15s' on '%.64s', an "
                       "interface that is down; 'ip link set %.15s up', or use another address",
                       a->line, a->ip, seat->interface, seat->host, seat->interface);
    }
    if (seat->line < 0 && seat->by_secondary >= 0) {
        const struct host *a = &hosts->items[seat->by_secondary];

        return err_set(err, EXIT_USAGE,
                       "line %d (%s) of ip_config is only a secondary address of an interface of "
                       "'%.64s', which DGL does not see; use the interface's primary address",
                       a->line, a->ip, seat->host);
    }
    return 0;
}

static int fail_shared(const struct host *host, const struct seat *a, const struct seat *b,
                       struct err *err)
{
    return err_set(err, EXIT_USAGE,
                   "line %d (%s) of ip_config is an address of both '%.64s' and '%.64s'; use "
                   "addresses that one machine alone has",
                   host->line, host->ip, a->host, b->host);
}

/* Rank 0 leads the job, so that it cannot be one that stays idle. */
static int check_first(const struct seat *seats, struct err *err)
{
    if (seats[0].line >= 0)
        return 0;
    return err_set(err, EXIT_USAGE,
                   "rank 0, on %.64s, leads the job and cannot stay idle (--spare); start the "
                   "first rank on a machine of ip_config",
                   seats[0].host);
}

int placement_elect(const struct hosts *hosts, const struct seat *seats, size_t n, bool spare,
                    const char *remedy, int *machine_of, struct err *err)
{
    const struct seat **first = mem_calloc(hosts->n, sizeof(*first)); /* of each line */
    bool *owned = mem_calloc(hosts->n, sizeof(*owned));
    size_t n_owned = 0;
    bool stray = false;
    int rc = 0;

    for (size_t r = 0; r < n && !rc; r++) {
        int line = seats[r].line;

        machine_of[r] = -1;
        rc = check_seat(hosts, &seats[r], r, err);
        if (rc || line < 0) {
            stray = true;
        } else if (!owned[line]) {
            owned[line] = true;
            first[line] = &seats[r];
            machine_of[r] = line;
            n_owned++;
        } else if (strncmp(first[line]->host, seats[r].host, sizeof(seats[r].host))) {
            rc = fail_shared(&hosts->items[line], first[line], &seats[r], err);
        }
    }
    if (!rc && ((stray && !spare) || n_owned < hosts->n))
        rc = fail_unmatched(hosts, seats, n, owned, remedy, err);
    else if (!rc)
        rc = check_first(seats, err);
    free(first);
    free(owned);
    return rc;
}
