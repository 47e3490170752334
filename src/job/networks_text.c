/* networks_text: see the header. Long lists are cut. */
#include "job/networks_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN_MACHINES = 8, SHOWN_LINKS = 6 };

char *networks_range(char text[24], uint32_t address, int prefix)
{
    snprintf(text, 24, "%u.%u.%u.%u/%d", address >> 24, address >> 16 & 255, address >> 8 & 255,
             address & 255, prefix);
    return text;
}

static void add_link(struct buf *text, const struct link *link)
{
    char range[24];

    buf_addf(text, "%.15s %s", link->name, networks_range(range, link->address, link->prefix));
    if (link->down)
        buf_addf(text, " (down)");
    else if (link->unfit)
        buf_addf(text, " (of this machine alone)");
}

void networks_add_site(struct buf *text, const struct site *site)
{
    if (!site->n)
        buf_addf(text, "no interface with an IPv4 address");
    for (int i = 0; i < site->n && i < SHOWN_LINKS; i++) {
        buf_addf(text, "%s", i ? ", " : "");
        add_link(text, &site->links[i]);
    }
    if (site->n > SHOWN_LINKS)
        buf_addf(text, " and %d more", site->n - SHOWN_LINKS);
}

int networks_fail_wanted(const struct machines *machines, const struct wanted *wanted, int machine,
                         struct err *err)
{
    const struct site *site = machines->sites[machine];
    struct buf there = {0};
    char range[24];

    networks_add_site(&there, site);
    if (wanted->by_range)
        err_set(err, EXIT_USAGE,
                "--ip_config auto: no interface of %.64s that is up has an address in %s; it has "
                "%.*s",
                site->host, networks_range(range, wanted->address, wanted->prefix), (int)there.len,
                there.data);
    else
        err_set(err, EXIT_USAGE,
                "--ip_config auto: %.64s has no interface '%s' that is up and has an IPv4 address; "
                "it has %.*s",
                site->host, wanted->interface, (int)there.len, there.data);
    buf_free(&there);
    return -1;
}

int networks_fail_all(const struct machines *machines, const char *cuts, struct err *err)
{
    struct buf table = {0};

    for (size_t m = 0; m < machines->n && m < SHOWN_MACHINES; m++) {
        buf_addf(&table, "  %.64s: ", machines->sites[m]->host);
        networks_add_site(&table, machines->sites[m]);
        buf_addf(&table, "\n");
    }
    if (machines->n > SHOWN_MACHINES)
        buf_addf(&table, "  and %zu machines more\n", machines->n - SHOWN_MACHINES);
    err_set(err, EXIT_USAGE,
            "--ip_config auto: there is no network on which all %zu machines reach each other\n"
            "%s%.*s"
            "name one by --ip_config auto:INTERFACE or auto:NETWORK, or write a file of addresses",
            machines->n, cuts, (int)table.len, table.data);
    buf_free(&table);
    return -1;
}

static void add_names(struct buf *text, const struct networks *networks, int network)
{
    const char *first = networks_link(networks, network, 0)->name;

    for (size_t m = 1; m < networks->machines->n; m++) {
        const struct link *link = networks_link(networks, network, m);

        if (strncmp(first, link->name, sizeof(link->name)) != 0) {
            buf_addf(text, "%.15s on %.64s, %.15s on %.64s", first,
                     networks->machines->sites[0]->host, link->name,
                     networks->machines->sites[m]->host);
            return;
        }
    }
    buf_addf(text, "%.15s", first);
}

/* "10.77.0.0/24 (eth0, 10000 Mbit/s)". */
static void add_network(struct buf *text, const struct networks *networks, int network)
{
    const struct network *it = &networks->items[network];

    buf_addf(text, "%s (", it->name);
    add_names(text, networks, network);
    if (it->speed)
        buf_addf(text, ", %u Mbit/s)", it->speed);
    else
        buf_addf(text, ", speed not known)");
}

void networks_add_cut(struct buf *cuts, const struct networks *networks, int network, int machine,
                      const struct verdict *verdict)
{
    const struct machines *machines = networks->machines;
    int first = verdict->first[network], error = verdict->error[network];
    bool known = first >= 0 && (size_t)first < machines->n;

    buf_addf(cuts, "  not ");
    add_network(cuts, networks, network);
    buf_addf(cuts, ": %.64s does not reach %.64s", machines->sites[machine]->host,
             known ? machines->sites[first]->host : "?");
    if (verdict->failed[network] > 1)
        buf_addf(cuts, " and %d more", verdict->failed[network] - 1);
    buf_addf(cuts, " there: %s\n", strerror(error));
}

void networks_add_choice(struct buf *why, const struct networks *networks, int network,
                         const char *cuts)
{
    size_t machines = networks->machines->n;

    buf_addf(why, "--ip_config auto takes ");
    add_network(why, networks, network);
    if (networks->n == 1)
        buf_addf(why, ", the only network of ");
    else
        buf_addf(why, ", of %d networks the fastest of ", networks->n);
    if (machines == 1)
        buf_addf(why, "this machine");
    else
        buf_addf(why, "all %zu machines%s", machines,
                 *cuts ? " on which they reach each other" : "; they reach each other there");
    if (*cuts)
        buf_addf(why, "\n%.*s", (int)strlen(cuts) - 1, cuts);
}
