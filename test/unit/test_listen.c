/* test_listen: readiness without a connection: own socket, a descendant's, a stranger's, bound but
 * not listening, IPv6; and who holds a port.
 */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper/listen.h"
#include "keeper/sockets.h"

/* A socket on 127.0.0.1 or ::, bound to a port that the kernel chooses. */
static int bind_any(int family, int *port)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = family == AF_INET ? sizeof(v4) : sizeof(v6);
    struct sockaddr *address = family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, address, len) != 0 || getsockname(fd, address, &len) != 0)
        return -1;
    *port = ntohs(family == AF_INET ? v4.sin_port : v6.sin6_port);
    return fd;
}

START_TEST(test_bound_then_listening)
{
    struct listen_server server = {.pid = getpid()};
    int pid, fd = bind_any(AF_INET, &server.port);

    ck_assert_int_ge(fd, 0);
    ck_assert_uint_eq(listen_probe(&server, 1, 1), 1);
    ck_assert(!listen_owner("127.0.0.1", server.port, &pid));
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_uint_eq(listen_probe(&server, 1, 1), 0);
    ck_assert(server.ready);
    ck_assert(listen_owner("127.0.0.1", server.port, &pid));
    ck_assert_int_eq(pid, getpid());
    ck_assert(!listen_owner("127.0.0.2", server.port, &pid));
    close(fd);
    ck_assert_uint_eq(listen_probe(&server, 1, 1), 0); /* stays ready */
}
END_TEST

struct peer_seen {
    int port, n;
    uint32_t address;
};

static void on_peer(void *arg, int port, uint32_t address)
{
    struct peer_seen *seen = arg;

    seen->port = port;
    seen->address = address;
    seen->n++;
}

/* By its address, whether it has been accepted or not; IPv4 within IPv6 too. */
START_TEST(test_peers_are_seen)
{
    const int families[] = {AF_INET, AF_INET6};

    for (int i = 0; i < 2; i++) {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002)};
        struct peer_seen seen = {0};
        int port, client, fd = bind_any(families[i], &port);

        if (fd < 0)
            continue; /* a machine without IPv6 */
        ck_assert_int_eq(listen(fd, 1), 0);
        listen_peers(&port, 1, on_peer, &seen);
        ck_assert_int_eq(seen.n, 0);
        client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(bind(client, (struct sockaddr *)&from, sizeof(from)), 0);
        to.sin_port = htons((uint16_t)port);
        ck_assert_int_eq(connect(client, (struct sockaddr *)&to, sizeof(to)), 0);
        listen_peers(&port, 1, on_peer, &seen);
        ck_assert_int_ge(seen.n, 1); /* /proc shows a row twice when others connect meanwhile */
        ck_assert_int_eq(seen.port, port);
        ck_assert_uint_eq(seen.address, 0x7f000002);
        close(client);
        close(fd);
    }
}
END_TEST

START_TEST(test_ipv6)
{
    struct listen_server server = {.pid = getpid()};
    int pid, fd = bind_any(AF_INET6, &server.port);

    if (fd < 0)
        return; /* a machine without IPv6 */
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_uint_eq(listen_probe(&server, 1, 1), 0);
    ck_assert(listen_owner("127.0.0.1", server.port, &pid));
    close(fd);
}
END_TEST

/* The last row of a port, as /proc or the kernel tells it. */
struct port_row {
    int port, n;
    struct socket_row row;
};

static bool take_port(void *arg, const struct socket_row *row)
{
    struct port_row *seen = arg;

    if (row->state == SOCKET_LISTEN && row->port == seen->port) {
        seen->row = *row;
        seen->n++;
    }
    return row->state == SOCKET_LISTEN;
}

START_TEST(test_the_kernel_tells_what_proc_shows)
{
    static const int families[] = {AF_INET, AF_INET6};
    struct port_row shown = {0}, told;
    int fd = bind_any(families[_i], &shown.port);

    if (fd < 0)
        return; /* a machine without IPv6 */
    ck_assert_int_eq(listen(fd, 1), 0);
    told = shown;
    sockets_each(take_port, &shown);
    sockets_each_listening(take_port, &told);
    ck_assert_int_eq(shown.n, 1);
    ck_assert_int_eq(told.n, 1);
    ck_assert_uint_eq(told.row.address, shown.row.address);
    ck_assert_uint_eq(told.row.uid, shown.row.uid);
    ck_assert_uint_eq(told.row.inode, shown.row.inode);
    close(fd);
}
END_TEST

/* The server is a shell whose grandchild listens; our own listener is a stranger to it. */
START_TEST(test_tree)
{
    struct listen_server server = {0};
    int stranger, port, back[2];
    pid_t child;

    ck_assert_int_eq(pipe(back), 0);
    child = fork();
    if (child == 0) {
        if (fork() == 0) {
            int fd = bind_any(AF_INET, &port);

            if (listen(fd, 1) != 0 || write(back[1], &port, sizeof(port)) < 0)
                _exit(1);
            pause();
        }
        wait(NULL);
        _exit(0);
    }
    server.pid = child;
    stranger = bind_any(AF_INET, &server.port);
    listen(stranger, 1);
    ck_assert_uint_eq(listen_probe(&server, 1, 1), 1);
    ck_assert_uint_eq(listen_probe(&server, 1, 2), 1);
    ck_assert_int_eq(server.foreign, 1);
    ck_assert_int_eq(read(back[0], &server.port, sizeof(port)), sizeof(port));
    ck_assert_uint_eq(listen_probe(&server, 1, 3), 0);
    ck_assert_int_eq(server.foreign, 0);
    close(stranger);
}
END_TEST

START_TEST(test_no_port)
{
    struct listen_server server = {.pid = getpid(), .port = 0};

    ck_assert_uint_eq(listen_probe(&server, 1, 1), 0);
    ck_assert_uint_eq(listen_probe(NULL, 0, 1), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("listen");
    TCase *tcase = tcase_create("listen");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, test_bound_then_listening);
    tcase_add_test(tcase, test_ipv6);
    tcase_add_loop_test(tcase, test_the_kernel_tells_what_proc_shows, 0, 2);
    tcase_add_test(tcase, test_peers_are_seen);
    tcase_add_test(tcase, test_tree);
    tcase_add_test(tcase, test_no_port);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
