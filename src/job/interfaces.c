/* interfaces: the IPv4 addresses of this machine. DGL asks each interface of if_nameindex by
 * SIOCGIFADDR (dgl/distributed/rpc_client.py local_ip4_addr_list), which tells one address an
 * interface; the others are secondary. Knows no ip_config.
 */
#include "job/interfaces.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

_Static_assert(sizeof(((struct interface *)0)->name) == IF_NAMESIZE, "room for every name");

struct list {
    struct interface *items;
    size_t n;
};

static void add(struct list *list, const char *name, const struct sockaddr *address, bool primary,
                bool down)
{
    struct interface item = {.primary = primary, .down = down};
    struct sockaddr_in in;

    memcpy(&in, address, sizeof(in));
    item.address = ntohl(in.sin_addr.s_addr);
    for (size_t i = 0; !primary && i < list->n; i++)
        if (list->items[i].address == item.address)
            return;
    strncpy(item.name, name, sizeof(item.name) - 1);
    list->items = mem_realloc(list->items, list->n + 1, sizeof(item));
    list->items[list->n++] = item;
}

static bool is_down(int fd, const char *name)
{
    struct ifreq request = {0};

    strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
    return !ioctl(fd, SIOCGIFFLAGS, &request) && !(request.ifr_flags & IFF_UP);
}

static int prefix_of(int fd, const char *name)
{
    struct ifreq request = {0};
    struct sockaddr_in mask;

    strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
    if (ioctl(fd, SIOCGIFNETMASK, &request))
        return 32;
    memcpy(&mask, &request.ifr_addr, sizeof(mask));
    return __builtin_popcount(mask.sin_addr.s_addr);
}

static void add_primary(struct list *list)
{
    struct if_nameindex *names = if_nameindex();
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    for (struct if_nameindex *i = names; fd >= 0 && i && i->if_index; i++) {
        struct ifreq request = {0};

        strncpy(request.ifr_name, i->if_name, sizeof(request.ifr_name) - 1);
        if (ioctl(fd, SIOCGIFADDR, &request) || request.ifr_addr.sa_family != AF_INET)
            continue;
        add(list, i->if_name, &request.ifr_addr, true, is_down(fd, i->if_name));
        list->items[list->n - 1].prefix = prefix_of(fd, i->if_name);
    }
    if (fd >= 0)
        close(fd);
    if (names) /* NULL when no descriptor was left */
        if_freenameindex(names);
}

static void add_secondary(struct list *list)
{
    struct ifaddrs *all;

    if (getifaddrs(&all))
        return;
    for (struct ifaddrs *i = all; i; i = i->ifa_next)
        if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET)
            add(list, i->ifa_name, i->ifa_addr, false, !(i->ifa_flags & IFF_UP));
    freeifaddrs(all);
}

struct interface *interfaces_list(size_t *n)
{
    struct list list = {0};

    add_primary(&list);
    add_secondary(&list);
    *n = list.n;
    return list.items;
}
