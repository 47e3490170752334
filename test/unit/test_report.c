/* report: the summary, report.json against its schema, report.html. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "check_text.h"
#include "report/html.h"
#include "report/json.h"
#include "report/report.h"
#include "report/summary.h"
#include "report/warnings.h"
#include "sample.h"
#include "unit.h"

START_TEST(the_summary_counts_and_warns)
{
    struct warning first[] = {{(char *)"five", 5}, {(char *)"six", 4}};
    struct warning second[] = {
        {(char *)"one", 900}, {(char *)"two", 800}, {(char *)"three", 700}, {(char *)"four", 5}};
    struct outcome outcomes[] = {sample_outcomes[0], sample_outcomes[1]};
    struct report report = sample_good;

    CHECK_TEXT("dgl-mpilaunch: 1 machine, 1 server, 1 trainer: all ended well after 73.2 s\n"
               "dgl-mpilaunch: report: /run/x/report.json\n",
               report_summary(&out, &report, "/run/x", "/run/x/logs/vm0.launcher.log"));
    CHECK_TEXT("dgl-mpilaunch: 3 machines, 2 servers, 2 trainers: stopped after 73.2 s\n"
               "dgl-mpilaunch: warning: vm1: the log file <vm1> is \"not\" writable \\xc0\\xaf\n",
               report_summary(&out, &sample_bad, NULL, NULL));
    outcomes[0].warnings = (struct warnings){first, 2};
    outcomes[1].warnings = (struct warnings){second, 4};
    report.outcomes = outcomes;
    report.n_outcomes = 2;
    CHECK_TEXT("dgl-mpilaunch: 2 machines, 2 servers, 2 trainers: all ended well after 73.2 s\n"
               "dgl-mpilaunch: warning: vm1: one\n"
               "dgl-mpilaunch: warning: vm1: two\n"
               "dgl-mpilaunch: warning: vm1: three\n"
               "dgl-mpilaunch: warning: vm0: five\n"
               "dgl-mpilaunch: and 2 more warnings, in 'r/logs/vm0.launcher.log'\n"
               "dgl-mpilaunch: report: r/report.json\n",
               report_summary(&out, &report, "r", "r/logs/vm0.launcher.log"));
    CHECK_TEXT("dgl-mpilaunch: 2 machines, 2 servers, 2 trainers: all ended well after 73.2 s\n"
               "dgl-mpilaunch: warning: vm1: one\n"
               "dgl-mpilaunch: warning: vm1: two\n"
               "dgl-mpilaunch: warning: vm1: three\n"
               "dgl-mpilaunch: warning: vm0: five\n"
               "dgl-mpilaunch: warning: vm1: four\n"
               "dgl-mpilaunch: warning: vm0: six\n",
               report_summary(&out, &report, NULL, NULL));
}
END_TEST

/* A report on n machines with a warning and p processes each, the latter in ps. */
static struct report make_many(int n, int p, struct process_outcome *ps)
{
    struct outcome *outcomes = mem_calloc((size_t)n, sizeof(*outcomes));
    struct report report = sample_good;

    for (int i = 0; i < n; i++) {
        outcomes[i] = (struct outcome){.machine = i, .rank = i, .host = mem_printf("node%d", i)};
        outcomes[i].processes = ps + i * p;
        outcomes[i].n_processes = p;
        for (int k = 0; k < p; k++)
            ps[i * p + k] = (struct process_outcome){.role = ROLE_TRAINER, .id = i * p + k};
        warnings_add(&outcomes[i].warnings, "trainer 7 has no hook on a machine", 1000 - i);
    }
    report.outcomes = outcomes;
    report.n_outcomes = n;
    return report;
}

static void free_many(struct report *report)
{
    for (int i = 0; i < report->n_outcomes; i++) {
        ((struct outcome *)report->outcomes)[i].processes = NULL;
        ((struct outcome *)report->outcomes)[i].n_processes = 0;
        outcome_clear((struct outcome *)&report->outcomes[i]);
    }
    free((void *)report->outcomes);
}

