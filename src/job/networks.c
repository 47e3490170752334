/* networks: finds and chooses. networks_text has the words. */
#include "job/networks.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "job/networks_text.h"

enum { ALL_MEET = NETWORKS_TARGETS }; /* up to so many machines each tries all others */

bool networks_is_auto(const char *ip_config)
{
    return !strcmp(ip_config, "auto") || !strncmp(ip_config, "auto:", 5);
}

static int parse_range(struct wanted *wanted, const char *text, const char *slash, struct err *err)
{
    char *address = mem_strndup(text, (size_t)(slash - text));
    long prefix = text_number(slash + 1, strlen(slash + 1), 32);
    struct in_addr in;
    bool good = inet_pton(AF_INET, address, &in) == 1 && prefix >= 0;

    free(address);
    if (!good)
        return err_set(err, EXIT_USAGE, "--ip_config auto:%.64s: not a network such as 10.0.0.0/8",
                       text);
    wanted->by_range = true;
    wanted->address = ntohl(in.s_addr);
    wanted->prefix = (int)prefix;
    return 0;
}

int networks_parse(struct wanted *wanted, const char *ip_config, struct err *err)
{
    const char *text = ip_config[4] ? ip_config + 5 : NULL;
    const char *slash = text ? strchr(text, '/') : NULL;

    *wanted = (struct wanted){0};
    if (!text)
        return 0;
    if (slash)
        return parse_range(wanted, text, slash, err);
    if (!*text || strlen(text) >= sizeof(wanted->interface) || strspn(text, "0123456789.") > 3)
        return err_set(err, EXIT_USAGE,
                       "--ip_config auto:%.64s: neither an interface such as eth0 nor a network "
                       "such as 10.0.0.0/8; './auto:NAME' is a file",
                       text);
    snprintf(wanted->interface, sizeof(wanted->interface), "%s", text);
    return 0;
}

/* ---- what there is ---- */

static uint32_t mask_of(int prefix)
{
    return prefix ? UINT32_MAX << (32 - prefix) : 0;
}

/* By name where there is one, else by range. */
static bool fits(const struct wanted *like, const struct link *link)
{
    uint32_t mask = mask_of(like->prefix);

    if (like->interface[0])
        return !strncmp(like->interface, link->name, sizeof(link->name));
    return (link->address & mask) == (like->address & mask);
}

/* Which link of the site; -1: none. */
static int8_t find_link(const struct site *site, const struct wanted *like, bool any)
{
    for (int i = 0; i < site->n && i < SITE_LINKS; i++)
        if (!site->links[i].down && (any || !site->links[i].unfit) && fits(like, &site->links[i]))
            return (int8_t)i;
    return -1;
}

int networks_find_link(const struct site *site, const struct wanted *wanted)
{
    return wanted->interface[0] || wanted->by_range ? find_link(site, wanted, true) : -1;
}

const struct link *networks_link(const struct networks *networks, int network, size_t machine)
{
    return &networks->machines->sites[machine]->links[networks->items[network].link[machine]];
}

const struct link *networks_link_like(const struct networks *networks, int network,
                                      const struct site *site)
{
    const struct link *first = networks_link(networks, network, 0);
    struct wanted like = {.by_range = true, .address = first->address, .prefix = first->prefix};
    int8_t link = find_link(site, &like, true);

    if (link < 0) {
        memcpy(like.interface, first->name, sizeof(like.interface));
        link = find_link(site, &like, true);
    }
    return link < 0 ? NULL : &site->links[link];
}

static int by_number(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

    return a < b ? -1 : a > b;
}

/* Docker's bridge, for one, has the same address on each machine. */
static bool are_distinct(const struct networks *networks, int network)
{
    size_t n = networks->machines->n;
    uint32_t *addresses = mem_calloc(n, sizeof(*addresses));
    bool distinct = true;

    for (size_t m = 0; m < n; m++)
        addresses[m] = networks_link(networks, network, m)->address;
    qsort(addresses, n, sizeof(*addresses), by_number);
    for (size_t m = 1; m < n; m++)
        distinct &= addresses[m] != addresses[m - 1];
    free(addresses);
    return distinct;
}

static uint32_t slowest(const struct networks *networks, int network)
{
    uint32_t speed = UINT32_MAX;

    for (size_t m = 0; m < networks->machines->n; m++) {
        const struct link *link = networks_link(networks, network, m);

        if (link->speed < speed)
            speed = link->speed;
    }
    return speed;
}

