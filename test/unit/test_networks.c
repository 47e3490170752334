/* test_networks: which ranks are on one machine, in which order, and which network they use; and
 * ports that are held. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "coord/ports.h"
#include "job/networks.h"
#include "job/site.h"

#include "unit.h"

enum { MANY = 40 };

static struct site sites[MANY];
static struct machines machines;
static struct networks networks;
static struct verdict verdicts[MANY];
static struct err err;

static struct link *add_link(struct site *site, const char *name, uint32_t address, int prefix,
                             uint32_t speed)
{
    struct link *link = &site->links[site->n++];

    snprintf(link->name, sizeof(link->name), "%s", name);
    link->address = address;
    link->prefix = (uint8_t)prefix;
    link->speed = speed;
    link->unfit = address >> 24 == 127 || site_is_unfit(name);
    return link;
}

/* Loopback, Docker's bridge, eth0 of 1 Gbit/s, and ib0 of 100 Gbit/s; one rank each. */
static void make_sites(int n)
{
    memset(sites, 0, sizeof(sites));
    memset(verdicts, 0, sizeof(verdicts));
    for (int i = 0; i < n; i++) {
        struct site *site = &sites[i];

        snprintf(site->host, sizeof(site->host), "n%d", i);
        site->boot = 1;
        site->net = (uint64_t)i;
        add_link(site, "lo", 0x7f000001, 8, 0);
        add_link(site, "docker0", 0xac110001, 16, 10000);
        add_link(site, "eth0", 0x0a000001 + (uint32_t)i, 24, 1000);
        add_link(site, "ib0", 0x0a010001 + (uint32_t)i, 24, 100000);
    }
    machines_find(&machines, sites, (size_t)n);
}

static int find(const char *ip_config)
{
    struct wanted wanted;

    err = (struct err){0};
    networks_free(&networks);
    if (networks_parse(&wanted, ip_config, &err))
        return -1;
    return networks_find(&networks, &machines, &wanted, &err);
}

/* Returns the interface's name that is chosen; "": none. */
static const char *choose(struct buf *why)
{
    int chosen = networks_choose(&networks, verdicts, why, &err);

    buf_add(why, "", 1);
    return chosen < 0 ? "" : networks_link(&networks, chosen, 0)->name;
}

static void tear_down(void)
{
    networks_free(&networks);
    machines_free(&machines);
}

#define IN(what, text) ck_assert_msg(strstr(text, what), "'%s' is not in: %s", what, text)

START_TEST(the_fastest)
{
    struct buf why = {0};

    make_sites(3);
    ck_assert_int_eq(find("auto"), 0);
    ck_assert_int_eq(networks.n, 2); /* by name they are the same ones */
    ck_assert_str_eq(choose(&why), "ib0");
    IN("takes 10.1.0.0/24 (ib0, 100000 Mbit/s), of 2 networks the fastest of all 3", why.data);
    buf_free(&why);
}
END_TEST

START_TEST(a_spare_machine)
{
    struct site other = {0};

    make_sites(3);
    machines.n = 2;
    machines.n_spare = 1;
    ck_assert_int_eq(find("auto"), 0);
    ck_assert_uint_eq(networks_link_like(&networks, 0, machines.sites[2])->address, 0x0a010003);
    ck_assert_ptr_null(networks_link_like(&networks, 0, &other));
    add_link(&other, "eth7", 0x0a010009, 24, 1000); /* of the same subnet */
    ck_assert_uint_eq(networks_link_like(&networks, 0, &other)->address, 0x0a010009);
    other.n = 0;
    add_link(&other, "ib0", 0x0a020001, 24, 1000); /* of another one */
    ck_assert_uint_eq(networks_link_like(&networks, 0, &other)->address, 0x0a020001);
    other.links[0].down = 1;
    ck_assert_ptr_null(networks_link_like(&networks, 0, &other));
}
END_TEST