START_TEST(what_many_machines_say_is_said_four_times)
{
    struct process_outcome ps[300];
    struct report report = make_many(300, 1, ps);

    CHECK_TEXT("dgl-mpilaunch: warning: node0: trainer 7 has no hook on a machine\n"
               "dgl-mpilaunch: warning: node1: trainer 7 has no hook on a machine\n"
               "dgl-mpilaunch: warning: node2: trainer 7 has no hook on a machine\n"
               "dgl-mpilaunch: warning: node3: trainer 7 has no hook on a machine\n"
               "dgl-mpilaunch: and 296 more warnings like these\n",
               report_warnings(&out, &report, SIZE_MAX, NULL));
    free((void *)report.outcomes[299].warnings.items[0].text);
    report.outcomes[299].warnings.items[0].text = mem_strdup("something else");
    CHECK_TEXT("dgl-mpilaunch: warning: node0: trainer 7 has no hook on a machine\n"
               "dgl-mpilaunch: and 299 more warnings, in 'log'\n",
               report_warnings(&out, &report, 2, "log"));
    CHECK_TEXT("dgl-mpilaunch: warning: node0: trainer 7 has no hook on a machine\n"
               "dgl-mpilaunch: warning: node1: trainer 7 has no hook on a machine\n"
               "dgl-mpilaunch: warning: node2: trainer 7 has no hook on a machine\n"
               "dgl-mpilaunch: warning: node3: trainer 7 has no hook on a machine\n"
               "dgl-mpilaunch: warning: node299: something else\n"
               "dgl-mpilaunch: and 295 more warnings, in 'log'\n",
               report_warnings(&out, &report, 6, "log"));
    free_many(&report);
}
END_TEST

/* ---- report.json and its schema ---- */

static cJSON *parse_report(const struct report *report)
{
    struct buf out = {0};
    cJSON *root;

    report_json(&out, report);
    root = cJSON_ParseWithLength(out.data, out.len);
    ck_assert_ptr_nonnull(root);
    ck_assert_int_eq(out.data[out.len - 1], '\n');
    buf_free(&out);
    return root;
}

static cJSON *read_schema(void)
{
    const char *source = getenv("SRCDIR");
    char *path = mem_printf("%s/doc/report.schema.json", source ? source : ".");
    struct buf text = {0};
    struct err err = {0};
    cJSON *schema;

    ck_assert_msg(file_read(path, 1 << 20, &text, &err) == 0, "%s", err.text);
    schema = cJSON_ParseWithLength(text.data, text.len);
    ck_assert_ptr_nonnull(schema);
    buf_free(&text);
    free(path);
    return schema;
}

static bool has_type(const cJSON *value, const char *type)
{
    static const struct {
        const char *name;
        int type;
    } types[] = {{"object", cJSON_Object}, {"array", cJSON_Array},   {"string", cJSON_String},
                 {"null", cJSON_NULL},     {"number", cJSON_Number}, {"integer", cJSON_Number}};

    if (!strcmp(type, "boolean"))
        return cJSON_IsBool(value);
    if (!strcmp(type, "integer") && value->valuedouble != (double)(int64_t)value->valuedouble)
        return false;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (!strcmp(type, types[i].name))
            return (value->type & 0xFF) == types[i].type;
    return false;
}

static void check_type(const cJSON *value, const cJSON *schema, const char *where)
{
    const cJSON *type = cJSON_GetObjectItemCaseSensitive(schema, "type"), *one;
    const cJSON *words = cJSON_GetObjectItemCaseSensitive(schema, "enum");
    bool fits = cJSON_IsString(type) && has_type(value, type->valuestring);

    if (cJSON_IsArray(type))
        cJSON_ArrayForEach(one, type) fits |= has_type(value, one->valuestring);
    ck_assert_msg(fits, "'%s' has another type", where);
    ck_assert_msg(cJSON_HasObjectItem(schema, "description"), "'%s' is not described", where);
    fits = !words;
    cJSON_ArrayForEach(one, words) fits |= cJSON_Compare(one, value, true);
    ck_assert_msg(fits, "'%s' has a word that is not listed", where);
}

