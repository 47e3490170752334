/* sweep: looks for folders of dead jobs. Which job is dead is jobdir's knowledge. */
#include "keeper/sweep.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "keeper/jobdir.h"
#include "keeper/shm.h"

static void sweep_one(int parent, const char *path, const char *name)
{
    struct jobdir dead;
    char *full = mem_printf("%s/%s", path, name);

    if (jobdir_find_dead(&dead, parent, name, full) == 0) {
        shm_clean_after(dead.fd);
        jobdir_end(&dead);
    }
    free(full);
}

void sweep_dead(const char *parent)
{
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    if (!listing && fd >= 0)
        close(fd);
    while (listing && (entry = readdir(listing))) {
        if (jobdir_is_name(entry->d_name))
            sweep_one(fd, parent, entry->d_name);
    }
    if (listing)
        closedir(listing);
}

/* The child keeps neither the socket to the rank, whose end tells that the keeper has died, nor
 * the lock of this job's own folder. */
pid_t sweep_begin(void)
{
    pid_t parent = getpid(), pid = fork();
    sigset_t none;

    if (pid != 0)
        return pid;
    sigemptyset(&none);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    if (getppid() != parent)
        _exit(0);
    sigprocmask(SIG_SETMASK, &none, NULL);
    file_close_from(STDERR_FILENO);
    sweep_dead(jobdir_parent());
    _exit(0);
}
