/* network: which of this machine's networks MPI is to use. Knows the names by which the MPIs are
 * told. Reads ip_config to find this machine in it; rank 0 says what is wrong with that file.
 */
#include "coord/network.h"

#include <dlfcn.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "job/hosts.h"
#include "job/interfaces.h"
#include "job/job.h"
#include "job/placement.h"

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
    struct hosts hosts = {0};
    struct buf text = {0};
    struct err err = {0};

    *seat = (struct seat){0};
    if (!file_read(path, JOB_FILE_MAX, &text, &err) &&
        !hosts_parse(&hosts, path, text.data, text.len, options->num_servers, &err))
        placement_look(seat, &hosts);
    hosts_free(&hosts);
    buf_free(&text);
    free(path);
}

void network_prefer(const struct options *options)
{
    struct seat seat;

    if (!options->workspace || !options->ip_config || !has_several_addresses())
        return;
    find_interface(options, &seat);
    if (!seat.interface[0] || seat.is_down)
        return;
    if (!is_set("OMPI_MCA_btl_tcp_if_") && !is_set("OMPI_MCA_mca_base_param_files=") &&
        !is_chosen_in_files("btl_tcp_if_"))
        setenv("OMPI_MCA_btl_tcp_if_include", seat.interface, 1);
    if (!is_set("UCX_NET_DEVICES=") && !is_set("UCX_TLS="))
        setenv("UCX_NET_DEVICES", seat.interface, 1);
    if (!is_set("FI_TCP_IFACE="))
        setenv("FI_TCP_IFACE", seat.interface, 1);
}
