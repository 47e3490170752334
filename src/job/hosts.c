/* hosts: ip_config, read as DGL reads it (dgl/distributed/rpc.py read_ip_config splits every line,
 * also a blank one, at white space into IP or IP PORT). Refuses what DGL would raise at or misread.
 * Opens no file and asks no name server: the caller brings a function for names.
 */
#include "job/hosts.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

enum { LINE_LIMIT = 256, PORT_MAX = 65535 };

struct reader {
    struct hosts *hosts;
    const char *path;
    int num_servers;
    int line;
    size_t capacity;
    hosts_resolver *resolve; /* NULL: names are refused */
    struct err *err;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

#define FAIL(r, shown, len, ...) fail((r), (shown), (len), mem_printf(__VA_ARGS__))

/* Sets the error PATH:LINE: 'TEXT': what. Frees what. */
static int fail(const struct reader *r, const char *text, size_t len, char *what)
{
    char shown[TEXT_EXCERPT_SIZE];

    if (len)
        err_set(r->err, EXIT_USAGE, "%s:%d: '%s': %s", r->path, r->line,
                text_excerpt(shown, text, len), what);
    else
        err_set(r->err, EXIT_USAGE, "%s:%d: %s", r->path, r->line, what);
    free(what);
    return -1;
}

static int parse_port(const struct reader *r, const char *word, size_t len, int *port)
{
    long value = text_number(word, len, PORT_MAX);
    int highest = r->num_servers > 0 ? PORT_MAX - r->num_servers + 1 : PORT_MAX;

    if (value < 1)
        return FAIL(r, word, len,
                    "not a port; behind the address only a port from 1 to %d may stand", highest);
    if (value > highest)
        return FAIL(r, word, len,
                    "%d servers listen on this port and those after it, and the last would be "
                    "above %d; use %d or less",
                    r->num_servers, PORT_MAX, highest);
    *port = (int)value;
    return 0;
}

void hosts_set_address(struct host *host, uint32_t address)
{
    host->address = address;
    snprintf(host->ip, sizeof(host->ip), "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
             address >> 8 & 255, address & 255);
}

/* Letters, digits, '-', '_' and '.', and a letter among them: "10.0.0.01" is a slip. */
static bool is_name(const char *word, size_t len)
{
    bool letter = false;

    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)word[i]) && !strchr("-_.", word[i]))
            return false;
        letter |= isalpha((unsigned char)word[i]) != 0;
    }
    return letter && word[0] != '-' && word[0] != '.';
}

static int resolve(const struct reader *r, const char *word, size_t len, struct host *host)
{
    char *name = mem_strndup(word, len);
    struct err why = {0};
    uint32_t address;
    int rc = r->resolve(name, &address, &why);

    free(name);
    if (rc)
        return FAIL(r, word, len, "%s", why.text);
    hosts_set_address(host, address);
    r->hosts->named = true;
    return 0;
}

static int parse_address(const struct reader *r, const char *word, size_t len, struct host *host)
{
    struct in_addr address;

    if (len < sizeof(host->ip)) {
        memcpy(host->ip, word, len);
        host->ip[len] = '\0';
        if (inet_pton(AF_INET, host->ip, &address) == 1) {
            host->address = ntohl(address.s_addr);
            if (host->address && host->address < 0xe0000000)
                return 0;
            return FAIL(r, word, len, "not the address of one machine");
        }
    }
    if (r->resolve && is_name(word, len))
        return resolve(r, word, len, host);
    if (word[0] == '#')
        return FAIL(r, word, len, "DGL knows no comments in this file; remove the line");
    if (memchr(word, ':', len))
        return FAIL(r, word, len,
                    "not an IPv4 address; DGL cannot use IPv6, and a port stands behind a blank");
    return FAIL(r, word, len,
                "not an IPv4 address such as 10.0.0.1; DGL compares the machine's addresses with "
                "this text, so a host name or leading zeros do not work");
}

static int check_bytes(const struct reader *r, const char *text, size_t len)
{
    if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
        return FAIL(r, text, len,
                    "a byte order mark, which DGL takes as part of the address; save "
                    "the file as plain text");
    for (size_t i = 0; i < len && i <= LINE_LIMIT; i++)
        if (!is_blank(text[i]) && (text[i] < ' ' || text[i] > '~'))
            return FAIL(r, text, len, "byte %zu is not printable ASCII; is it the right file?",
                        i + 1);
    if (len > LINE_LIMIT)
        return FAIL(r, text, len, "the line has %zu bytes; is it the right file?", len);
    return 0;
}

