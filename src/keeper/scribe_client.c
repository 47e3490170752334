/* scribe_client: the rank's side of the scribe, and the message that carries a text. */
#include "keeper/scribe_client.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/kernel.h"
#include "keeper/mpirun.h"

enum { UNDER_WAY_MOST = 64 }; /* texts, so that a scribe that hangs costs no memory without end */

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

/* why NULL: the scribe is gone. */
static int cannot_hand(enum scribe_how how, const char *path, const char *why, struct err *err)
{
    const char *verb = how == SCRIBE_REMOVE ? "remove" : "write";

    if (why)
        return err_set(err, EXIT_LAUNCHER, "cannot %s '%s': %s", verb, path, why);
    return err_set(err, EXIT_LAUNCHER, "cannot %s '%s': the process that %ss it has died", verb,
                   path, verb);
}

/* -1 with errno. */
static int text_in_memory(const char *text, size_t len)
{
    int fd = memfd_create("dgl-scribe", MFD_CLOEXEC), error;

    if (fd < 0 || file_write_all(fd, text, len) == 0)
        return fd;
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int send_text(int fd, const struct scribe_text *text, int memory)
{
    union control control = {0};
    struct iovec part = {.iov_base = (void *)text,
                         .iov_len = offsetof(struct scribe_text, path) + strlen(text->path) + 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(memory));
    memcpy(CMSG_DATA(header), &memory, sizeof(memory));
    return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static int hand(struct scribe *scribe, enum scribe_how how, const char *path, const void *text,
                size_t len, struct err *err)
{
    struct scribe_text message = {.how = how};
    int memory, rc;

    if (scribe->fd < 0)
        return cannot_hand(how, path, NULL, err);
    if (strlen(path) >= sizeof(message.path))
        return cannot_hand(how, path, strerror(ENAMETOOLONG), err);
    memcpy(message.path, path, strlen(path));
    memory = text_in_memory(text, len);
    if (memory < 0)
        return cannot_hand(how, path, strerror(errno), err);
    rc = send_text(scribe->fd, &message, memory);
    if (rc != 0)
        cannot_hand(how, path, errno == EAGAIN ? "the file system does not answer" : NULL, err);
    close(memory);
    return rc;
}

int scribe_hand(struct scribe *scribe, enum scribe_how how, const char *path, const void *text,
                size_t len, struct err *err)
{
    if (scribe->under_way >= UNDER_WAY_MOST)
        return cannot_hand(how, path, "the file system does not answer", err);
    if (hand(scribe, how, path, text, len, err))
        return -1;
    if (scribe->under_way++ == 0)
        scribe->moved = clock_ms();
    return 0;
}

int scribe_hand_folder(struct scribe *scribe, const struct folder *folder, struct err *err)
{
    struct scribe_folder what = {.dev = folder->dev, .ino = folder->ino};

    if (hand(scribe, SCRIBE_REMOVE, folder->path, &what, sizeof(what), err))
        return -1;
    scribe->removes = true;
    return 0;
}

bool scribe_hand_mpirun(struct scribe *scribe, int daemons)
{
    struct scribe_text message = {.how = SCRIBE_SEE_OFF};
    pid_t pid = mpirun_find();
    int pidfd = pid > 0 && scribe->fd >= 0 ? kernel_pidfd_open(pid) : -1;
    bool handed;

    if (pidfd >= 0 && getppid() != pid) { /* it has ended since, and its pid may be another's */
        close(pidfd);
        return false;
    }
    if (pidfd < 0)
        return false;
    snprintf(message.path, sizeof(message.path), "%d %d", (int)pid, daemons);
    handed = !send_text(scribe->fd, &message, pidfd);
    close(pidfd);
    return handed;
}

int scribe_client_next(int fd, struct scribe_text *text, int *memory)
{
    union control control = {0};
    struct iovec part = {.iov_base = text, .iov_len = sizeof(*text)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *header;
    ssize_t n;

    do
        n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return 0;
    header = CMSG_FIRSTHDR(&message);
    if (n <= (ssize_t)offsetof(struct scribe_text, path) || !header ||
        header->cmsg_type != SCM_RIGHTS)
        return -1;
    memcpy(memory, CMSG_DATA(header), sizeof(*memory));
    return 1;
}

int scribe_answer(struct scribe *scribe, enum scribe_how *how, struct err *why)
{
    struct scribe_reply reply;
    ssize_t n;

    if (scribe->fd < 0 || (scribe->under_way == 0 && !scribe->removes))
        return 0;
    do
        n = recv(scribe->fd, &reply, sizeof(reply), MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n <= (ssize_t)offsetof(struct scribe_reply, why.text)) {
        close(scribe->fd);
        scribe->fd = -1;
        scribe->under_way = 0;
        scribe->removes = false;
        return -1;
    }
    if (reply.how == SCRIBE_REMOVE) {
        scribe->removes = false;
    } else {
        scribe->under_way--;
        scribe->moved = clock_ms();
    }
    *how = reply.how;
    *why = reply.why;
    return 1;
}

static void hang_up(struct scribe *scribe)
{
    if (scribe->fd >= 0)
        close(scribe->fd);
    scribe->fd = -1;
}

void scribe_let_go(struct scribe *scribe)
{
    if (scribe->fd >= 0)
        shutdown(scribe->fd, SHUT_WR);
}

/* Its end of the socket goes with it, a moment before it can be reaped. */
bool scribe_has_left(struct scribe *scribe)
{
    struct scribe_reply reply;
    ssize_t n = 1;

    while (scribe->fd >= 0 && n > 0)
        n = recv(scribe->fd, &reply, sizeof(reply), MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        hang_up(scribe);
    return scribe->pid <= 0 || waitpid(scribe->pid, NULL, WNOHANG) != 0;
}

void scribe_leave(struct scribe *scribe, int timeout_ms)
{
    int64_t end = clock_ms() + timeout_ms;

    scribe_let_go(scribe);
    while (!scribe_has_left(scribe) && clock_ms() < end)
        poll(&(struct pollfd){.fd = scribe->fd, .events = POLLIN}, 1, 1);
    hang_up(scribe);
}
