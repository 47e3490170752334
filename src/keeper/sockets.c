/* sockets: rows of /proc/net/tcp and tcp6, what the kernel answers when it is asked for listeners
 * alone, or for bytes that were moved (sock_diag(7)), and the sockets among a process's
 * descriptors.
 */
#include "keeper/sockets.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/procfs.h"

/* The kernel prints the network's bytes as numbers of this machine, 8 hex digits each: one of IPv4,
 * four of IPv6, of which the last is the IPv4 address if the third says so. */
static uint32_t address_of(const char *digits)
{
    static const char mapped[] = "0000000000000000FFFF0000", any[] = "000000000000000000000000";

    if (strlen(digits) == 8)
        return (uint32_t)strtoul(digits, NULL, 16);
    if (strncasecmp(digits, mapped, sizeof(mapped) - 1) == 0)
        return (uint32_t)strtoul(digits + sizeof(mapped) - 1, NULL, 16);
    return strncmp(digits, any, sizeof(any) - 1) == 0 && strtoul(digits + 24, NULL, 16) == 0
               ? 0
               : UINT32_MAX;
}

static bool parse(const char *line, struct socket_row *row)
{
    char address[33], peer[33];
    unsigned port, peer_port;

    if (sscanf(line, " %*[0-9]: %32[0-9A-Fa-f]:%x %32[0-9A-Fa-f]:%x %x %*s %*s %x %u %*s %lu",
               address, &port, peer, &peer_port, &row->state, &row->retransmits, &row->uid,
               &row->inode) != 8)
        return false;
    row->address = address_of(address);
    row->peer = address_of(peer);
    row->port = (int)port;
    row->peer_port = (int)peer_port;
    return true;
}

void sockets_each(bool (*take)(void *arg, const struct socket_row *row), void *arg)
{
    static const char *const tables[] = {"/proc/self/net/tcp", "/proc/self/net/tcp6"};

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        FILE *file = fopen(tables[i], "re");
        struct socket_row row;
        char line[512];

        while (file && fgets(line, sizeof(line), file)) {
            if (parse(line, &row) && !take(arg, &row)) /* the first line has names */
                break;
        }
        if (file)
            fclose(file);
    }
}

/* ---- what the kernel answers ---- */

struct question {
    struct nlmsghdr header;
    struct inet_diag_req_v2 what;
};

/* info: the bytes that were moved are asked for too. */
static int ask(int fd, int family, unsigned state, bool info)
{
    struct question question = {
        .header = {.nlmsg_len = sizeof(question),
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .what = {.sdiag_family = (uint8_t)family,
                 .sdiag_protocol = IPPROTO_TCP,
                 .idiag_ext = info ? 1U << (INET_DIAG_INFO - 1) : 0,
                 .idiag_states = 1U << state},
    };

    return send(fd, &question, sizeof(question), 0) == (ssize_t)sizeof(question) ? 0 : -1;
}

/* As address_of. */
static uint32_t ipv4_of(const struct inet_diag_sockid *id, int family)
{
    struct in6_addr address;

    if (family == AF_INET)
        return id->idiag_src[0];
    memcpy(&address, id->idiag_src, sizeof(address));
    if (IN6_IS_ADDR_V4MAPPED(&address))
        return id->idiag_src[3];
    return IN6_IS_ADDR_UNSPECIFIED(&address) ? 0 : UINT32_MAX;
}

static struct socket_row row_of(const struct inet_diag_msg *answer)
{
    return (struct socket_row){.address = ipv4_of(&answer->id, answer->idiag_family),
                               .port = ntohs(answer->id.idiag_sport),
                               .state = answer->idiag_state,
                               .uid = answer->idiag_uid,
                               .inode = answer->idiag_inode};
}

/* The attributes behind an answer. */
static uint64_t moved_of(const char *bytes, size_t len)
{
    struct rtattr attribute;
    struct tcp_info info = {0};

    for (size_t at = 0; at + sizeof(attribute) <= len; at += RTA_ALIGN(attribute.rta_len)) {
        memcpy(&attribute, bytes + at, sizeof(attribute));
        if (attribute.rta_len < sizeof(attribute) || attribute.rta_len > len - at)
            break;
        if (attribute.rta_type == INET_DIAG_INFO) {
            size_t size = attribute.rta_len - RTA_LENGTH(0);

            memcpy(&info, bytes + at + RTA_LENGTH(0), size < sizeof(info) ? size : sizeof(info));
        }
    }
    return info.tcpi_bytes_acked + info.tcpi_bytes_received;
}

/* Of one read. 1: more is to come, 0: no more, -1: the kernel cannot tell. */
static int hear(const char *bytes, size_t len,
                bool (*take)(void *arg, const struct socket_row *row), void *arg)
{
    struct nlmsghdr header;
    struct inet_diag_msg answer;

    for (size_t at = 0; at + sizeof(header) <= len; at += NLMSG_ALIGN(header.nlmsg_len)) {
        struct socket_row row;

        memcpy(&header, bytes + at, sizeof(header));
        if (header.nlmsg_type == NLMSG_DONE)
            return 0;
        if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY ||
            header.nlmsg_len < NLMSG_SPACE(sizeof(answer)) || header.nlmsg_len > len - at)
            return -1;
        memcpy(&answer, bytes + at + NLMSG_HDRLEN, sizeof(answer));
        row = row_of(&answer);
        row.moved = moved_of(bytes + at + NLMSG_SPACE(sizeof(answer)),
                             header.nlmsg_len - NLMSG_SPACE(sizeof(answer)));
        if (!take(arg, &row))
            return 0;
    }
    return 1;
}

