/* fuzz_ip_config: bytes as ip_config, for 0, 1 and 16 servers a machine. What is accepted is in
 * range, and is the same again when it is written out; what is refused is named.
 */
#include <arpa/inet.h>
#include <string.h>

#include "base/buf.h"
#include "fuzz.h"
#include "job/hosts.h"

#define PATH "ip_config.txt"

static void check_host(const struct host *host, int num_servers, int line)
{
    struct in_addr address;

    FUZZ_CHECK(inet_pton(AF_INET, host->ip, &address) == 1);
    FUZZ_CHECK(ntohl(address.s_addr) == host->address);
    FUZZ_CHECK(host->port >= 1 && host->port <= 65535);
    FUZZ_CHECK(host->port + (num_servers ? num_servers - 1 : 0) <= 65535);
    FUZZ_CHECK(host->line == line);
}

static void check_comes_back(const struct hosts *hosts, int num_servers)
{
    struct buf text = {0};
    struct hosts again;
    struct err err = {0};

    for (size_t i = 0; i < hosts->n; i++)
        buf_addf(&text, "%s %d\n", hosts->items[i].ip, hosts->items[i].port);
    FUZZ_CHECK(!hosts_parse(&again, PATH, text.data, text.len, num_servers, &err));
    FUZZ_CHECK(again.n == hosts->n);
    for (size_t i = 0; i < hosts->n; i++)
        FUZZ_CHECK(again.items[i].address == hosts->items[i].address &&
                   again.items[i].port == hosts->items[i].port);
    hosts_free(&again);
    buf_free(&text);
}

static void check_hosts(const struct hosts *hosts, int num_servers)
{
    FUZZ_CHECK(hosts->n >= 1 && hosts->n <= HOSTS_MAX);
    for (size_t i = 0; i < hosts->n; i++)
        check_host(&hosts->items[i], num_servers, (int)i + 1);
    for (size_t i = 0; i < hosts->n && hosts->n < 64; i++)
        for (size_t k = 0; k < i; k++)
            FUZZ_CHECK(hosts->items[i].address != hosts->items[k].address);
    check_comes_back(hosts, num_servers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int servers[] = {0, 1, 16};

    for (int i = 0; i < 3; i++) {
        struct hosts hosts;
        struct err err = {0};

        if (hosts_parse(&hosts, PATH, (const char *)data, size, servers[i], &err)) {
            fuzz_check_error(&err, PATH);
            FUZZ_CHECK(!hosts.items && !hosts.n);
        } else {
            check_hosts(&hosts, servers[i]);
        }
        hosts_free(&hosts);
    }
    return 0;
}
