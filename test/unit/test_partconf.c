/* test_partconf: the reader of the partition JSON against good, wrong and hostile bytes. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "job/partconf.h"

#include "unit.h"

#define PART(files)                                                                                \
    "{\"part_graph\": \"" files "/g\", \"node_feats\": \"" files "/n\", "                          \
    "\"edge_feats\": \"" files "/e\"}"
#define HEAD(n) "{\"graph_name\": \"g\", \"num_parts\": " n ", \"halo_hops\": 1"
#define GOOD    HEAD("2") ",\n\"part-0\": " PART("part0") ",\n\"part-1\": " PART("part1") "}"

static struct partconf conf;
static struct err err;

static int parse(const char *text)
{
    err = (struct err){0};
    return partconf_parse(&conf, "g.json", text, strlen(text), &err);
}

START_TEST(good)
{
    ck_assert_msg(parse(GOOD "\n \t\r\n") == 0, "%s", err.text);
    ck_assert_str_eq(conf.graph_name, "g");
    ck_assert_int_eq(conf.num_parts, 2);
    ck_assert_uint_eq(conf.files[1].n, 3);
    ck_assert_str_eq(conf.files[1].items[0], "part1/g");
    ck_assert_str_eq(conf.files[1].items[1], "part1/n");
    ck_assert_str_eq(conf.files[1].items[2], "part1/e");
    partconf_free(&conf);
}
END_TEST

START_TEST(graphbolt)
{
    ck_assert_int_eq(parse(HEAD("1") ", \"part-0\": {\"part_graph\": \"g\", \"node_feats\": \"n\", "
                                     "\"edge_feats\": \"e\", \"part_graph_graphbolt\": \"b\"}}"),
                     0);
    ck_assert_uint_eq(conf.files[0].n, 4);
    ck_assert_str_eq(conf.files[0].items[3], "b");
    partconf_free(&conf);
    ck_assert_int_eq(parse(HEAD("1") ", \"part-0\": {\"node_feats\": \"n\", "
                                     "\"edge_feats\": \"e\", \"part_graph_graphbolt\": \"b\"}}"),
                     0);
    ck_assert_uint_eq(conf.files[0].n, 3);
    partconf_free(&conf);
}
END_TEST

static const struct {
    const char *text, *says;
} bad[] = {
    {"", "g.json: the file is empty"},
    {" \n ", "this is no JSON text"},
    {"{\n\"num_parts\": 1,\n!\n}", "g.json:3: this is no JSON text"},
    {"{", "this is no JSON text"},
    {"[1]", "not a JSON object"},
    {"1", "not a JSON object"},
    {GOOD "\nx", "g.json:4: this is no JSON text: more follows"},
    {"{}", "\"num_parts\" is missing"},
    {"{\"num_parts\": 1, \"num_parts\": 2, \"graph_name\": \"g\"}",
     "\"num_parts\" stands there twice"},
    {HEAD("0") "}", "\"num_parts\" is not a whole number"},
    {HEAD("-1") "}", "\"num_parts\" is not a whole number"},
    {HEAD("1.5") "}", "\"num_parts\" is not a whole number"},
    {HEAD("65537") "}", "\"num_parts\" is not a whole number"},
    {HEAD("1e400") "}", "\"num_parts\" is not a whole number"},
    {HEAD("99999999999999999999999999999") "}", "\"num_parts\" is not a whole number"},
    {HEAD("\"2\"") "}", "\"num_parts\" is not a whole number"},
    {HEAD("null") "}", "\"num_parts\" is not a whole number"},
    {"{\"num_parts\": 1}", "\"graph_name\" is missing"},
    {"{\"num_parts\": 1, \"graph_name\": 7}", "\"graph_name\" is not a text"},
    {HEAD("2") ", \"part-0\": " PART("a") "}", "\"part-1\" is missing, though \"num_parts\" is 2"},
    {HEAD("1") ", \"part-00\": " PART("a") "}", "\"part-0\" is missing"},
    {HEAD("1") ", \"part-0\": " PART("a") ", \"part-0\": " PART("b") "}",
     "\"part-0\" stands there twice"},
    {HEAD("1") ", \"part-0\": []}", "\"part-0\" is not an object"},
    {HEAD("1") ", \"part-0\": [1]}", "\"part-0\" is not an object"},
    {HEAD("1") ", \"part-0\": \"x\"}", "\"part-0\" is not an object"},
    {HEAD("1") ", \"part-0\": {}}", "\"part-0\": \"part_graph\" is missing"},
    {HEAD("1") ", \"part-0\": {\"part_graph\": \"g\", \"node_feats\": \"n\"}}",
     "\"edge_feats\" is missing"},
    {HEAD("1") ", \"part-0\": {\"part_graph\": 3, \"node_feats\": \"n\", \"edge_feats\": \"e\"}}",
     "\"part_graph\" of \"part-0\" is not a path"},
    {HEAD(
         "1") ", \"part-0\": {\"part_graph\": \"\", \"node_feats\": \"n\", \"edge_feats\": \"e\"}}",
     "\"part_graph\" of \"part-0\" is not a path"},
    {HEAD(
         "1") ", \"part-0\": {\"part_graph\": \"a\", \"part_graph\": \"b\", \"node_feats\": \"n\", "
              "\"edge_feats\": \"e\"}}",
     "\"part_graph\" stands there twice"},
    {HEAD("1") ",\n\"part-0\": {\"part_graph\": \"a\\u0000b\"}}", "g.json:2: a NUL byte"},
};

START_TEST(wrong)
{
    ck_assert_int_eq(parse(bad[_i].text), -1);
    ck_assert_int_eq(err.code, EXIT_USAGE);
    ck_assert_msg(strstr(err.text, bad[_i].says), "'%s' is not in: %s", bad[_i].says, err.text);
    ck_assert_ptr_null(conf.files);
}
END_TEST

START_TEST(nul_byte)
{
    static const char text[] = "{\n\0}";

    ck_assert_int_eq(partconf_parse(&conf, "f", text, sizeof(text) - 1, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "f:2: a NUL byte"));
    ck_assert_int_eq(parse(HEAD("1") ", \"x\": \"\\\\u0000\", \"part-0\": " PART("a") "}"), 0);
    partconf_free(&conf);
}
END_TEST

static void parse_repeated(const char *what, size_t times)
{
    struct buf b = {0};

    for (size_t i = 0; i < times; i++)
        buf_add(&b, what, strlen(what));
    ck_assert_int_eq(partconf_parse(&conf, "f", b.data, b.len, &err), -1);
    ck_assert_int_eq(err.code, EXIT_USAGE);
    ck_assert_uint_lt(strlen(err.text), 400);
    buf_free(&b);
}

START_TEST(deep_and_long)
{
    parse_repeated("[", 100000);
    parse_repeated("{\"a\":", 100000);
    parse_repeated("1", 5 << 20);
    parse_repeated("\"", 1000001);
    parse_repeated("\n", 1000000);
    parse_repeated("\\u0000", 1000);
    parse_repeated("\\", 1000000);
}
END_TEST

static void parse_array_of(int values)
{
    struct buf b = {0};

    buf_add(&b, "[", 1);
    for (int i = 1; i < values; i++)
        buf_add(&b, "1,", 2);
    buf_add(&b, "1]", 2);
    ck_assert_int_eq(partconf_parse(&conf, "f", b.data, b.len, &err), -1);
    buf_free(&b);
}

START_TEST(many_values)
{
    parse_array_of(1000000);
    ck_assert_ptr_nonnull(strstr(err.text, "f: not a JSON object"));
    parse_array_of(1000001);
    ck_assert_ptr_nonnull(strstr(err.text, "f: more than 1000000 commas"));
}
END_TEST

START_TEST(many_parts)
{
    struct buf b = {0};

    buf_addf(&b, HEAD("65536"));
    for (int i = 65535; i >= 0; i--)
        buf_addf(&b, ", \"part-%d\": " PART("p%d"), i, i, i, i);
    buf_addf(&b, "}");
    ck_assert_msg(partconf_parse(&conf, "f", b.data, b.len, &err) == 0, "%s", err.text);
    ck_assert_str_eq(conf.files[65535].items[0], "p65535/g");
    partconf_free(&conf);
    buf_free(&b);
}
END_TEST

START_TEST(truncated)
{
    static const char text[] = GOOD;

    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        char *copy = malloc(len ? len : 1);

        memcpy(copy, text, len);
        ck_assert_int_eq(partconf_parse(&conf, "f", copy, len, &err), -1);
        free(copy);
    }
}
END_TEST

START_TEST(random_bytes)
{
    srand((unsigned)_i);
    for (int round = 0; round < 2000; round++) {
        static const char text[] = GOOD;
        size_t len = sizeof(text) - 1;
        char *copy = malloc(len);

        memcpy(copy, text, len);
        for (int i = 0; i < 1 + _i * 5; i++)
            copy[(size_t)rand() % len] = (char)rand();
        partconf_parse(&conf, "f", copy, len, &err);
        partconf_free(&conf);
        free(copy);
    }
}
END_TEST

UNIT_MAIN_WITH("partconf", NULL, NULL, UNIT(good), UNIT(graphbolt), UNIT_EACH(wrong, bad),
               UNIT(nul_byte), UNIT(deep_and_long), UNIT(many_values), UNIT(many_parts),
               UNIT(truncated), UNIT_LOOP(random_bytes, 4))
