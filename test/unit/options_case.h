/* options_case: what the tests of the options share: parse some words, expect words in the error.
 */
#ifndef OPTIONS_CASE_H
#define OPTIONS_CASE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "job/options.h"
#include "unit.h"

#define BASE                                                                                       \
    "--workspace", "/w", "--num_trainers", "2", "--num_servers", "1", "--ip_config", "ip.txt",     \
        "--part_config", "g.json"

static struct options o;
static struct err err;
static char *environment[8];

static int parse_words(const char *const *words)
{
    struct strv v = {0};
    int rc;

    strv_add(&v, "dgl-mpilaunch");
    for (; *words; words++)
        strv_add(&v, *words);
    err = (struct err){0};
    rc = options_parse(&o, (int)v.n, v.items, environment, &err);
    strv_free(&v);
    if (rc)
        ck_assert_int_eq(err.code, EXIT_USAGE);
    return rc;
}

#define PARSE(...) parse_words((const char *const[]){__VA_ARGS__, NULL})
#define OK(...)    ck_assert_msg(PARSE(__VA_ARGS__) == 0, "%s", err.text)
#define SAYS(what) ck_assert_msg(strstr(err.text, what), "'%s' is not in: %s", what, err.text)
#define WRONG(what, ...)                                                                           \
    do {                                                                                           \
        ck_assert_int_eq(PARSE(__VA_ARGS__), -1);                                                  \
        SAYS(what);                                                                                \
        options_free(&o);                                                                          \
    } while (0)

static char config_path[UNIT_PATH + sizeof("/config")];

static void write_config(const char *text)
{
    char folder[UNIT_PATH];

    unit_folder(folder, "/tmp");
    snprintf(config_path, sizeof(config_path), "%s/config", folder);
    ck_assert_int_eq(file_write(config_path, text, strlen(text), &err), 0);
}

#endif