/* Checks the keywords of JSON Schema that the file uses. */
static void check_value(const cJSON *value, const cJSON *schema, const cJSON *root,
                        const char *where)
{
    const cJSON *reference = cJSON_GetObjectItemCaseSensitive(schema, "$ref");
    const cJSON *required, *properties, *items, *one;

    if (reference)
        schema = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(root, "$defs"),
                                                  reference->valuestring + strlen("#/$defs/"));
    ck_assert_ptr_nonnull(schema);
    required = cJSON_GetObjectItemCaseSensitive(schema, "required");
    properties = cJSON_GetObjectItemCaseSensitive(schema, "properties");
    items = cJSON_GetObjectItemCaseSensitive(schema, "items");
    if (cJSON_HasObjectItem(schema, "description") || !cJSON_IsString(value))
        check_type(value, schema, where);
    if (cJSON_IsArray(value))
        cJSON_ArrayForEach(one, value) check_value(one, items, root, where);
    if (!cJSON_IsObject(value))
        return;
    ck_assert_int_eq(cJSON_GetArraySize(value), cJSON_GetArraySize(required));
    cJSON_ArrayForEach(one, required) ck_assert_msg(cJSON_HasObjectItem(value, one->valuestring),
                                                    "no '%s' in '%s'", one->valuestring, where);
    cJSON_ArrayForEach(one, value) check_value(
        one, cJSON_GetObjectItemCaseSensitive(properties, one->string), root, one->string);
}

START_TEST(the_json_is_what_the_schema_says)
{
    cJSON *schema = read_schema();
    const struct report *reports[] = {&sample_good, &sample_bad};
    struct cause cause = {.machine = -1, .id = -1, .role = ROLE_LAUNCHER, .age_ms = -1};
    struct report report = sample_bad;

    for (int i = 0; i < 2; i++) {
        cJSON *root = parse_report(reports[i]);

        check_value(root, schema, schema, "report");
        cJSON_Delete(root);
    }
    report.cause = &cause;
    for (int how = 0; how < HOW_COUNT; how++) {
        cJSON *root;

        cause.how = (enum how)how;
        root = parse_report(&report);
        check_value(root, schema, schema, "report");
        cJSON_Delete(root);
    }
    cJSON_Delete(schema);
}
END_TEST

static const cJSON *get(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

    ck_assert_msg(item != NULL, "no '%s'", name);
    return item;
}

#define CHECK_STRING(expected, object, name)                                                       \
    ck_assert_str_eq(get(object, name)->valuestring, expected)
#define CHECK_NUMBER(expected, object, name)                                                       \
    ck_assert_double_eq_tol(get(object, name)->valuedouble, expected, 1e-9)
#define CHECK_NULL(object, name) ck_assert(cJSON_IsNull(get(object, name)))

START_TEST(the_json_of_a_failure_has_its_values)
{
    cJSON *root = parse_report(&sample_bad);
    const cJSON *attempt = cJSON_GetArrayItem(get(root, "attempts"), 0);
    const cJSON *cause = get(attempt, "cause");

    CHECK_STRING("0.1.0", root, "version");
    CHECK_STRING("python3 train.py --name '<b>&\"' \xEF\xBF\xBD\xEF\xBF\xBD", root, "command");
    ck_assert(cJSON_IsFalse(get(root, "complete")));
    CHECK_NUMBER(137, root, "exit_code");
    CHECK_NUMBER(73.2, root, "wall_s");
    CHECK_STRING("vm1", cause, "host");
    CHECK_NUMBER(1, cause, "machine");
    CHECK_STRING("trainer", cause, "role");
    CHECK_STRING("killed by a signal", cause, "how");
    CHECK_NULL(cause, "exit_code");
    CHECK_NUMBER(9, cause, "signal");
    CHECK_NUMBER(2.345, cause, "age_s");
    ck_assert_int_eq(cJSON_GetArraySize(get(cause, "last_lines")), 4);
    ck_assert_str_eq(cJSON_GetArrayItem(get(cause, "last_lines"), 3)->valuestring,
                     "ValueError: a<b & \x1b[31mred\x1b[0m \xEF\xBF\xBD");
    CHECK_STRING("drain", cJSON_GetArrayItem(get(attempt, "phases"), 2), "name");
    CHECK_NULL(cJSON_GetArrayItem(get(attempt, "phases"), 2), "start_s");
    cJSON_Delete(root);
}
END_TEST

