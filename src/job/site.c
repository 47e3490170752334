/* site: asks the system for its name, its interfaces and their speed. Chooses nothing. */
#include "job/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "job/interfaces.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define NET     "/proc/self/ns/net"

/* What the first line of the file is; "" where it cannot be read: a speed is not, of a link that is
 * down or virtual. */
static void first_line(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");

    text[0] = '\0';
    if (file && fgets(text, (int)size, file))
        text[strcspn(text, "\n")] = '\0';
    if (file)
        fclose(file);
}

/* FNV-1a, 64 bits. */
static uint64_t hash(const char *text)
{
    uint64_t h = 0xcbf29ce484222325;

    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 0x100000001b3;
    return h;
}

static uint32_t speed_of(const char *interface)
{
    char *path = mem_printf("/sys/class/net/%s/speed", interface), text[32];
    long speed;

    first_line(path, text, sizeof(text));
    free(path);
    speed = strtol(text, NULL, 10);
    return speed > 0 && speed <= INT32_MAX ? (uint32_t)speed : 0; /* -1: the driver does not know */
}

void site_tidy(struct site *site)
{
    site->host[sizeof(site->host) - 1] = '\0';
    if (site->n < 0 || site->n > SITE_LINKS)
        site->n = 0;
    for (int i = 0; i < site->n; i++) {
        site->links[i].name[sizeof(site->links[i].name) - 1] = '\0';
        if (site->links[i].prefix > 32)
            site->links[i].prefix = 32;
    }
}

bool site_is_unfit(const char *interface)
{
    static const char *const beginnings[] = {"docker", "virbr", "br-",   "veth",   "cni", "flannel",
                                             "cali",   "lxc",   "lxdbr", "podman", "vnet"};

    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
        if (!strncmp(interface, beginnings[i], strlen(beginnings[i])))
            return true;
    return false;
}

/* A cable may be out of an interface that is up. */
static bool has_no_carrier(const char *interface)
{
    char *path = mem_printf("/sys/class/net/%s/carrier", interface), text[8];

    first_line(path, text, sizeof(text));
    free(path);
    return !strcmp(text, "0");
}

static void add_link(struct site *site, const struct interface *interface)
{
    struct link *link = &site->links[site->n++];

    memcpy(link->name, interface->name, sizeof(link->name));
    link->address = interface->address;
    link->prefix = (uint8_t)interface->prefix;
    link->down = interface->down || has_no_carrier(interface->name);
    link->unfit = interface->address >> 24 == 127 || site_is_unfit(interface->name);
    link->speed = speed_of(interface->name);
}

void site_look(struct site *site)
{
    size_t n;
    struct interface *interfaces = interfaces_list(&n);
    struct stat net;
    char boot[64];

    memset(site, 0, sizeof(*site));
    if (gethostname(site->host, sizeof(site->host) - 1))
        memcpy(site->host, "?", 2);
    first_line(BOOT_ID, boot, sizeof(boot));
    site->boot = boot[0] ? hash(boot) : 0;
    if (!stat(NET, &net))
        site->net = net.st_ino;
    for (size_t i = 0; i < n && site->n < SITE_LINKS; i++)
        if (interfaces[i].primary)
            add_link(site, &interfaces[i]);
    free(interfaces);
}

int site_compare(const struct site *a, const struct site *b)
{
    int order = strncmp(a->host, b->host, sizeof(a->host));

    if (!order && a->boot != b->boot)
        order = a->boot < b->boot ? -1 : 1;
    if (!order && a->net != b->net)
        order = a->net < b->net ? -1 : 1;
    return order;
}
