/* configfile: --config's JSON object as a source of options. Keys are names of options; values are
 * texts, numbers, true or false, and lists. Checks and stores no value.
 */
#include "job/configfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "job/json.h"

enum { CONFIG_MAX = 256 * 1024 }; /* bytes; options are a page of text */

/* Adds a text, number or truth value; false: the value is something else. */
static bool add_scalar(struct given *g, const struct option_spec *spec, const cJSON *value)
{
    char number[32];

    if (cJSON_IsString(value)) {
        given_add(g, spec, value->valuestring, strlen(value->valuestring));
    } else if (cJSON_IsNumber(value)) {
        int len = snprintf(number, sizeof(number), "%.15g", value->valuedouble);

        given_add(g, spec, number, (size_t)len);
    } else if (cJSON_IsBool(value) && spec->kind == OPTION_FLAG) {
        given_add(g, spec, cJSON_IsTrue(value) ? "1" : "0", 1);
    } else {
        return false;
    }
    return true;
}

/* Adds the members of {"NAME": VALUE, ...} as NAME=VALUE. */
static bool add_assignments(struct given *g, const struct option_spec *spec, const cJSON *object)
{
    const cJSON *value;

    cJSON_ArrayForEach(value, object)
    {
        char *text;

        if (cJSON_IsString(value))
            text = mem_printf("%s=%s", value->string, value->valuestring);
        else if (cJSON_IsNumber(value))
            text = mem_printf("%s=%.15g", value->string, value->valuedouble);
        else
            return false;
        given_add(g, spec, text, strlen(text));
        free(text);
    }
    return true;
}

static bool add_value(struct given *g, const struct option_spec *spec, const cJSON *value)
{
    const cJSON *item;

    if (spec->kind == OPTION_ENVS && cJSON_IsObject(value))
        return add_assignments(g, spec, value);
    if (!cJSON_IsArray(value))
        return add_scalar(g, spec, value);
    if (spec->kind != OPTION_ENVS && spec->kind != OPTION_NAMES)
        return false;
    cJSON_ArrayForEach(item, value)
    {
        if (!cJSON_IsString(item) || !add_scalar(g, spec, item))
            return false;
    }
    return true;
}

static int add_command(struct given *g, const cJSON *value, struct err *err)
{
    const cJSON *word;

    if (g->command || g->has_argv)
        return err_set(err, EXIT_USAGE, "%s: \"command\" stands there twice", g->path);
    if (cJSON_IsString(value)) {
        g->command = mem_strdup(value->valuestring);
        return 0;
    }
    g->has_argv = cJSON_IsArray(value) && cJSON_GetArraySize(value) > 0;
    cJSON_ArrayForEach(word, value)
    {
        if (!cJSON_IsString(word))
            g->has_argv = false;
        else
            strv_add(&g->argv, word->valuestring);
    }
    if (!g->has_argv)
        return err_set(err, EXIT_USAGE,
                       "%s: \"command\" is neither a text for a shell nor a list of words",
                       g->path);
    return 0;
}

static int add_member(struct given *g, const cJSON *member, bool *seen, struct err *err)
{
    char shown[TEXT_EXCERPT_SIZE];
    size_t len = strlen(member->string);
    const struct option_spec *spec = options_table_find(member->string, len);

    text_excerpt(shown, member->string, len);
    if (!strcmp(member->string, "command"))
        return add_command(g, member, err);
    if (!spec) {
        given_unknown(shown, member->string, len, err);
        return err_wrap(err, "%s", g->path);
    }
    if (spec->not_in_file || spec->kind == OPTION_CONFIG)
        return err_set(err, EXIT_USAGE, "%s: \"%s\" has no meaning in a file; remove it", g->path,
                       shown);
    if (seen[spec - options_table])
        return err_set(err, EXIT_USAGE, "%s: \"%s\" stands there twice; remove one", g->path,
                       shown);
    seen[spec - options_table] = true;
    if (!add_value(g, spec, member))
        return err_set(
            err, EXIT_USAGE, "%s: the value of \"%s\" has the wrong type%s", g->path, shown,
            spec->kind == OPTION_ENVS ? "; write {\"NAME\": \"VALUE\"} or [\"NAME=VALUE\"]" : "");
    return 0;
}

int configfile_read(struct given *g, const char *path, struct err *err)
{
    bool seen[OPTIONS_TABLE_MAX] = {false};
    struct buf bytes = {0};
    const cJSON *member;
    cJSON *root = NULL;
    int rc = -1;

    g->path = file_shown(path);
    if (file_read(path, CONFIG_MAX, &bytes, err)) {
        err_wrap(err, "--config");
        goto out;
    }
    root = json_parse(g->path, bytes.data, bytes.len, err);
    if (!root)
        goto out;
    if (!cJSON_IsObject(root)) {
        err_set(err, EXIT_USAGE, "%s: not a JSON object of options, such as {\"num_servers\": 1}",
                g->path);
        goto out;
    }
    rc = 0;
    cJSON_ArrayForEach(member, root)
    {
        rc = add_member(g, member, seen, err);
        if (rc)
            break;
    }
out:
    cJSON_Delete(root);
    buf_free(&bytes);
    return rc;
}
