/* shm: the mount namespace and what is mounted in it, and which of the two ways is gone. The rank,
 * and with it MPI, stays in the old namespace.
 */
#include "keeper/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "keeper/spawn.h"

#define FOLDER "/dev/shm"
#define SAVED  ".segments" /* in the job's folder */
#define REMEDY "; with '--private_shm auto' it goes on without where it must"

int64_t shm_size(int64_t wanted, int64_t memory)
{
    return wanted > 0 ? wanted : memory / 2;
}

/* ---- what would be hidden ---- */

/* Strictly: a TMPDIR that is the folder itself is there in a private one too. */
static bool lies_in(const char *workspace, const char *path, const char *folder)
{
    char *full = path ? file_join(workspace, path) : NULL;
    char *real = full ? realpath(full, NULL) : NULL, *base = realpath(folder, NULL);
    bool inside =
        real && base && strncmp(real, base, strlen(base)) == 0 && real[strlen(base)] == '/';

    free(full);
    free(real);
    free(base);
    return inside;
}

const char *shm_hides(const struct slice *slice, const char *folder)
{
    const char *temporary = getenv("TMPDIR");
    char *program = spawn_program(slice);
    const struct {
        const char *what, *path;
    } places[] = {
        {"the workspace", "."},
        {"ip_config", slice->ip_config},
        {"part_config", slice->part_config},
        {"the partition", slice->part_files.n > 0 ? slice->part_files.items[0] : NULL},
        {"the folder of the logs", slice->log_dir},
        {"TMPDIR", temporary},
        {"the program", program},
    };
    const char *found = NULL;

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && !found; i++) {
        if (lies_in(slice->workspace, places[i].path, folder))
            found = places[i].what;
    }
    free(program);
    return found;
}

/* ---- the private one ---- */

static int64_t memory_of_machine(void)
{
    return (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
}

static int mount_own(const struct slice *slice, struct err *why)
{
    char *options = mem_printf("mode=1777,size=%lld",
                               (long long)shm_size(slice->shm_size, memory_of_machine()));
    int rc = mount("tmpfs", FOLDER, "tmpfs", MS_NOSUID | MS_NODEV, options);

    if (rc != 0)
        err_set(why, errno, "mount of a tmpfs (%s) on " FOLDER ": %s", options, strerror(errno));
    free(options);
    return rc;
}

/* What is mounted outside later still appears here (home folders by automounter); what is mounted
 * here is not seen outside. */
static int enter_namespace(struct err *why)
{
    if (unshare(CLONE_NEWNS) != 0)
        return err_set(why, errno, "unshare of a mount namespace: %s", strerror(errno));
    if (mount("none", "/", "none", MS_REC | MS_SLAVE, NULL) != 0)
        return err_set(why, errno, "mount of / as a slave: %s", strerror(errno));
    return 0;
}

static int tell(const char *path, const char *text, struct err *why)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool told = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    int error = errno;

    if (fd >= 0)
        close(fd);
    return told ? 0 : err_set(why, error, "%s: %s", path, strerror(error));
}

/* The same user and group inside as outside; the kernel wants setgroups given up. */
static int enter_user_namespace(struct err *why)
{
    unsigned uid = geteuid(), gid = getegid();
    char *users = mem_printf("%u %u 1", uid, uid), *groups = mem_printf("%u %u 1", gid, gid);
    int rc = -1;

    if (unshare(CLONE_NEWUSER) != 0)
        err_set(why, errno, "unshare of a user namespace: %s", strerror(errno));
    else if (tell("/proc/self/setgroups", "deny", why) == 0 &&
             tell("/proc/self/uid_map", users, why) == 0 &&
             tell("/proc/self/gid_map", groups, why) == 0)
        rc = enter_namespace(why);
    free(users);
    free(groups);
    return rc;
}

/* why->code is an errno. */
static int make_own(struct shm *shm, const struct slice *slice, struct err *why)
{
    if (!shm->apart) {
        if (enter_namespace(why) != 0 &&
            (slice->private_shm != PRIVATE_SHM_ON || enter_user_namespace(why) != 0))
            return -1;
        shm->apart = true;
    }
    if (mount_own(slice, why) != 0)
        return -1;
    shm->own = true;
    *why = (struct err){0};
    return 0;
}

/* ---- the attempt ---- */

static int refuse(struct err *why)
{
    err_wrap(why, "cannot give the job a private " FOLDER);
    strncat(why->text, REMEDY, sizeof(why->text) - strlen(why->text) - 1);
    why->code = EXIT_MACHINE;
    return -1;
}

/* Most users are not allowed to: no warning then. */
static bool is_no_news(int error)
{
    return error == EPERM || error == EACCES || error == ENOSYS;
}

static int begin_noting(struct shm *shm, struct err *why)
{
    if (is_no_news(why->code))
        *why = (struct err){0};
    else
        err_wrap(why, "the job's processes use the machine's own shared memory");
    shm->segments = segments_open(FOLDER);
    if (!shm->segments && why->text[0] == '\0')
        err_set(why, EXIT_OK,
                "what the job's processes leave in " FOLDER " will not be removed: it cannot be "
                "listed, or holds more than %d files",
                SEGMENTS_MAX);
    return 0;
}

int shm_begin(struct shm *shm, const struct slice *slice, struct err *why)
{
    const char *hidden;
    struct stat st;

    *why = (struct err){0};
    if (slice->private_shm == PRIVATE_SHM_OFF)
        return 0;
    if (stat(FOLDER, &st) != 0)
        err_set(why, errno, FOLDER ": %s", strerror(errno));
    else if ((hidden = shm_hides(slice, FOLDER)))
        err_set(why, EPERM, "it would hide %s, which is in the machine's", hidden);
    else if (make_own(shm, slice, why) == 0)
        return 0;
    return slice->private_shm == PRIVATE_SHM_ON ? refuse(why) : begin_noting(shm, why);
}

const char *shm_folder(const struct shm *shm)
{
    return shm->own ? FOLDER : NULL;
}

int shm_fd(const struct shm *shm)
{
    return shm->segments ? segments_fd(shm->segments) : -1;
}

void shm_heard(struct shm *shm, int64_t now)
{
    if (shm->segments)
        segments_heard(shm->segments, now);
}

int64_t shm_deadline(const struct shm *shm)
{
    return shm->segments ? segments_deadline(shm->segments) : CLOCK_NEVER;
}

static void look(struct shm *shm, int64_t now, int job_dir, bool all)
{
    if (segments_look(shm->segments, now, all) && job_dir >= 0)
        segments_save(shm->segments, job_dir, SAVED);
}

void shm_tick(struct shm *shm, int64_t now, int job_dir)
{
    if (shm->segments && now >= segments_deadline(shm->segments))
        look(shm, now, job_dir, false);
}

void shm_note(struct shm *shm, int job_dir)
{
    if (shm->segments)
        look(shm, clock_ms(), job_dir, true);
}

/* What is mounted here goes with all that is in it, also when somebody still looks at it. */
bool shm_remove(struct shm *shm)
{
    if (shm->segments)
        segments_remove(shm->segments);
    return !shm->own || umount2(FOLDER, MNT_DETACH) == 0;
}

void shm_forget(struct shm *shm)
{
    shm->own = false;
    segments_close(shm->segments);
    shm->segments = NULL;
}

void shm_clean_after(int job_dir)
{
    struct segments *segments = segments_load(FOLDER, job_dir, SAVED);

    if (segments)
        segments_remove(segments);
    segments_close(segments);
}