START_TEST(the_fastest_that_is_whole)
{
    struct buf why = {0};

    make_sites(3);
    ck_assert_int_eq(find("auto"), 0);
    verdicts[1].failed[0] = 2;
    verdicts[1].first[0] = 2;
    verdicts[1].error[0] = 110;
    ck_assert_str_eq(choose(&why), "eth0");
    IN("takes 10.0.0.0/24 (eth0, 1000 Mbit/s)", why.data);
    IN("\n  not 10.1.0.0/24 (ib0, 100000 Mbit/s): n1 does not reach n2 and 1 more there", why.data);
    buf_free(&why);
    verdicts[0].failed[1] = 1;
    verdicts[0].first[1] = 1;
    ck_assert_str_eq(choose(&why), "");
    ck_assert_int_eq(err.code, EXIT_USAGE);
    IN("no network on which all 3 machines reach each other\n  not 10.1", err.text);
    IN("\n  not 10.0.0.0/24 (eth0, 1000 Mbit/s): n0 does not reach n1 there", err.text);
    IN("\n  n2: lo 127.0.0.1/8 (of this machine alone), docker0 172.17.0.1/16 (of", err.text);
    IN("auto:INTERFACE", err.text);
    buf_free(&why);
}
END_TEST

START_TEST(a_slow_machine_makes_a_network_slow)
{
    struct buf why = {0};

    make_sites(3);
    sites[1].links[3].speed = 0;
    ck_assert_int_eq(find("auto"), 0);
    ck_assert_str_eq(choose(&why), "eth0");
    buf_free(&why);
}
END_TEST

START_TEST(other_names_of_one_subnet)
{
    struct buf why = {0};

    make_sites(2);
    snprintf(sites[1].links[3].name, sizeof(sites[1].links[3].name), "ib1");
    ck_assert_int_eq(find("auto"), 0);
    ck_assert_str_eq(choose(&why), "ib0");
    IN("(ib0 on n0, ib1 on n1, 100000", why.data);
    buf_free(&why);
    networks_free(&networks);
    sites[1].links[2].address = 0x0a000901; /* another subnet, the same name */
    sites[1].links[3].down = 1;
    ck_assert_int_eq(find("auto"), 0);
    ck_assert_str_eq(choose(&why), "eth0");
    IN("takes eth0 (eth0, 1000 Mbit/s), the only network", why.data);
    buf_free(&why);
}
END_TEST

START_TEST(wishes)
{
    struct buf why = {0};

    make_sites(2);
    ck_assert_int_eq(find("auto:eth0"), 0);
    ck_assert_str_eq(choose(&why), "eth0");
    buf_free(&why);
    networks_free(&networks);
    ck_assert_int_eq(find("auto:10.1.0.0/16"), 0);
    ck_assert_str_eq(choose(&why), "ib0");
    buf_free(&why);
    ck_assert_int_eq(find("auto:eth1"), -1);
    IN("n0 has no interface 'eth1' that is up", err.text);
    IN("eth0 10.0.0.1/24", err.text);
    ck_assert_int_eq(find("auto:192.168.0.0/16"), -1);
    IN("no interface of n0 that is up has an address in 192.168.0.0/16", err.text);
    ck_assert_int_eq(find("auto:docker0"), -1); /* one address on both */
    IN("there is no network", err.text);
}
END_TEST

static const char *const no_wishes[] = {"auto:",           "auto:10.0.0.1", "auto:10.0.0.0/33",
                                        "auto:10.0.0/8",   "auto:/",        "auto:a-very-long-name",
                                        "auto:10.0.0.0/8x"};

START_TEST(no_wish)
{
    make_sites(1);
    ck_assert_int_eq(find(no_wishes[_i]), -1);
    ck_assert_int_eq(err.code, EXIT_USAGE);
}
END_TEST

START_TEST(a_single_machine)
{
    struct buf why = {0};

    make_sites(1);
    ck_assert_int_eq(find("auto"), 0);
    ck_assert_str_eq(choose(&why), "ib0");
    buf_free(&why);
    networks_free(&networks);
    sites[0].n = 1; /* loopback alone */
    ck_assert_int_eq(find("auto"), 0);
    ck_assert_str_eq(choose(&why), "lo");
    buf_free(&why);
}
END_TEST

