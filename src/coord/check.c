/* check: what a machine must have before anything is started on it. Every rank checks its own; no
 * other machine is asked.
 */
#include "coord/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "coord/rundir.h"
#include "keeper/listen.h"

static int check_workspace(const struct slice *slice, struct err *err)
{
    struct stat st;

    if (stat(slice->workspace, &st) < 0)
        return err_set(
            err, EXIT_MACHINE,
            "the workspace '%s' cannot be reached: %s; it must be there on every machine",
            slice->workspace, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return err_set(err, EXIT_MACHINE, "the workspace '%s' is not a folder", slice->workspace);
    if (access(slice->workspace, X_OK) < 0)
        return err_set(err, EXIT_MACHINE, "the workspace '%s' may not be entered: %s",
                       slice->workspace, strerror(errno));
    return 0;
}

/* The line in which a and b first differ, from 1. */
static int differing_line(const struct buf *a, const struct buf *b)
{
    int line = 1;

    for (size_t i = 0; i < a->len && i < b->len && a->data[i] == b->data[i]; i++)
        line += a->data[i] == '\n';
    return line;
}

static int check_copy(const struct slice *slice, const char *name, const struct buf *original,
                      struct err *err)
{
    struct buf own = {0};
    char *path;
    int rc;

    if (!name)
        return 0;
    path = file_join(slice->workspace, name);
    rc = file_read(path, JOB_FILE_MAX, &own, err);
    if (rc)
        err_wrap(err, "this machine has no copy of a file that rank 0 has read");
    else if (own.len != original->len || (own.len && memcmp(own.data, original->data, own.len)))
        rc = err_set(err, EXIT_MACHINE,
                     "'%s' is not the same as on rank 0's machine (first difference in line %d); "
                     "copy it to all machines, or put the workspace on shared storage",
                     path, differing_line(&own, original));
    err->code = EXIT_MACHINE;
    buf_free(&own);
    free(path);
    return rc;
}

static int check_parts(const struct slice *slice, struct err *err)
{
    int rc = 0;

    for (size_t i = 0; i < slice->part_files.n && !rc; i++) {
        char *path = file_join(slice->workspace, slice->part_files.items[i]);

        if (access(path, R_OK) < 0)
            rc = err_set(err, EXIT_MACHINE,
                         "'%s', a file of this machine's partition %d, cannot be read: %s", path,
                         slice->machine, strerror(errno));
        free(path);
    }
    return rc;
}

static int check_ports(const struct slice *slice, struct err *err)
{
    const char *remedy = slice->own_ip_config ? "another port by --port"
                                              : "another port by --port, or behind the address in "
                                                "ip_config";

    for (int i = 0; i < slice->n_processes; i++) {
        int port = slice->processes[i].port;
        int pid = 0;

        if (!port || !listen_owner(slice->ip, port, &pid))
            continue;
        if (pid > 0)
            return err_set(err, EXIT_MACHINE,
                           "port %d, wanted for server %d, is in use by process %d; end it, or "
                           "name %s",
                           port, slice->processes[i].id, pid, remedy);
        return err_set(err, EXIT_MACHINE,
                       "port %d, wanted for server %d, is in use by a process of another user; "
                       "name %s",
                       port, slice->processes[i].id, remedy);
    }
    return 0;
}

/* Of the keeper, which holds a pipe and a log file for each process. */
static int check_files(const struct slice *slice, struct err *err)
{
    enum { OWN = 32, EACH = 2 };
    struct rlimit limit;
    int wanted = OWN + EACH * slice->n_processes;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max >= (rlim_t)wanted)
        return 0;
    return err_set(
        err, EXIT_MACHINE,
        "the hard limit of open files is %d, and %d processes need %d at least; raise it "
        "('ulimit -Hn', /etc/security/limits.conf)",
        (int)limit.rlim_max, slice->n_processes, wanted);
}

static int make_log_folder(struct slice *slice, struct err *err)
{
    struct err why = {0};

    if (!slice->log_dir)
        return 0;
    if (!rundir_make_logs(slice->log_dir, &why) && access(slice->log_dir, W_OK) < 0)
        err_set(&why, EXIT_MACHINE, "%s", strerror(errno));
    if (!why.code)
        return 0;
    if (slice->log_required)
        return err_set(err, EXIT_MACHINE, "cannot write log files in '%s': %s", slice->log_dir,
                       why.text);
    log_warning("%s: no log files: cannot write in '%s': %s", slice->host, slice->log_dir,
                why.text);
    free(slice->log_dir);
    slice->log_dir = NULL;
    return 0;
}

int check_machine(struct slice *slice, const struct announce *announce, struct err *err)
{
    if (check_workspace(slice, err) ||
        (!slice->own_ip_config && check_copy(slice, slice->ip_config, &announce->ip_config, err)) ||
        check_copy(slice, slice->part_config, &announce->part_config, err) ||
        check_parts(slice, err) || check_ports(slice, err) || check_files(slice, err))
        return -1;
    return make_log_folder(slice, err);
}
