/* fake, dump: what a process sees of itself, as JSON, so that a test can compare it with the plan.
 * Knows nothing of the script.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake.h"

extern char **environ;

static void put_text(FILE *out, const char *text, size_t len)
{
    fputc('"', out);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f)
            fprintf(out, "\\u%04x", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void put_argv(FILE *out, char **argv)
{
    fputs("\"argv\": [", out);
    for (int i = 0; argv[i]; i++) {
        fputs(i == 0 ? "" : ", ", out);
        put_text(out, argv[i], strlen(argv[i]));
    }
    fputs("],\n", out);
}

static void put_environment(FILE *out)
{
    fputs("\"environment\": {", out);
    for (int i = 0; environ[i]; i++) {
        size_t len = strcspn(environ[i], "=");

        fputs(i == 0 ? "\n  " : ",\n  ", out);
        put_text(out, environ[i], len);
        fputs(": ", out);
        len += environ[i][len] == '=';
        put_text(out, environ[i] + len, strlen(environ[i] + len));
    }
    fputs("},\n", out);
}

/* Lines of /proc/self/status whose names a test asks for. */
static void put_status(FILE *out)
{
    static const char *const names[] = {"SigBlk", "SigIgn", "SigCgt", "Cpus_allowed_list"};
    FILE *status = fopen("/proc/self/status", "re");
    char line[512];

    while (status && fgets(line, sizeof(line), status)) {
        size_t len = strcspn(line, ":");

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            const char *value = line + len + 1;

            if (strlen(names[i]) != len || strncmp(names[i], line, len))
                continue;
            value += strspn(value, " \t");
            fprintf(out, "\"%s\": ", names[i]);
            put_text(out, value, strcspn(value, "\n"));
            fputs(",\n", out);
        }
    }
    if (status)
        fclose(status);
}

/* Call it before a file is opened, so that no file of our own is among them. */
static void read_fds(FILE *out)
{
    char path[64], target[4096];
    const char *between = "";

    fputs("\"fds\": {", out);
    for (int fd = 0; fd < 4096; fd++) {
        ssize_t len;

        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        len = readlink(path, target, sizeof(target));
        if (len < 0)
            continue;
        fprintf(out, "%s\"%d\": ", between, fd);
        put_text(out, target, (size_t)len);
        between = ", ";
    }
    fputs("},\n", out);
}

void dump_write(const char *path, const struct self *self, char **argv)
{
    char cwd[4096] = "", name[4096], temporary[4200], *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    int fd;

    fputs("{\n", out);
    read_fds(out);
    put_argv(out, argv);
    put_environment(out);
    put_status(out);
    fputs("\"cwd\": ", out);
    if (!getcwd(cwd, sizeof(cwd)))
        cwd[0] = '\0';
    put_text(out, cwd, strlen(cwd));
    fprintf(out, ",\n\"pid\": %d, \"ppid\": %d, \"pgid\": %d, \"sid\": %d\n}\n", getpid(),
            getppid(), getpgid(0), getsid(0));
    fclose(out);

    snprintf(name, sizeof(name), "%s.%s-%d", path, self->role, self->id);
    snprintf(temporary, sizeof(temporary), "%s.tmp", name);
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, text, len) != (ssize_t)len || rename(temporary, name) != 0)
        fake_die(1, "%s: %s", name, strerror(errno));
    close(fd);
    free(text);
}