START_TEST(who_tries_whom)
{
    size_t targets[NETWORKS_TARGETS];

    ck_assert_int_eq(networks_targets(1, 0, targets), 0);
    ck_assert_int_eq(networks_targets(3, 1, targets), 2);
    ck_assert_uint_eq(targets[1], 2);
    ck_assert_int_eq(networks_targets(17, 5, targets), 16);
    ck_assert_int_eq(networks_targets(18, 17, targets), 5);
    ck_assert_uint_eq(targets[4], 15);
    ck_assert_int_eq(networks_targets(65536, 0, targets), 16);
}
END_TEST

START_TEST(ranks_of_a_machine)
{
    make_sites(6);
    machines_free(&machines);
    sites[3] = sites[1];
    sites[4] = sites[0];
    sites[5] = sites[0];
    sites[5].boot = 2; /* the same name on another kernel */
    machines_find(&machines, sites, 6);
    ck_assert_uint_eq(machines.n, 4);
    ck_assert_int_eq(machines.ranks[0], 0);
    ck_assert_int_eq(machines.ranks[2], 2);
    ck_assert_int_eq(machines.ranks[3], 5);
}
END_TEST

#define ORDER(names, lack) machines_order(&machines, names, lack, &err)

START_TEST(orders)
{
    make_sites(3);
    ck_assert_int_eq(ORDER(" n2,n0\tn1, ", false), 0);
    ck_assert_int_eq(machines.ranks[0], 2);
    ck_assert_int_eq(machines.ranks[1], 0);
    ck_assert_int_eq(machines.ranks[2], 1);
    ck_assert_str_eq(machines.sites[0]->host, "n2");
    ck_assert_int_eq(ORDER("n1", true), 0);
    ck_assert_int_eq(machines.ranks[0], 1);
    ck_assert_int_eq(ORDER("n1", false), -1);
    IN("names 1 of 3 machines", err.text);
    ck_assert_int_eq(ORDER("n1,n1,n0", true), -1);
    IN("'n1' stands in the list twice", err.text);
    ck_assert_int_eq(ORDER("n1,n", true), -1);
    IN("calls itself 'n'; there are n", err.text);
    memcpy(sites[2].host, "n1", 3);
    ck_assert_int_eq(ORDER("n1", true), -1);
    IN("several machines call themselves 'n1'", err.text);
}
END_TEST

START_TEST(this_machine)
{
    struct site site;

    make_sites(1);
    site_look(&site);
    ck_assert(site.boot && site.net && site.n > 0);
    ck_assert_int_eq(site_compare(&site, &site), 0);
}
END_TEST

START_TEST(ports)
{
    struct ports own = {0}, other = {0};
    int base = ports_next(&own, 30050, 3);

    make_sites(1);
    ck_assert_int_gt(base, 0);
    ck_assert(ports_take(&own, base, 3) && ports_take(&own, base, 3));
    ck_assert(!ports_take(&other, base + 2, 1)); /* another job's */
    ck_assert_int_gt(ports_next(&other, base, 1), base + 2);
    ck_assert_int_eq(other.n, 0);
    ports_release(&own);
    ck_assert(ports_take(&other, base + 2, 1));
    ck_assert_int_eq(ports_next(&own, 65535, 2), 0);
    ck_assert(!ports_take(&own, 65535, 2));
    ports_release(&other);
}
END_TEST

UNIT_MAIN_WITH("networks", NULL, tear_down, UNIT(the_fastest), UNIT(a_spare_machine),
               UNIT(the_fastest_that_is_whole), UNIT(a_slow_machine_makes_a_network_slow),
               UNIT(other_names_of_one_subnet), UNIT(wishes), UNIT_EACH(no_wish, no_wishes),
               UNIT(a_single_machine), UNIT(who_tries_whom), UNIT(ranks_of_a_machine), UNIT(orders),
               UNIT(this_machine), UNIT(ports))
