/* network: which of this machine's networks MPI is to use. Knows the names by which the MPIs are
 * told. Reads ip_config to find this machine in it; rank 0 says what is wrong with that file. Where
 * there is no such file, the network by which mpirun's daemon is connected works.
 */
#include "coord/network.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <glob.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "job/hosts.h"
#include "job/interfaces.h"
#include "job/job.h"
#include "job/networks.h"
#include "job/placement.h"
#include "job/site.h"
#include "keeper/proc.h"
#include "keeper/sockets.h"

enum { PARAMS_MAX = 1 << 20 };

static bool is_set(const char *beginning)
{
    for (char **item = environ; *item; item++)
        if (!strncmp(*item, beginning, strlen(beginning)))
            return true;
    return false;
}

static bool says(const char *path, const char *word)
{
    struct buf text = {0};
    struct err err = {0};
    bool found = !file_read(path, PARAMS_MAX, &text, &err) &&
                 memmem(text.data, text.len, word, strlen(word));

    buf_free(&text);
    return found;
}

/* MPI's folder of settings is beside its library's. */
static char *params_of_library(void)
{
    void *function = dlsym(RTLD_DEFAULT, "MPI_Init");
    const char *slash;
    Dl_info info;

    if (!function || !dladdr(function, &info) || !(slash = strrchr(info.dli_fname, '/')))
        return NULL;
    return mem_printf("%.*s/../etc/openmpi-mca-params.conf", (int)(slash - info.dli_fname),
                      info.dli_fname);
}

/* Open MPI ends when one place says 'include' and another 'exclude'. */
static bool is_chosen_in_files(const char *word)
{
    const char *home = getenv("HOME");
    char *own = mem_printf("%s/.openmpi/mca-params.conf", home ? home : "");
    char *library = params_of_library();
    bool found = says(own, word) || (library && says(library, word));
    glob_t site;

    if (!glob("/etc/openmpi*/openmpi-mca-params.conf", 0, NULL, &site)) {
        for (size_t i = 0; i < site.gl_pathc && !found; i++)
            found = says(site.gl_pathv[i], word);
        globfree(&site);
    }
    free(own);
    free(library);
    return found;
}

/* Loopback is not counted, since no other machine can reach it. */
static bool has_several_addresses(void)
{
    size_t n;
    struct interface *interfaces = interfaces_list(&n);
    int found = 0;

    for (size_t i = 0; i < n; i++)
        found += interfaces[i].primary && interfaces[i].address >> 24 != 127;
    free(interfaces);
    return found > 1;
}

/* Finds the interface with this machine's address of ip_config; "": it is not known. */
static void find_interface(const struct options *options, struct seat *seat)
{
    char *path = file_join(options->workspace, options->ip_config);
    struct hosts hosts = {0}, no_spares = {0};
    struct buf text = {0};
    struct err err = {0};

    *seat = (struct seat){0};
    if (!file_read(path, JOB_FILE_MAX, &text, &err) &&
        !hosts_parse(&hosts, path, text.data, text.len, options->num_servers, &err))
        placement_look(seat, &hosts, &no_spares);
    hosts_free(&hosts);
    buf_free(&text);
    free(path);
}

/* Of a process's sockets: the address at this end. */
struct search {
    pid_t pid;
    int looks;
    uint32_t found; /* host byte order; 0: none */
};

static bool take_own(void *arg, const struct socket_row *row)
{
    enum { LOOKS_MOST = 256 };
    struct search *search = arg;
    struct sockets one = {0};

    if (row->state != SOCKET_ESTABLISHED || !row->address || row->address == UINT32_MAX ||
        ntohl(row->address) >> 24 == 127)
        return true;
    sockets_add(&one, row->inode);
    if (sockets_held_by(&one, search->pid) == 1)
        search->found = ntohl(row->address);
    sockets_free(&one);
    return !search->found && ++search->looks < LOOKS_MOST;
}

/* By which the daemon that has started this rank is connected to mpirun; MPICH's daemon beside
 * mpirun has no such connection, but mpirun, its parent, has those to the others. 0: none yet. */
static uint32_t address_of_daemon(void)
{
    struct search search = {.pid = getppid()};
    struct proc daemon;

    sockets_each(take_own, &search);
    if (search.found || proc_read(search.pid, &daemon) || daemon.parent <= 1)
        return search.found;
    search = (struct search){.pid = daemon.parent};
    sockets_each(take_own, &search);
    return search.found;
}

/* The others' daemons may come a moment later than this rank. */
static uint32_t await_daemon(void)
{
    enum { AWAIT_MS = 1000, STEP_MS = 20 };
    int64_t deadline = clock_ms() + AWAIT_MS;
    uint32_t found;

    while (!(found = address_of_daemon()) && clock_ms() < deadline)
        poll(NULL, 0, STEP_MS);
    return found;
}

static int count_fit(const struct site *site)
{
    int n = 0;

    for (int i = 0; i < site->n; i++)
        n += !site->links[i].unfit && !site->links[i].down;
    return n;
}

/* Appends the interface that works already; where none can be seen, all that other machines may
 * reach. */
static void add_working(struct buf *names, const struct site *site)
{
    uint32_t found = count_fit(site) > 1 ? await_daemon() : 0;

    for (int i = 0; i < site->n && found; i++)
        if (site->links[i].address == found)
            buf_addf(names, "%.15s", site->links[i].name);
    for (int i = 0, first = !names->len; i < site->n && first; i++)
        if (!site->links[i].unfit && !site->links[i].down)
            buf_addf(names, "%s%.15s", names->len ? "," : "", site->links[i].name);
}

/* Appends what --ip_config auto leaves to choose from. */
static void add_wanted(struct buf *names, const struct wanted *wanted)
{
    struct site site;
    int chosen;

    site_look(&site);
    chosen = networks_find_link(&site, wanted);
    if (chosen >= 0)
        buf_addf(names, "%.15s", site.links[chosen].name);
    else
        add_working(names, &site);
}

static void add_names(struct buf *names, const struct options *options)
{
    struct wanted wanted = {0};
    struct seat seat = {0};
    struct err err = {0};

    if (!networks_is_auto(options->ip_config))
        find_interface(options, &seat);
    else if (networks_parse(&wanted, options->ip_config, &err))
        return;
    if (!seat.interface[0])
        add_wanted(names, &wanted);
    else if (!seat.is_down)
        buf_addf(names, "%.15s", seat.interface);
}

static void tell_mpi(const char *names)
{
    if (!is_set("OMPI_MCA_btl_tcp_if_") && !is_set("OMPI_MCA_mca_base_param_files=") &&
        !is_chosen_in_files("btl_tcp_if_"))
        setenv("OMPI_MCA_btl_tcp_if_include", names, 1);
    if (!is_set("UCX_NET_DEVICES=") && !is_set("UCX_TLS="))
        setenv("UCX_NET_DEVICES", names, 1);
    if (!is_set("FI_TCP_IFACE=") && !strchr(names, ',')) /* libfabric takes one */
        setenv("FI_TCP_IFACE", names, 1);
}

void network_prefer(const struct options *options)
{
    struct buf names = {0};

    if (!options->workspace || !options->ip_config || !has_several_addresses())
        return;
    add_names(&names, options);
    buf_add(&names, "", 1);
    if (names.data[0])
        tell_mpi(names.data);
    buf_free(&names);
}