START_TEST(the_json_of_machines_has_its_values)
{
    cJSON *root = parse_report(&sample_bad);
    const cJSON *machines = get(cJSON_GetArrayItem(get(root, "attempts"), 0), "machines");
    const cJSON *vm0 = cJSON_GetArrayItem(machines, 0), *vm2 = cJSON_GetArrayItem(machines, 2);
    const cJSON *server = cJSON_GetArrayItem(get(vm0, "processes"), 0);
    const cJSON *worker = cJSON_GetArrayItem(get(vm0, "processes"), 1);

    CHECK_STRING("10.0.0.1", vm0, "ip");
    CHECK_NUMBER(30050, vm0, "port");
    CHECK_NUMBER(0, vm0, "rank");
    CHECK_NULL(vm2, "rank");
    CHECK_NULL(vm2, "ip");
    CHECK_NUMBER(0, server, "start_s");
    CHECK_NUMBER(2.5, server, "ready_s");
    CHECK_NULL(server, "exit_code");
    CHECK_NUMBER(15, server, "signal");
    CHECK_NUMBER(0, worker, "exit_code");
    CHECK_NULL(worker, "signal");
    CHECK_NULL(worker, "ready_s");
    CHECK_NULL(worker, "log");
    CHECK_NUMBER(60.123, worker, "user_s");
    CHECK_NUMBER(1048576, worker, "max_rss_kb");
    CHECK_NULL(worker, "peak");
    CHECK_NUMBER(500000, get(server, "peak"), "private_kb");
    CHECK_NUMBER(1, get(server, "peak"), "processes");
    CHECK_NUMBER(8000000, vm0, "memory_kb");
    CHECK_NULL(vm2, "shm_kb");
    CHECK_NUMBER(1.5, cJSON_GetArrayItem(get(vm0, "curve"), 0), "cpu");
    CHECK_NUMBER(3900000, cJSON_GetArrayItem(get(vm0, "curve"), 1), "memory_kb");
    cJSON_Delete(root);
}
END_TEST

START_TEST(the_json_hint_carries_the_text_of_the_cause)
{
    struct cause cause = {.how = HOW_CHECK_FAILED, .role = ROLE_LAUNCHER, .text = "port in use"};
    struct report report = sample_bad;
    cJSON *root;

    report.cause = &cause;
    root = parse_report(&report);
    CHECK_STRING("port in use; no process of the job was started",
                 get(cJSON_GetArrayItem(get(root, "attempts"), 0), "cause"), "hint");
    cJSON_Delete(root);
    report.cause = NULL;
    root = parse_report(&report);
    CHECK_NULL(cJSON_GetArrayItem(get(root, "attempts"), 0), "cause");
    cJSON_Delete(root);
}
END_TEST

START_TEST(seconds_have_three_decimals_as_written)
{
    struct report report = sample_good;
    struct buf out = {0};
    char *text;

    report.wall_ms = 1234567891;
    report_json(&out, &report);
    text = as_text(&out);
    ck_assert_ptr_nonnull(strstr(text, "\"wall_s\": 1234567.891,"));
    free(text);
}
END_TEST

/* ---- report.html ---- */

static char *html_of(const struct report *report)
{
    struct buf out = {0};

    report_html(&out, report);
    return as_text(&out);
}

START_TEST(the_page_escapes_all_foreign_text)
{
    char *page = html_of(&sample_bad);

    ck_assert_ptr_nonnull(strstr(page, "What failed first"));
    ck_assert_ptr_nonnull(strstr(page, "trainer 1 on vm1 (pid 4711) was killed by SIGKILL"));
    ck_assert_ptr_nonnull(strstr(page, "--name &#39;&#60;b&#62;&#38;&#34;&#39; \xEF\xBF\xBD"));
    ck_assert_ptr_nonnull(strstr(page, "ValueError: a&#60;b &#38; "));
    ck_assert_ptr_null(strstr(page, "<b>"));
    ck_assert_ptr_null(strstr(page, "<vm1>"));
    ck_assert_ptr_null(strchr(page, '\x1b'));
    ck_assert_ptr_nonnull(strstr(page, "has not reported"));
    free(page);
}
END_TEST

START_TEST(the_page_needs_nothing_from_outside)
{
    static const char *const outside[] = {
        "http:", "https:", "src=", "href=", "url(", "@import", "<script", "<link"};
    char *page = html_of(&sample_good);

    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
        ck_assert_msg(!strstr(page, outside[i]), "%s", outside[i]);
    ck_assert_ptr_nonnull(strstr(page, "The job ended well after 73.2 s"));
    ck_assert_ptr_nonnull(strstr(page, "prefers-color-scheme:dark"));
    ck_assert_ptr_null(strstr(page, "What failed first"));
    free(page);
}
END_TEST

