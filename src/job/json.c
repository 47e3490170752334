/* json: cJSON, and the checks that bytes from outside need: cJSON itself stops at the end of the
 * first value and cuts a text at an escaped NUL. Knows no key.
 */
#include "job/json.h"

#include <stdbool.h>
#include <string.h>

#include "base/text.h"

/* A part of a partition takes four, and three for each type of node and edge. */
enum { DIVIDERS_MOST = 1000000 };

static int line_of(const char *bytes, const char *at)
{
    int line = 1;

    for (const char *p = bytes; p < at && (p = memchr(p, '\n', (size_t)(at - p))); p++)
        line++;
    return line;
}

/* The first NUL, or \u0000 escape (an odd number of backslashes before the u); NULL: none. */
static const char *find_nul(const char *bytes, size_t len)
{
    const char *end = bytes + len;
    const char *nul = memchr(bytes, '\0', len);

    if (nul)
        return nul;
    for (const char *p = bytes; (p = memmem(p, (size_t)(end - p), "\\u0000", 6)); p += 2) {
        const char *first = p;

        while (first > bytes && first[-1] == '\\')
            first--;
        if ((p - first) % 2 == 0)
            return p;
    }
    return NULL;
}

/* cJSON takes some hundred bytes for each value, and a value may be two bytes long. */
static bool has_too_many_dividers(const char *bytes, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += bytes[i] == ',' || bytes[i] == '[' || bytes[i] == '{';
    return n > DIVIDERS_MOST;
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && strchr(" \t\r\n", *at) && *at)
        at++;
    return at;
}

static int check_bytes(const char *path, const char *bytes, size_t len, struct err *err)
{
    const char *nul;

    if (!len)
        return err_set(err, EXIT_USAGE, "%s: the file is empty; JSON was expected", path);
    nul = find_nul(bytes, len);
    if (nul)
        return err_set(err, EXIT_USAGE, "%s:%d: a NUL byte; this is no JSON text", path,
                       line_of(bytes, nul));
    if (has_too_many_dividers(bytes, len))
        return err_set(err, EXIT_USAGE,
                       "%s: more than %d commas and opening brackets; is it the right file?", path,
                       DIVIDERS_MOST);
    return 0;
}

cJSON *json_parse(const char *path, const char *bytes, size_t len, struct err *err)
{
    char shown[TEXT_EXCERPT_SIZE];
    const char *end = NULL;
    cJSON *root;

    if (check_bytes(path, bytes, len, err))
        return NULL;
    root = cJSON_ParseWithLengthOpts(bytes, len, &end, 0);
    if (root)
        end = skip_blanks(end, bytes + len);
    if (root && end == bytes + len)
        return root;
    if (!end || end < bytes || end > bytes + len)
        end = bytes;
    if (!root && skip_blanks(end, bytes + len) == bytes + len)
        err_set(err, EXIT_USAGE, "%s:%d: this is no JSON text: it ends too early", path,
                line_of(bytes, end));
    else
        err_set(err, EXIT_USAGE, "%s:%d: this is no JSON text%s, near '%s'", path,
                line_of(bytes, end), root ? ": more follows the end of its value" : "",
                text_excerpt(shown, end, (size_t)(bytes + len - end)));
    cJSON_Delete(root);
    return NULL;
}
