/* test_hosts: ip_config's reader against good, wrong and hostile bytes. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "job/hosts.h"

#include "unit.h"

static struct hosts hosts;
static struct err err;

static int parse(const char *text, int num_servers)
{
    err = (struct err){0};
    return hosts_parse(&hosts, "ip_config.txt", text, strlen(text), num_servers, &err);
}

START_TEST(good)
{
    ck_assert_int_eq(parse("10.0.0.1\n10.0.0.2 30060\n \t10.0.0.3\t1 ", 2), 0);
    ck_assert_uint_eq(hosts.n, 3);
    ck_assert_str_eq(hosts.items[0].ip, "10.0.0.1");
    ck_assert_uint_eq(hosts.items[0].address, 0x0a000001);
    ck_assert_int_eq(hosts.items[0].port, 30050);
    ck_assert_int_eq(hosts.items[1].port, 30060);
    ck_assert_int_eq(hosts.items[2].port, 1);
    ck_assert_int_eq(hosts.items[2].line, 3);
    hosts_free(&hosts);
}
END_TEST

START_TEST(line_ends_of_windows)
{
    ck_assert_int_eq(parse("10.0.0.1\r\n10.0.0.2 30060\r\n", 1), 0);
    ck_assert_uint_eq(hosts.n, 2);
    ck_assert_int_eq(hosts.items[1].port, 30060);
    hosts_free(&hosts);
    ck_assert_int_eq(parse("10.0.0.1\r10.0.0.2\n", 1), -1); /* Python would see two lines */
}
END_TEST

START_TEST(port_at_its_limit)
{
    ck_assert_int_eq(parse("10.0.0.1 65534\n", 2), 0);
    hosts_free(&hosts);
    ck_assert_int_eq(parse("10.0.0.1 65535\n", 2), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "use 65534 or less"));
    ck_assert_int_eq(parse("10.0.0.1 65535\n", 0), 0);
    hosts_free(&hosts);
}
END_TEST

static const struct {
    const char *text, *says;
} bad[] = {
    {"", "ip_config.txt: the file is empty"},
    {"\n", "ip_config.txt:1: a blank line"},
    {"10.0.0.1\n\n10.0.0.2\n", "ip_config.txt:2: a blank line"},
    {"10.0.0.1\n \t \n", "ip_config.txt:2: a blank line"},
    {"10.0.0.1\n\r\n", "ip_config.txt:2: a blank line"},
    {"# machines\n", "knows no comments"},
    {"10.0.0.1 30050 # first\n", "a third word"},
    {"10.0.0.1 30050 2\n", "'10.0.0.1 30050 2': a third word"},
    {"node1\n", "'node1': not an IPv4 address"},
    {"::1\n", "IPv6"},
    {"10.0.0.1:30050\n", "a port stands behind a blank"},
    {"10.0.0.01\n", "leading zeros"},
    {"10.0.0\n", "not an IPv4 address"},
    {"10.0.0.256\n", "not an IPv4 address"},
    {"0.0.0.0\n", "not the address of one machine"},
    {"255.255.255.255\n", "not the address of one machine"},
    {"10.0.0.1 0\n", "'0': not a port"},
    {"10.0.0.1 -1\n", "not a port"},
    {"10.0.0.1 +30050\n", "not a port"},
    {"10.0.0.1 3x\n", "not a port"},
    {"10.0.0.1 65536\n", "not a port"},
    {"10.0.0.1 99999999999999999999999999\n", "not a port"},
    {"10.0.0.1 65535\n", "would be above 65535"},
    {"10.0.0.1\n10.0.0.2\n10.0.0.1\n", "ip_config.txt:3: '10.0.0.1': the ports of its 2 servers"},
    {"10.0.0.1 100\n10.0.0.1 101\n", "overlap those of line 1 from 100 on"},
    {"10.0.0.1 100\n10.0.0.1 102\n", "the same address as in line 1"},
    {"10.0.0.9\n10.0.0.1\n10.0.0.9 2\n10.0.0.1 7\n", "ip_config.txt:3: '10.0.0.9'"},
    {"\xef\xbb\xbf"
     "10.0.0.1\n",
     "byte order mark"},
    {"10.0.0.1\x01\n", "byte 9 is not printable"},
    {"\x1b[31m\n", "'\\x1b[31m'"},
    {"10.0.0.1\v30050\n", "not printable"},
};

START_TEST(wrong)
{
    ck_assert_int_eq(parse(bad[_i].text, 2), -1);
    ck_assert_int_eq(err.code, EXIT_USAGE);
    ck_assert_msg(strstr(err.text, bad[_i].says), "'%s' is not in: %s", bad[_i].says, err.text);
    ck_assert_ptr_null(hosts.items);
}
END_TEST