static bool is_known(const struct networks *networks, const struct network *new)
{
    for (int i = 0; i < networks->n; i++)
        if (!memcmp(networks->items[i].link, new->link, networks->machines->n))
            return true;
    return false;
}

/* Puts the last one before those that are slower. */
static void put_in_order(struct networks *networks)
{
    struct network new = networks->items[networks->n - 1];
    int i = networks->n - 1;

    for (; i > 0 && networks->items[i - 1].speed < new.speed; i--)
        networks->items[i] = networks->items[i - 1];
    networks->items[i] = new;
}

/* Adds what is like that on all machines, if it is a network. any: also what is unfit. Returns the
 * first machine that has nothing like that, or -1. */
static int add(struct networks *networks, const struct wanted *like, const char *name, bool any)
{
    const struct machines *machines = networks->machines;
    struct network *new = &networks->items[networks->n];
    int lacking = -1;

    if (networks->n == NETWORKS_MAX)
        return -1;
    *new = (struct network){.link = mem_calloc(machines->n, sizeof(*new->link))};
    snprintf(new->name, sizeof(new->name), "%s", name);
    for (size_t m = 0; m < machines->n && lacking < 0; m++) {
        new->link[m] = find_link(machines->sites[m], like, any);
        if (new->link[m] < 0)
            lacking = (int)m;
    }
    if (lacking >= 0 || is_known(networks, new) || !are_distinct(networks, networks->n)) {
        free(new->link);
        return lacking;
    }
    new->speed = slowest(networks, networks->n);
    networks->n++;
    put_in_order(networks);
    return -1;
}

/* All machines have each network that joins them, so that those of the first are enough. */
static void add_all(struct networks *networks, bool any)
{
    const struct site *first = networks->machines->sites[0];

    for (int i = 0; i < first->n && i < SITE_LINKS; i++) {
        const struct link *link = &first->links[i];
        struct wanted like = {.address = link->address & mask_of(link->prefix),
                              .prefix = link->prefix};
        char name[24];

        if (link->down || (link->unfit && !any))
            continue;
        add(networks, &like, networks_range(name, like.address, like.prefix), any);
        memcpy(like.interface, link->name, sizeof(like.interface));
        add(networks, &like, link->name, any);
    }
}

int networks_find(struct networks *networks, const struct machines *machines,
                  const struct wanted *wanted, struct err *err)
{
    char name[24];
    int lacking;

    *networks = (struct networks){.machines = machines};
    if (wanted->interface[0] || wanted->by_range) {
        networks_range(name, wanted->address, wanted->prefix);
        lacking = add(networks, wanted, wanted->by_range ? name : wanted->interface, true);
        if (lacking >= 0)
            return networks_fail_wanted(machines, wanted, lacking, err);
    } else {
        add_all(networks, false);
        if (!networks->n && machines->n == 1)
            add_all(networks, true);
    }
    return networks->n ? 0 : networks_fail_all(machines, "", err);
}

void networks_free(struct networks *networks)
{
    for (int i = 0; i < networks->n; i++)
        free(networks->items[i].link);
    *networks = (struct networks){0};
}

/* ---- what reaches what ---- */

int networks_targets(size_t machines, size_t own, size_t targets[NETWORKS_TARGETS])
{
    int n = 0;

    if (machines <= ALL_MEET) {
        for (size_t m = 0; m < machines; m++)
            if (m != own)
                targets[n++] = m;
        return n;
    }
    for (size_t far = 1; far < machines && n < NETWORKS_TARGETS; far *= 2)
        targets[n++] = (own + far) % machines;
    return n;
}

/* The first machine that has not reached another; -1: all have. */
static int find_cut(const struct networks *networks, const struct verdict *verdicts, int network)
{
    for (size_t m = 0; verdicts && m < networks->machines->n; m++)
        if (verdicts[m].failed[network])
            return (int)m;
    return -1;
}

int networks_choose(const struct networks *networks, const struct verdict *verdicts,
                    struct buf *why, struct err *err)
{
    struct buf cuts = {0};
    int chosen = -1, rc = -1;

    for (int i = 0; i < networks->n && chosen < 0; i++) {
        int machine = find_cut(networks, verdicts, i);

        if (machine < 0)
            chosen = i;
        else
            networks_add_cut(&cuts, networks, i, machine, &verdicts[machine]);
    }
    buf_add(&cuts, "", 1);
    if (chosen >= 0)
        networks_add_choice(why, networks, chosen, cuts.data);
    else
        rc = networks_fail_all(networks->machines, cuts.data, err);
    buf_free(&cuts);
    return chosen >= 0 ? chosen : rc;
}
