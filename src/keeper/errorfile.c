/* errorfile: reads the JSON that torch's @record leaves when its function has raised. The user's
 * process has written it: the worst that it can do is not to help.
 */
#include "keeper/errorfile.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "job/json.h"

enum { FILE_MOST = 1 << 20, TEXT_MOST = 1000 };

/* Makes one blank of white space, line breaks included. */
static char *one_line(const char *text)
{
    char *line = mem_strndup(text + strspn(text, " \t\r\n"), TEXT_MOST), *to = line;

    for (const char *at = line; *at != '\0'; at++) {
        bool blank = isspace((unsigned char)*at) != 0;

        if (!blank || (to > line && to[-1] != ' '))
            *to++ = (char)(blank ? ' ' : *at);
    }
    while (to > line && to[-1] == ' ')
        to--;
    *to = '\0';
    return line;
}

static char *message_of(const cJSON *root)
{
    const cJSON *message = cJSON_GetObjectItemCaseSensitive(root, "message");
    char *line;

    if (cJSON_IsObject(message))
        message = cJSON_GetObjectItemCaseSensitive(message, "message");
    if (!cJSON_IsString(message))
        return NULL;
    line = one_line(message->valuestring);
    if (*line != '\0')
        return line;
    free(line);
    return NULL;
}

char *errorfile_read(const char *path, int64_t since)
{
    struct err err = {0};
    struct buf text = {0};
    struct stat st;
    cJSON *root = NULL;
    char *exception = NULL;

    if (stat(path, &st) == 0 && st.st_mtime >= since &&
        file_read(path, FILE_MOST, &text, &err) == 0)
        root = json_parse(path, text.data, text.len, &err);
    if (root)
        exception = message_of(root);
    cJSON_Delete(root);
    buf_free(&text);
    return exception;
}
