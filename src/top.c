/* top: dgl-mpilaunch-top: what the processes of a job that runs do now. It asks rank 0 by a
 * datagram, as the report in the run folder says, and prints what rank 0 then writes there. Needs
 * no MPI.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "config.h"
#include "job/json.h"
#include "wire/ringing.h"

enum {
    HEAD_MOST = 4 << 20, /* bytes of report.json before the attempts: the command is among them */
    ANSWER_MS = 4000,    /* rank 0 waits for its machines for 2 s */
    AGAIN_MS = 600,      /* a datagram may be lost, or come right after another's question */
    LOOK_MS = 50,
    EVERY_S = 2
};

#define DEFAULT_DIR "dgl-mpilaunch-runs/latest"

struct top {
    const char *dir;
    bool json, once;
    int every_ms;
    int fd; /* UDP */
};

/* What report.json says of the job as a whole. */
struct head {
    char job_id[128], ask[128];
    double wall_s;
    int exit_code; /* of the last attempt that has ended; -1: none has */
    bool complete;
};

static _Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

static _Noreturn void fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "dgl-mpilaunch-top: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(EXIT_USAGE);
}

static const char usage[] =
    "usage: dgl-mpilaunch-top [--json] [--once] [--interval SECONDS] [RUN_DIR]\n"
    "Shows what the processes of a job of dgl-mpilaunch do now.\n"
    "\n"
    "RUN_DIR is the job's run folder; without it " DEFAULT_DIR ".\n"
    "  --json      prints report.json, made at this moment\n"
    "  --once      prints once and ends, as it does where its output is no terminal\n"
    "  --interval  seconds between two looks (2)\n"
    "  --version, --help\n";

/* ---- the run folder ---- */

/* Reads at most `most` bytes. */
static bool read_start(const struct top *top, const char *name, size_t most, struct buf *text)
{
    char *path = mem_printf("%s/%s", top->dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = 1;

    text->len = 0;
    while (fd >= 0 && text->len < most && n > 0) {
        n = read(fd, buf_reserve(text, BUFSIZ), BUFSIZ);
        text->len += n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0)
        close(fd);
    free(path);
    return fd >= 0;
}

static void copy_text(const cJSON *root, const char *name, char *to, size_t size)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, name));

    snprintf(to, size, "%s", text ? text : "");
}

static void take_head(const cJSON *root, struct head *head)
{
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(root, "exit_code");

    copy_text(root, "job_id", head->job_id, sizeof(head->job_id));
    copy_text(root, "ask", head->ask, sizeof(head->ask));
    head->exit_code = cJSON_IsNumber(code) ? code->valueint : -1;
    head->complete = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(root, "complete"));
    head->wall_s = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(root, "wall_s"));
}

/* The attempts, which may be long, come last. */
static void read_head(const struct top *top, struct head *head)
{
    static const char last[] = ",\n  \"attempts\": [";
    struct buf text = {0};
    struct err err = {0};
    char *end = NULL;
    cJSON *root;

    *head = (struct head){.exit_code = -1};
    if (!read_start(top, "report.json", HEAD_MOST, &text))
        fail("there is no report.json in '%s'; name the run folder of the job, which stands in its "
             "output or below WORKSPACE/dgl-mpilaunch-runs",
             top->dir);
    if (text.len)
        end = memmem(text.data, text.len, last, sizeof(last) - 1);
    if (!end)
        fail("'%s/report.json' is no report of dgl-mpilaunch " PACKAGE_VERSION, top->dir);
    text.len = (size_t)(end - text.data);
    buf_add(&text, "}", 1);
    root = json_parse("report.json", text.data, text.len, &err);
    if (!root)
        fail("%s", err.text);
    take_head(root, head);
    cJSON_Delete(root);
    buf_free(&text);
}

/* Between two attempts there is a code, and somebody to ask. */
static bool runs(const struct head *head)
{
    return head->exit_code < 0 || head->ask[0];
}

/* ---- the question ---- */

static void ask(struct top *top, const struct head *head)
{
    struct ringing ringing = {.rank = UINT32_MAX, .what = RINGING_ASK};
    struct in_addr address;
    char ip[INET_ADDRSTRLEN];
    int port;

    if (sscanf(head->ask, "%15s %d %" SCNx64, ip, &port, &ringing.key) != 3 ||
        inet_pton(AF_INET, ip, &address) != 1)
        return;
    if (top->fd < 0)
        top->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ringing_send(top->fd, ntohl(address.s_addr), port, &ringing);
}

