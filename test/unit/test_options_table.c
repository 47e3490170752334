/* test_options_table: parser, --help, man page, environment and file held together: each option of
 * the table is in all of them, and nothing else is.
 */
#include "options_case.h"

#include <ctype.h>
#include <stdio.h>

#include "base/mem.h"
#include "job/options_help.h"
#include "job/options_table.h"

#include "unit.h"

/* A value that is not the default. */
static const struct option_choice *unusual_choice(const struct option_spec *spec)
{
    const struct option_choice *choice = spec->choices;

    return strcmp(choice->word, spec->fallback) ? choice : choice + 1;
}

/* A good value of an option, and whether it arrived. */
static const char *good_value(const struct option_spec *spec)
{
    if (!strcmp(spec->name, "show"))
        return "trainer:0";
    switch (spec->kind) {
    case OPTION_FLAG: return "yes";
    case OPTION_COUNT:
    case OPTION_SECONDS:
    case OPTION_SIZE:
    case OPTION_PORT: return "7";
    case OPTION_CHOICE: return unusual_choice(spec)->word;
    case OPTION_FORMATS: return "coo";
    case OPTION_ENVS: return "A=1";
    default: return "value";
    }
}

static bool arrived(const struct option_spec *spec)
{
    const void *at = (const char *)&o + spec->offset;

    switch (spec->kind) {
    case OPTION_FLAG:
    case OPTION_IGNORED: return *(const bool *)at;
    case OPTION_PORT:
    case OPTION_COUNT: return *(const int *)at == 7;
    case OPTION_SECONDS: return *(const long *)at == 7000;
    case OPTION_SIZE: return *(const int64_t *)at == 7;
    case OPTION_CHOICE: return *(const int *)at == unusual_choice(spec)->value;
    case OPTION_TEXT:
    case OPTION_FORMATS: return !strcmp(*(char *const *)at, good_value(spec));
    default: return !strcmp(((const struct strv *)at)->items[0], good_value(spec));
    }
}

static void try_argv(const struct option_spec *spec, char dash)
{
    char *word = mem_printf("--%s=%s", spec->name, good_value(spec));

    for (char *p = word + 2; *p != '='; p++)
        if (*p == '_')
            *p = dash;
    OK("c", BASE, "--num_samplers=1", "--sampler_cmd=s", word);
    ck_assert_msg(arrived(spec), "%s", word);
    options_free(&o);
    free(word);
}

static void try_environment(const struct option_spec *spec)
{
    char *text = mem_printf("DGL_MPILAUNCH_%s=%s", spec->name, good_value(spec));

    for (char *p = text; *p != '='; p++)
        *p = (char)toupper((unsigned char)*p);
    environment[0] = text;
    write_config("{\"workspace\": \"/w\", \"num_trainers\": 2, \"num_servers\": 1, "
                 "\"ip_config\": \"i\", \"part_config\": \"g\", \"num_samplers\": 1, "
                 "\"sampler_cmd\": \"s\"}");
    OK("c", "--config", config_path);
    unlink(config_path);
    ck_assert_msg(arrived(spec), "%s", text);
    options_free(&o);
    environment[0] = NULL;
    free(text);
}

static void try_file(const struct option_spec *spec, char dash)
{
    char *text = mem_printf("{\"%s\": \"%s\"}", spec->name, good_value(spec));

    for (char *p = text; *p != ':'; p++)
        if (*p == '_')
            *p = dash;
    write_config(text);
    ck_assert(PARSE("c", "--config", config_path) == 0 || strstr(err.text, "missing: "));
    ck_assert_msg(arrived(spec), "%s", text);
    options_free(&o);
    unlink(config_path);
    free(text);
}

static char *printed(void (*print)(FILE *))
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    print(out);
    fclose(out);
    return text;
}

START_TEST(one_table)
{
    const struct option_spec *spec = &options_table[_i];
    char *help = printed(options_help), *roff = printed(options_roff);
    char *in_help = mem_printf("\n  --%s%s%s\n", spec->name, spec->metavar ? " " : "",
                               spec->metavar ? spec->metavar : "");
    char *in_roff = mem_printf("\\fB\\-\\-%s\\fR", spec->name);

    ck_assert_msg(strstr(help, in_help), "%s", in_help);
    ck_assert_msg(strstr(roff, in_roff), "%s", in_roff);
    ck_assert_msg(spec->help && *spec->help, "%s", spec->name);
    if (!spec->not_in_file && spec->kind != OPTION_CONFIG) {
        try_argv(spec, '_');
        try_argv(spec, '-');
        try_environment(spec);
        try_file(spec, '_');
        try_file(spec, '-');
    }
    free(in_roff);
    free(in_help);
    free(roff);
    free(help);
}
END_TEST

/* No option is shown that the table does not have, and no line is wider than a terminal. */
START_TEST(help_shows_the_table)
{
    char *help = printed(options_help);
    size_t shown = 0;

    for (char *line = strtok(help, "\n"); line; line = strtok(NULL, "\n")) {
        ck_assert_msg(strlen(line) <= 80, "%s", line);
        if (strncmp(line, "  --", 4))
            continue;
        shown++;
        ck_assert_msg(options_table_find(line + 4, strcspn(line + 4, " ")), "%s", line);
    }
    ck_assert_uint_eq(shown, options_table_size);
    free(help);
}
END_TEST

UNIT_MAIN_WITH("options_table", NULL, NULL, UNIT_LOOP(one_table, (int)options_table_size),
               UNIT(help_shows_the_table))
