/* partconf: the partition JSON (dgl/distributed/partition.py partition_graph writes it,
 * load_partition reads it). Takes only what the launcher needs of it; opens no file.
 */
#include "job/partconf.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "job/hosts.h"
#include "job/json.h"

#define REMEDY "write it anew by dgl.distributed.partition_graph"

struct reader {
    struct partconf *conf;
    const char *path;
    const cJSON **parts; /* num_parts of them, by index */
    struct err *err;
};

/* The only member of an object that has this name. NULL: there is none, or there are several (then
 * *twice is true). */
static const cJSON *find_member(const cJSON *object, const char *name, bool *twice)
{
    const cJSON *found = NULL;
    const cJSON *member;

    *twice = false;
    cJSON_ArrayForEach(member, object)
    {
        if (strcmp(member->string, name))
            continue;
        *twice = found != NULL;
        if (found)
            return NULL;
        found = member;
    }
    return found;
}

static const cJSON *get_member(struct reader *r, const cJSON *object, const char *of,
                               const char *name)
{
    bool twice;
    const cJSON *member = find_member(object, name, &twice);

    if (!member)
        err_set(r->err, EXIT_USAGE, "%s: %s\"%s\" %s; " REMEDY, r->path, of, name,
                twice ? "stands there twice" : "is missing");
    return member;
}

static int read_num_parts(struct reader *r, const cJSON *root)
{
    const cJSON *value = get_member(r, root, "", "num_parts");

    if (!value)
        return -1;
    if (!cJSON_IsNumber(value) || !(value->valuedouble >= 1 && value->valuedouble <= HOSTS_MAX) ||
        value->valuedouble != (double)value->valueint)
        return err_set(r->err, EXIT_USAGE,
                       "%s: \"num_parts\" is not a whole number from 1 to %d; " REMEDY, r->path,
                       HOSTS_MAX);
    r->conf->num_parts = value->valueint;
    return 0;
}

static int read_graph_name(struct reader *r, const cJSON *root)
{
    const cJSON *value = get_member(r, root, "", "graph_name");

    if (!value)
        return -1;
    if (!cJSON_IsString(value))
        return err_set(r->err, EXIT_USAGE, "%s: \"graph_name\" is not a text; " REMEDY, r->path);
    r->conf->graph_name = mem_strdup(value->valuestring);
    return 0;
}

/* The N of "part-N", which DGL writes without leading zeros; -1: another key. */
static int part_index(const char *key, int num_parts)
{
    if (strncmp(key, "part-", 5) || (key[5] == '0' && key[6]))
        return -1;
    return (int)text_number(key + 5, strlen(key + 5), num_parts - 1);
}

/* Takes one pass over the members; a search for each part would take n * n steps. */
static int find_parts(struct reader *r, const cJSON *root)
{
    const cJSON *member;

    cJSON_ArrayForEach(member, root)
    {
        int index = part_index(member->string, r->conf->num_parts);

        if (index < 0)
            continue;
        if (r->parts[index])
            return err_set(r->err, EXIT_USAGE, "%s: \"%s\" stands there twice; " REMEDY, r->path,
                           member->string);
        r->parts[index] = member;
    }
    for (int i = 0; i < r->conf->num_parts; i++)
        if (!r->parts[i])
            return err_set(r->err, EXIT_USAGE,
                           "%s: \"part-%d\" is missing, though \"num_parts\" is %d; " REMEDY,
                           r->path, i, r->conf->num_parts);
    return 0;
}

static int add_file(struct reader *r, int index, const cJSON *value, const char *name)
{
    if (!cJSON_IsString(value) || !*value->valuestring || strlen(value->valuestring) >= PATH_MAX)
        return err_set(r->err, EXIT_USAGE, "%s: \"%s\" of \"part-%d\" is not a path; " REMEDY,
                       r->path, name, index);
    strv_add(&r->conf->files[index], value->valuestring);
    return 0;
}

/* GraphBolt's graph stands beside part_graph (DGL 2.1) or in its place (later versions). */
static int read_part(struct reader *r, int index)
{
    static const char *const names[] = {"part_graph", "node_feats", "edge_feats",
                                        "part_graph_graphbolt"};
    const cJSON *part = r->parts[index];
    bool twice, graphbolt;
    char of[40];

    if (!cJSON_IsObject(part))
        return err_set(r->err, EXIT_USAGE, "%s: \"part-%d\" is not an object; " REMEDY, r->path,
                       index);
    graphbolt = find_member(part, "part_graph_graphbolt", &twice) != NULL;
    snprintf(of, sizeof(of), "\"part-%d\": ", index);
    for (int i = 0; i < 4; i++) {
        const cJSON *value = find_member(part, names[i], &twice);
        bool needed = i == 0 ? !graphbolt : i < 3;

        if (!value && (needed || twice))
            return get_member(r, part, of, names[i]) ? 0 : -1;
        if (value && add_file(r, index, value, names[i]))
            return -1;
    }
    return 0;
}

static int read_root(struct reader *r, const cJSON *root)
{
    if (!cJSON_IsObject(root))
        return err_set(r->err, EXIT_USAGE,
                       "%s: not a JSON object; is it the file that partition_graph wrote?",
                       r->path);
    if (read_num_parts(r, root) || read_graph_name(r, root))
        return -1;
    r->parts = mem_calloc((size_t)r->conf->num_parts, sizeof(*r->parts));
    r->conf->files = mem_calloc((size_t)r->conf->num_parts, sizeof(*r->conf->files));
    if (find_parts(r, root))
        return -1;
    for (int i = 0; i < r->conf->num_parts; i++)
        if (read_part(r, i))
            return -1;
    return 0;
}

int partconf_parse(struct partconf *conf, const char *path, const char *bytes, size_t len,
                   struct err *err)
{
    struct reader r = {.conf = conf, .path = path, .err = err};
    cJSON *root;
    int rc;

    *conf = (struct partconf){0};
    root = json_parse(path, bytes, len, err);
    if (!root)
        return -1;
    rc = read_root(&r, root);
    free(r.parts);
    cJSON_Delete(root);
    if (rc)
        partconf_free(conf);
    return rc;
}

void partconf_free(struct partconf *conf)
{
    for (int i = 0; conf->files && i < conf->num_parts; i++)
        strv_free(&conf->files[i]);
    free(conf->files);
    free(conf->graph_name);
    *conf = (struct partconf){0};
}
