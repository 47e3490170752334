/* test_placement: the election, with seats made by hand, and a look at this machine. */
#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "job/placement.h"

#include "unit.h"

static struct hosts hosts;
static struct err err;
static int machine_of[64];

static void set_up(void)
{
    static const char text[] = "10.0.0.1\n10.0.0.2\n10.0.0.3\n";

    ck_assert_int_eq(hosts_parse(&hosts, "f", text, sizeof(text) - 1, 1, &err), 0);
}

static void tear_down(void)
{
    hosts_free(&hosts);
}

static struct seat sit(const char *host, int line)
{
    struct seat seat = {.line = line,
                        .other_line = -1,
                        .by_secondary = -1,
                        .spare = -1,
                        .cpus = 4,
                        .n_addresses = 1};

    snprintf(seat.host, sizeof(seat.host), "%s", host);
    seat.addresses[0] = line < 0 ? 0xc0a80007 : hosts.items[line].address;
    return seat;
}

static int elect(const struct seat *seats, size_t n, const char *remedy)
{
    err = (struct err){0};
    return placement_elect(&hosts, seats, n, false, remedy, machine_of, &err);
}

START_TEST(another_order)
{
    struct seat seats[] = {sit("c", 2), sit("a", 0), sit("b", 1)};

    ck_assert_int_eq(elect(seats, 3, "do this"), 0);
    ck_assert_int_eq(machine_of[0], 2);
    ck_assert_int_eq(machine_of[1], 0);
    ck_assert_int_eq(machine_of[2], 1);
}
END_TEST

START_TEST(several_a_machine)
{
    struct seat seats[] = {sit("b", 1), sit("b", 1), sit("a", 0), sit("c", 2), sit("a", 0)};

    ck_assert_int_eq(elect(seats, 5, "do this"), 0);
    ck_assert_int_eq(machine_of[0], 1);
    ck_assert_int_eq(machine_of[1], -1);
    ck_assert_int_eq(machine_of[2], 0);
    ck_assert_int_eq(machine_of[3], 2);
    ck_assert_int_eq(machine_of[4], -1);
}
END_TEST

#define SAYS(what) ck_assert_msg(strstr(err.text, what), "'%s' is not in: %s", what, err.text)

START_TEST(spare)
{
    struct seat seats[] = {sit("a", 0), sit("x", -1), sit("b", 1), sit("c", 2)};

    ck_assert_int_eq(elect(seats, 4, "mpirun"), -1);
    SAYS("stay idle by --spare");
    ck_assert_int_eq(placement_elect(&hosts, seats, 4, true, "mpirun", machine_of, &err), 0);
    ck_assert_int_eq(machine_of[1], -1);
    ck_assert_int_eq(machine_of[3], 2);
    ck_assert_int_eq(placement_elect(&hosts, seats, 3, true, "mpirun", machine_of, &err), -1);
    SAYS("lines without a rank: line 3");
    seats[0] = sit("x", -1);
    seats[1] = sit("a", 0);
    ck_assert_int_eq(placement_elect(&hosts, seats, 4, true, "mpirun", machine_of, &err), -1);
    SAYS("rank 0, on x, leads the job");
}
END_TEST

START_TEST(both_lists)
{
    struct seat seats[] = {sit("a", 0), sit("b", 1), sit("x", -1)};

    ck_assert_int_eq(elect(seats, 3, "do this"), -1);
    ck_assert_int_eq(err.code, EXIT_USAGE);
    SAYS("lines without a rank: line 3 (10.0.0.3)\n");
    SAYS("ranks without a line: rank 2 on x (192.168.0.7)\n");
    SAYS("\ndo this");
    ck_assert_int_eq(elect(seats, 2, "do this"), -1);
    SAYS("ranks without a line: none\n");
}
END_TEST

START_TEST(long_lists)
{
    struct seat seats[64];

    for (int i = 0; i < 64; i++) {
        seats[i] = sit("a-host-name-of-the-greatest-length-that-linux-allows-0123456789", -1);
        seats[i].n_addresses = PLACEMENT_ADDRESSES;
    }
    ck_assert_int_eq(elect(seats, 64, "do this"), -1);
    SAYS("rank 7 on ");
    SAYS(" and 56 more\n");
    ck_assert_ptr_null(strstr(err.text, "rank 8 on "));
    SAYS(" more\ndo this");
}
END_TEST

START_TEST(two_lines_on_one_machine)
{
    struct seat seats[] = {sit("a", 0), sit("b", 1)};

    seats[0].other_line = 2;
    ck_assert_int_eq(elect(seats, 2, "do this"), -1);
    SAYS("line 1 (10.0.0.1) and line 3 (10.0.0.3) of ip_config are both the machine 'a'");
    seats[0].other_line = -1;
    seats[0].by_secondary = 2;
    ck_assert_int_eq(elect(seats, 2, "do this"), -1);
    SAYS("are both the machine 'a'");
}
END_TEST

START_TEST(secondary_address)
{
    struct seat seats[] = {sit("a", 0), sit("b", -1)};

    seats[1].by_secondary = 1;
    ck_assert_int_eq(elect(seats, 2, "do this"), -1);
    SAYS("line 2 (10.0.0.2) of ip_config is only a secondary address");
}
END_TEST

START_TEST(one_address_on_two_machines)
{
    struct seat seats[] = {sit("a", 0), sit("b", 0), sit("c", 1), sit("d", 2)};

    ck_assert_int_eq(elect(seats, 4, "do this"), -1);
    SAYS("is an address of both 'a' and 'b'");
}
END_TEST

START_TEST(impossible_line)
{
    struct seat seats[] = {sit("a", 0)};

    seats[0].line = 3;
    ck_assert_int_eq(elect(seats, 1, ""), -1);
    ck_assert_int_eq(err.code, EXIT_LAUNCHER);
}
END_TEST

START_TEST(look)
{
    static const char text[] = "10.255.255.1\n127.0.0.1\n";
    struct hosts local;
    struct seat seat;

    ck_assert_int_eq(hosts_parse(&local, "f", text, sizeof(text) - 1, 1, &err), 0);
    placement_look(&seat, &local, &(struct hosts){0});
    ck_assert_int_ge((int)strlen(seat.host), 1);
    ck_assert_int_eq(seat.line, 1);
    ck_assert_str_eq(seat.interface, "lo");
    ck_assert_int_eq(seat.other_line, -1);
    hosts_free(&local);
}
END_TEST

UNIT_MAIN_WITH("placement", set_up, tear_down, UNIT(another_order), UNIT(several_a_machine),
               UNIT(spare), UNIT(both_lists), UNIT(long_lists), UNIT(two_lines_on_one_machine),
               UNIT(secondary_address), UNIT(one_address_on_two_machines), UNIT(impossible_line),
               UNIT(look))
