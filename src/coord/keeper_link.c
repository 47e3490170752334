/* keeper_link: frames over the socketpair to the keeper. Knows no message's meaning. */
#include "coord/keeper_link.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READ_LEAST = 4096 };

static void write_some(struct keeper_link *link)
{
    while (link->out.len && !link->gone) {
        ssize_t n = send(link->keeper.fd, link->out.data, link->out.len, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            link->gone = true;
        else
            buf_consume(&link->out, (size_t)n);
    }
}

static void read_some(struct keeper_link *link)
{
    buf_consume(&link->in, link->at); /* once for many messages */
    link->at = 0;
    while (!link->gone) {
        char *into = buf_reserve(&link->in, READ_LEAST);
        size_t room = link->in.capacity - link->in.len;
        ssize_t n = read(link->keeper.fd, into, room);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0)
            link->gone = true;
        else
            link->in.len += (size_t)n;
        if (n < 0 || (size_t)n < room)
            return;
    }
}

void keeper_link_send(struct keeper_link *link, enum message_type type, const void *data,
                      size_t len)
{
    if (link->leaves)
        return;
    message_frame(&link->out, type, data, len);
    write_some(link);
}

void keeper_link_pump(struct keeper_link *link)
{
    write_some(link);
    read_some(link);
}

int keeper_link_next(struct keeper_link *link, enum message_type *type, struct buf *payload)
{
    const char *data;
    size_t len;
    struct buf rest = {.data = link->in.data + link->at, .len = link->in.len - link->at};
    int rc = message_next(&rest, type, &data, &len);

    if (rc != 1)
        return rc;
    *payload = (struct buf){0};
    buf_add(payload, data, len);
    link->at += MESSAGE_HEADER + len;
    return 1;
}

void keeper_link_leave(struct keeper_link *link)
{
    keeper_link_send(link, MESSAGE_LEAVE, NULL, 0);
    link->leaves = true;
    shutdown(link->keeper.fd, SHUT_WR);
}

/* The socket ends when the keeper does, since its children have no copy. */
bool keeper_link_has_left(struct keeper_link *link)
{
    read_some(link);
    link->in.len = link->at = 0;
    return link->gone;
}

void keeper_link_close(struct keeper_link *link)
{
    close(link->keeper.fd);
    link->keeper.fd = -1;
    if (link->gone)
        waitpid(link->keeper.pid, NULL, 0);
}
