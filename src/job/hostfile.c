/* hostfile: addresses to lines, and addresses to names. Knows the three formats, and no option. */
#include "job/hostfile.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"

enum { NAME_SIZE = 256 };

/* Slurm's node names are short host names. */
static int find_name(const struct host *host, char name[NAME_SIZE], const char *path,
                     struct err *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(host->address)};
    int rc = getnameinfo((struct sockaddr *)&address, sizeof(address), name, NAME_SIZE, NULL, 0,
                         NI_NAMEREQD);

    if (rc)
        return err_set(err, EXIT_USAGE,
                       "%s:%d: srun wants a node's name and takes no address, and '%s' has no name "
                       "in /etc/hosts or DNS (%s); 'scontrol show nodes' lists names and "
                       "addresses (NodeAddr)",
                       path, host->line, host->ip, gai_strerror(rc));
    name[strcspn(name, ".")] = '\0';
    return 0;
}

static int add_line(struct buf *text, const struct host *host, enum hostfile_kind kind,
                    const char *path, struct err *err)
{
    char name[NAME_SIZE];

    switch (kind) {
    case HOSTFILE_OPENMPI: buf_addf(text, "%s slots=1\n", host->ip); return 0;
    case HOSTFILE_MPICH: buf_addf(text, "%s:1\n", host->ip); return 0;
    default: break;
    }
    if (find_name(host, name, path, err))
        return -1;
    buf_addf(text, "%s\n", name);
    return 0;
}

int hostfile_print(const struct hosts *hosts, enum hostfile_kind kind, const char *path, FILE *out,
                   struct err *err)
{
    struct buf text = {0};
    int rc = 0;

    for (size_t i = 0; i < hosts->n && !rc; i++)
        rc = add_line(&text, &hosts->items[i], kind, path, err);
    if (!rc && fwrite(text.data, 1, text.len, out) < text.len)
        rc = err_set(err, EXIT_LAUNCHER, "the hostfile cannot be written");
    buf_free(&text);
    return rc;
}