/* Moves *at to the next word of the line; returns the word's length, 0 at the end. */
static size_t next_word(const char **at, const char *end)
{
    const char *p;

    while (*at < end && is_blank(**at))
        (*at)++;
    for (p = *at; p < end && !is_blank(*p);)
        p++;
    return (size_t)(p - *at);
}

static int parse_line(struct reader *r, const char *text, size_t len)
{
    struct host host = {.port = HOSTS_DEFAULT_PORT, .line = r->line};
    const char *at = text, *end = text + len;
    size_t word;

    if (check_bytes(r, text, len))
        return -1;
    word = next_word(&at, end);
    if (!word)
        return FAIL(r, text, 0, "a blank line, at which DGL stops reading; remove it");
    if (parse_address(r, at, word, &host))
        return -1;
    at += word;
    word = next_word(&at, end);
    if (word && parse_port(r, at, word, &host.port))
        return -1;
    host.has_port = word;
    at += word;
    if (word && next_word(&at, end))
        return FAIL(r, text, len,
                    "a third word; DGL knows only an address and a port in each line");
    if (r->hosts->n == HOSTS_MAX)
        return FAIL(r, text, 0, "more than %d machines", HOSTS_MAX);
    r->hosts->items = mem_grow(r->hosts->items, r->hosts->n, &r->capacity, sizeof(host));
    r->hosts->items[r->hosts->n++] = host;
    return 0;
}

static int by_address(const void *left, const void *right)
{
    const struct host *a = *(const struct host *const *)left;
    const struct host *b = *(const struct host *const *)right;

    if (a->address != b->address)
        return a->address < b->address ? -1 : 1;
    return a->line < b->line ? -1 : a->line > b->line;
}

/* Refuses lines with the same address: names the first line that repeats one. */
static int check_pairs(struct reader *r)
{
    struct hosts *hosts = r->hosts;
    const struct host **sorted = mem_calloc(hosts->n, sizeof(*sorted));
    const struct host *first = NULL, *second = NULL;

    for (size_t i = 0; i < hosts->n; i++)
        sorted[i] = &hosts->items[i];
    qsort(sorted, hosts->n, sizeof(*sorted), by_address);
    for (size_t i = 1; i < hosts->n; i++) {
        if (sorted[i]->address != sorted[i - 1]->address ||
            (second && second->line < sorted[i]->line))
            continue;
        first = sorted[i - 1];
        second = sorted[i];
    }
    free(sorted);
    if (!second)
        return 0;
    r->line = second->line;
    if (abs(first->port - second->port) < r->num_servers)
        return FAIL(r, second->ip, strlen(second->ip),
                    "the ports of its %d servers from %d on overlap those of line %d from %d on; "
                    "each machine stands in one line only",
                    r->num_servers, second->port, first->line, first->port);
    return FAIL(r, second->ip, strlen(second->ip),
                "the same address as in line %d; each machine stands in one line only, DGL would "
                "take both for machine %d",
                first->line, first->line - 1);
}

static int parse_lines(struct reader *r, const char *bytes, size_t len)
{
    const char *end = bytes + len;

    for (const char *at = bytes; at < end; r->line++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        size_t line = (size_t)(stop - at);

        if (line && stop[-1] == '\r')
            line--;
        if (parse_line(r, at, line))
            return -1;
        at = newline ? newline + 1 : end;
    }
    return 0;
}

int hosts_parse(struct hosts *hosts, const char *path, const char *bytes, size_t len,
                int num_servers, struct err *err)
{
    return hosts_parse_names(hosts, path, bytes, len, num_servers, NULL, err);
}

void hosts_append(struct hosts *hosts, const struct host *host)
{
    hosts->items = mem_realloc(hosts->items, hosts->n + 1, sizeof(*hosts->items));
    hosts->items[hosts->n++] = *host;
}

void hosts_text(struct buf *out, const struct hosts *hosts)
{
    for (size_t i = 0; i < hosts->n; i++)
        buf_addf(out, "%s %d\n", hosts->items[i].ip, hosts->items[i].port);
}

int hosts_parse_names(struct hosts *hosts, const char *path, const char *bytes, size_t len,
                      int num_servers, hosts_resolver *resolver, struct err *err)
{
    struct reader r = {.hosts = hosts,
                       .path = path,
                       .num_servers = num_servers,
                       .line = 1,
                       .resolve = resolver,
                       .err = err};

    *hosts = (struct hosts){0};
    if (!len)
        return err_set(err, EXIT_USAGE, "%s: the file is empty; it must name one machine a line",
                       path);
    if (!parse_lines(&r, bytes, len) && !check_pairs(&r))
        return 0;
    hosts_free(hosts);
    return -1;
}

void hosts_free(struct hosts *hosts)
{
    free(hosts->items);
    *hosts = (struct hosts){0};
}