static int resolve(const char *name, uint32_t *address, struct err *why)
{
    if (strncmp(name, "node", 4) != 0)
        return err_set(why, EXIT_USAGE, "nobody knows it");
    *address = 0x0a000000 + (uint32_t)atoi(name + 4);
    return 0;
}

static int parse_names(const char *text)
{
    err = (struct err){0};
    return hosts_parse_names(&hosts, "ip_config.txt", text, strlen(text), 1, resolve, &err);
}

START_TEST(names)
{
    struct buf text = {0};

    ck_assert_int_eq(parse_names("node7 4000\n10.0.0.2\nnode3\n"), 0);
    ck_assert(hosts.named && hosts.items[0].has_port && !hosts.items[2].has_port);
    hosts_text(&text, &hosts);
    buf_add(&text, "", 1);
    ck_assert_str_eq(text.data, "10.0.0.7 4000\n10.0.0.2 30050\n10.0.0.3 30050\n");
    buf_free(&text);
    hosts_free(&hosts);
    ck_assert_int_eq(parse_names("other\n"), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "ip_config.txt:1: 'other': nobody knows it"));
    ck_assert_int_eq(parse_names("node1\n10.0.0.1\n"), -1); /* one machine twice */
    ck_assert_int_eq(parse_names("10.0.0.01\n"), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "leading zeros"));
    ck_assert_int_eq(parse_names("10.0.0.1\n"), 0);
    ck_assert(!hosts.named);
    hosts_free(&hosts);
}
END_TEST

START_TEST(nul_bytes)
{
    static const char text[] = "10.0.0.1\0\n10.0.0.2\n";

    ck_assert_int_eq(hosts_parse(&hosts, "f", text, sizeof(text) - 1, 1, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "f:1: '10.0.0.1\\x00'"));
}
END_TEST

START_TEST(one_long_line)
{
    size_t len = 5 << 20;
    char *text = malloc(len);

    memset(text, '1', len);
    ck_assert_int_eq(hosts_parse(&hosts, "f", text, len, 1, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "the line has 5242880 bytes"));
    ck_assert_uint_lt(strlen(err.text), 300);
    free(text);
}
END_TEST

static void add_machines(struct buf *b, int n)
{
    for (int i = 1; i <= n; i++)
        buf_addf(b, "10.%d.%d.%d\n", i >> 16, i >> 8 & 255, i & 255);
}

START_TEST(a_million_lines)
{
    struct buf b = {0};

    add_machines(&b, 1000000);
    ck_assert_int_eq(hosts_parse(&hosts, "f", b.data, b.len, 1, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "f:65537: more than 65536 machines"));
    buf_free(&b);
    add_machines(&b, HOSTS_MAX);
    ck_assert_int_eq(hosts_parse(&hosts, "f", b.data, b.len, 1, &err), 0);
    ck_assert_uint_eq(hosts.n, HOSTS_MAX);
    hosts_free(&hosts);
    buf_free(&b);
}
END_TEST

/* Every prefix of a good file, from a block of exactly its size, so that a sanitizer sees each byte
 * read beyond it. */
START_TEST(truncated)
{
    static const char text[] = "10.0.0.1 30050\r\n10.0.0.2\n10.0.0.3 1";

    for (size_t len = 0; len < sizeof(text); len++) {
        char *copy = malloc(len ? len : 1);

        memcpy(copy, text, len);
        hosts_parse(&hosts, "f", copy, len, 1, &err);
        hosts_free(&hosts);
        free(copy);
    }
}
END_TEST

START_TEST(random_bytes)
{
    static const char likely[] = "0123456789. \t\r\n\0#:-\xff";

    srand((unsigned)_i);
    for (int round = 0; round < 2000; round++) {
        size_t len = (size_t)rand() % 200 + 1;
        char *text = malloc(len);

        for (size_t i = 0; i < len; i++)
            text[i] = _i % 2 ? (char)rand() : likely[(size_t)rand() % (sizeof(likely) - 1)];
        if (hosts_parse(&hosts, "f", text, len, 2, &err))
            ck_assert_int_eq(err.code, EXIT_USAGE);
        hosts_free(&hosts);
        free(text);
    }
}
END_TEST

UNIT_MAIN_WITH("hosts", NULL, NULL, UNIT(good), UNIT(line_ends_of_windows), UNIT(port_at_its_limit),
               UNIT_EACH(wrong, bad), UNIT(names), UNIT(nul_bytes), UNIT(one_long_line),
               UNIT(a_million_lines), UNIT(truncated), UNIT_LOOP(random_bytes, 4))