/* Rank 0 writes a new file each time and renames it. */
static bool is_new(const struct top *top, const char *name, struct stat *before)
{
    char *path = mem_printf("%s/%s", top->dir, name);
    struct stat now = {0};
    bool changed;

    if (stat(path, &now) != 0)
        now = (struct stat){0};
    changed = now.st_ino != before->st_ino || now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
              now.st_mtim.tv_nsec != before->st_mtim.tv_nsec;
    *before = now;
    free(path);
    return changed;
}

/* False: nothing new has been written. */
static bool ask_and_wait(struct top *top, const struct head *head, const char *name)
{
    int64_t now = clock_ms(), end = now + ANSWER_MS, again = now;
    struct stat before = {0};

    is_new(top, name, &before);
    while (now < end) {
        if (now >= again) {
            ask(top, head);
            again = now + AGAIN_MS;
        }
        poll(NULL, 0, LOOK_MS);
        if (is_new(top, name, &before))
            return true;
        now = clock_ms();
    }
    return false;
}

/* ---- the answer ---- */

static void print_file(const struct top *top, const char *name)
{
    struct buf text = {0};

    if (!read_start(top, name, SIZE_MAX, &text))
        fprintf(stderr, "dgl-mpilaunch-top: rank 0 has written no '%s/%s' yet\n", top->dir, name);
    fwrite(text.data ? text.data : "", 1, text.len, stdout);
    buf_free(&text);
}

static void print_end(const struct top *top, const struct head *head)
{
    printf(
        "dgl-mpilaunch-top: %s ended after %.1f s with exit code %d%s; %s/report.json has more\n",
        head->job_id, head->wall_s, head->exit_code,
        head->complete ? "" : ", and not all machines have reported", top->dir);
}

static bool shows_again(const struct top *top)
{
    return !top->once && isatty(STDOUT_FILENO);
}

static void say_unanswered(const struct head *head)
{
    if (head->ask[0])
        fprintf(
            stderr,
            "dgl-mpilaunch-top: rank 0 has not answered within %d s, so that this is older (has "
            "the launcher been killed, or does no UDP reach it from here, at %.*s?)\n",
            ANSWER_MS / 1000, (int)strcspn(head->ask, " "), head->ask);
    else
        fprintf(stderr, "dgl-mpilaunch-top: this job cannot be asked; rank 0 writes each minute\n");
}

/* Returns whether the job runs, as far as is known. */
static bool show(struct top *top)
{
    const char *name = top->json ? "report.json" : "state.txt";
    bool answered = false;
    struct head head;

    read_head(top, &head);
    if (runs(&head)) {
        answered = head.ask[0] && ask_and_wait(top, &head, name);
        read_head(top, &head); /* it may have ended meanwhile */
    }
    if (shows_again(top))
        printf("\033[H\033[2J");
    if (!runs(&head) && !top->json)
        print_end(top, &head);
    else
        print_file(top, name);
    if (runs(&head) && !answered)
        say_unanswered(&head);
    fflush(stdout);
    return runs(&head);
}

static double seconds(const char *text)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end || !(value >= 0.1 && value <= 86400))
        fail("--interval must be a number of seconds from 0.1 to 86400, and is '%s'", text);
    return value;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'},           {"once", no_argument, NULL, 'o'},
        {"interval", required_argument, NULL, 'i'}, {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0},
    };
    struct top top = {.dir = DEFAULT_DIR, .every_ms = EVERY_S * 1000, .fd = -1};
    int option;

    while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
        switch (option) {
        case 'j': top.json = true; break;
        case 'o': top.once = true; break;
        case 'i': top.every_ms = (int)(seconds(optarg) * 1000); break;
        case 'v': printf("dgl-mpilaunch-top " PACKAGE_VERSION "\n"); return EXIT_OK;
        case 'h': printf("%s", usage); return EXIT_OK;
        default: fprintf(stderr, "%s", usage); return EXIT_USAGE;
        }
    }
    if (argc - optind > 1)
        fail("one run folder at a time; '%s' is a second one", argv[optind + 1]);
    if (optind < argc)
        top.dir = argv[optind];
    while (show(&top) && shows_again(&top))
        poll(NULL, 0, top.every_ms);
    return EXIT_OK;
}