/* -1: nobody can be asked here. */
static int each_in(unsigned state, int family, bool info,
                   bool (*take)(void *arg, const struct socket_row *row), void *arg)
{
    char bytes[16384];
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    int rc = fd < 0 ? -1 : ask(fd, family, state, info);
    ssize_t n;

    for (bool more = rc == 0; more; more = rc > 0) {
        n = recv(fd, bytes, sizeof(bytes), 0);
        if (n < 0 && errno == EINTR)
            rc = 1;
        else
            rc = n <= 0 ? -1 : hear(bytes, (size_t)n, take, arg);
    }
    if (fd >= 0)
        close(fd);
    return rc;
}

/* A kernel without IPv6 has no answer for it. */
void sockets_each_listening(bool (*take)(void *arg, const struct socket_row *row), void *arg)
{
    if (each_in(SOCKET_LISTEN, AF_INET, false, take, arg) < 0)
        sockets_each(take, arg);
    else
        each_in(SOCKET_LISTEN, AF_INET6, false, take, arg);
}

void sockets_each_moving(bool (*take)(void *arg, const struct socket_row *row), void *arg)
{
    if (each_in(SOCKET_ESTABLISHED, AF_INET, true, take, arg) >= 0)
        each_in(SOCKET_ESTABLISHED, AF_INET6, true, take, arg);
}

/* ---- sets ---- */

void sockets_add(struct sockets *sockets, unsigned long inode)
{
    sockets->inodes = mem_grow(sockets->inodes, sockets->n, &sockets->capacity, sizeof(inode));
    sockets->inodes[sockets->n++] = inode;
}

struct remote {
    struct sockets *sockets;
    struct in_addr ip;
    int port, n;
};

static bool take_connected(void *arg, const struct socket_row *row)
{
    const struct remote *remote = arg;

    if (row->state == SOCKET_ESTABLISHED && row->peer == remote->ip.s_addr &&
        row->peer_port >= remote->port && row->peer_port < remote->port + remote->n)
        sockets_add(remote->sockets, row->inode);
    return true;
}

void sockets_connected_to(struct sockets *sockets, struct in_addr ip, int port, int n)
{
    sockets_each(take_connected, &(struct remote){sockets, ip, port, n});
}

static bool take_own(void *arg, int fds, const char *name, const char *target)
{
    unsigned long inode;

    (void)fds;
    (void)name;
    if (sscanf(target, "socket:[%lu]", &inode) == 1)
        sockets_add(arg, inode);
    return false;
}

void sockets_add_of(struct sockets *sockets, pid_t pid)
{
    procfs_each_fd(pid, take_own, sockets);
}

bool sockets_has(const struct sockets *sockets, unsigned long inode)
{
    for (size_t i = 0; i < sockets->n; i++)
        if (sockets->inodes[i] == inode)
            return true;
    return false;
}

static bool is_one(void *arg, int fds, const char *name, const char *target)
{
    const struct sockets *sockets = arg;
    unsigned long inode;

    (void)fds;
    (void)name;
    return sscanf(target, "socket:[%lu]", &inode) == 1 && sockets_has(sockets, inode);
}

int sockets_held_by(const struct sockets *sockets, pid_t pid)
{
    int found = procfs_each_fd(pid, is_one, (void *)sockets);

    return found < 0 && errno != EACCES && errno != EPERM ? 0 : found;
}

void sockets_free(struct sockets *sockets)
{
    free(sockets->inodes);
    *sockets = (struct sockets){0};
}