START_TEST(the_timeline_has_a_bar_for_each_process)
{
    char *page = html_of(&sample_bad);

    ck_assert_int_eq(unit_count(page, "rx=\"2\"/>"), 4);
    ck_assert_ptr_nonnull(strstr(page, "<rect class=\"failed\""));
    ck_assert_ptr_nonnull(strstr(page, "<rect class=\"stopped\""));
    free(page);
}
END_TEST

START_TEST(the_page_shows_a_part_of_a_large_job)
{
    enum { MACHINES = 300, EACH = 10, LAST = MACHINES * EACH - 1 };
    struct process_outcome *ps = mem_calloc(MACHINES * EACH, sizeof(*ps));
    struct report report = make_many(MACHINES, EACH, ps);
    struct cause cause = {.how = HOW_EXITED, .role = ROLE_TRAINER, .id = LAST - 1, .value = 1};
    char *page;

    report.cause = &cause;
    for (int i = 1500; i < LAST; i++) /* more than are shown; the cause is the last of them */
        ps[i].exit_code = 1;
    ps[LAST].ready_ms = ps[LAST].end_ms = 5000;
    page = html_of(&report);
    ck_assert_int_eq(unit_count(page, "rx=\"2\"/>"), 1000);
    ck_assert_int_eq(unit_count(page, "<rect class=\"failed\""), 501);
    ck_assert_int_eq(unit_count(page, "<tr><td>trainer "), 1000);
    ck_assert_int_eq(unit_count(page, "<tr><td>trainer 2998<"), 1);
    ck_assert_int_eq(unit_count(page, "<tr><td>trainer 2999<"), 1);
    ck_assert_int_eq(unit_count(page, "<tr><td>trainer 497<"), 1);
    ck_assert_int_eq(unit_count(page, "1000 of 3000 processes are shown"), 2);
    ck_assert_int_eq(unit_count(page, "<tr class=\"machine\">"), 101);
    ck_assert_int_eq(unit_count(page, "101 of 300 machines are shown"), 2);
    ck_assert_int_eq(unit_count(page, "and 296 more like these; report.json has all"), 1);
    free(page);
    free_many(&report);
    free(ps);
}
END_TEST

START_TEST(an_empty_report_is_written_too)
{
    struct report report = {.exit_code = 2};
    char *page = html_of(&report);

    ck_assert_ptr_nonnull(strstr(page, "</html>"));
    free(page);
    cJSON_Delete(parse_report(&report));
}
END_TEST

START_TEST(earlier_attempts_are_listed)
{
    struct report first = sample_bad, last = sample_good;
    char *page;
    cJSON *root;

    last.attempt = 1;
    last.start_ms = 61500;
    last.earlier = &first;
    last.n_earlier = 1;
    root = parse_report(&last);
    ck_assert_int_eq(cJSON_GetArraySize(get(root, "attempts")), 2);
    CHECK_STRING("vm1", get(cJSON_GetArrayItem(get(root, "attempts"), 0), "cause"), "host");
    CHECK_NULL(cJSON_GetArrayItem(get(root, "attempts"), 1), "cause");
    CHECK_NUMBER(1, cJSON_GetArrayItem(get(root, "attempts"), 1), "attempt");
    CHECK_NUMBER(61.5, cJSON_GetArrayItem(get(root, "attempts"), 1), "start_s");
    cJSON_Delete(root);
    page = html_of(&last);
    ck_assert_ptr_nonnull(strstr(page, "Earlier attempts"));
    ck_assert_ptr_nonnull(strstr(page, "trainer 1 on vm1 (pid 4711) was killed by SIGKILL"));
    free(page);
    CHECK_TEXT("dgl-mpilaunch: 1 machine, 1 server, 1 trainer: all ended well after 73.2 s, in "
               "attempt 2\n",
               report_summary(&out, &last, NULL, NULL));
}
END_TEST

UNIT_MAIN("report", earlier_attempts_are_listed, the_summary_counts_and_warns,
          the_json_is_what_the_schema_says, the_json_of_a_failure_has_its_values,
          the_json_of_machines_has_its_values, the_json_hint_carries_the_text_of_the_cause,
          seconds_have_three_decimals_as_written, the_page_escapes_all_foreign_text,
          the_page_needs_nothing_from_outside, the_timeline_has_a_bar_for_each_process,
          an_empty_report_is_written_too, what_many_machines_say_is_said_four_times,
          the_page_shows_a_part_of_a_large_job)
