/* test_clients: which servers lack a client: places taken by strangers, machines with an address
 * that nobody knows, sockets that the kernel shows twice; and real sockets.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "keeper/clients.h"
#include "unit.h"

enum { PORT = 30050, INODE = 4711 };

static struct clients c;

/* Two machines, 10.0.0.1 (this one) and .2; one server, for 4 clients. */
static void set_up(void)
{
    c = (struct clients){.own = inet_addr("10.0.0.1")};
    clients_add_server(&c, PORT, 4);
    clients_add_machine(&c, 0x0a000002);
    clients_add_machine(&c, 0x0a000001);
}

static void tear_down(void)
{
    clients_free(&c);
}

static struct socket_row row_of(const char *peer, int peer_port, bool accepted)
{
    return (struct socket_row){.address = c.own,
                               .peer = inet_addr(peer),
                               .port = PORT,
                               .peer_port = peer_port,
                               .state = SOCKET_ESTABLISHED,
                               .inode = accepted ? INODE : 0};
}

/* n connections of that address, from that port on. */
static void come(const char *peer, int peer_port, int n, bool accepted)
{
    for (int i = 0; i < n; i++) {
        struct socket_row row = row_of(peer, peer_port + i, accepted);

        clients_take(&c, &row);
    }
}

static void look(int here, int there, int waiting, int stranger)
{
    clients_begin(&c);
    come("10.0.0.1", 40000, here, true);
    come("10.0.0.2", 40000, there, true);
    come("10.0.0.2", 50000, waiting, false);
    come("10.9.9.9", 40000, stranger, true);
    clients_judge(&c);
}

static const char *told(void)
{
    static struct buf text;

    text.len = 0;
    clients_tell(&c, &c.servers[0], &text);
    buf_add(&text, "", 1);
    return text.data;
}

START_TEST(test_all_have_come)
{
    look(2, 1, 0, 0);
    ck_assert(clients_lacks(&c.servers[0]));
    ck_assert(!clients_complete(&c));
    ck_assert_str_eq(told(), "; 10.0.0.2 has 1 of its 2");
    look(0, 2, 0, 0); /* two have left again */
    ck_assert(!clients_lacks(&c.servers[0]));
    ck_assert(clients_complete(&c));
    look(0, 0, 0, 0);
    ck_assert(!clients_lacks(&c.servers[0]));
    ck_assert(clients_complete(&c));
}
END_TEST

/* DGL's server has accepted as many as it will. */
START_TEST(test_a_stranger_has_a_place)
{
    look(2, 1, 1, 1);
    ck_assert(clients_lacks(&c.servers[0]));
    ck_assert_int_eq(c.servers[0].known, 3);
    ck_assert_str_eq(told(), "; 10.0.0.2 has 1 of its 2, and 1 that the server has not accepted"
                             "; 10.9.9.9, which is not in ip_config, has taken 1");
}
END_TEST

/* It came too late to take a place. */
START_TEST(test_a_stranger_waits)
{
    clients_begin(&c);
    come("10.0.0.1", 40000, 2, true);
    come("10.0.0.2", 40000, 2, true);
    come("10.9.9.9", 40000, 1, false);
    clients_judge(&c);
    ck_assert(clients_complete(&c));
}
END_TEST

/* Its clients come from an address that is not in ip_config: nobody can say that one is missing. */
START_TEST(test_a_machine_with_another_address)
{
    look(2, 0, 0, 1);
    ck_assert(clients_lacks(&c.servers[0]));
    look(2, 0, 0, 2);
    ck_assert(!clients_lacks(&c.servers[0]));
    ck_assert(!clients_complete(&c));
    look(1, 0, 0, 0); /* they leave */
    ck_assert(!clients_lacks(&c.servers[0]));
    look(2, 0, 1, 2);
    ck_assert(clients_lacks(&c.servers[0]));
}
END_TEST

/* One that its client has closed keeps the place; one that this side has closed is none, nor is
 * what belongs to another server, another address or IPv6. */
START_TEST(test_which_sockets_count)
{
    struct socket_row row = row_of("10.0.0.2", 40000, true), twin;

    look(2, 0, 0, 0);
    clients_take(&c, &row);
    twin = row;
    clients_take(&c, &twin); /* the kernel shows it twice */
    row = row_of("10.0.0.2", 40001, true);
    row.state = SOCKET_LISTEN;
    clients_take(&c, &row);
    row.state = SOCKET_ESTABLISHED;
    row.port = PORT + 1;
    clients_take(&c, &row);
    row.port = PORT;
    row.address = inet_addr("10.8.0.1");
    clients_take(&c, &row);
    row.address = c.own;
    row.peer = UINT32_MAX;
    clients_take(&c, &row);
    clients_judge(&c);
    ck_assert_int_eq(c.servers[0].known, 3);
    row = row_of("10.0.0.2", 40002, true);
    row.state = SOCKET_CLOSE_WAIT;
    clients_take(&c, &row);
    clients_judge(&c);
    ck_assert_int_eq(c.servers[0].known, 4);
}
END_TEST

START_TEST(test_many_machines_are_not_all_named)
{
    struct clients_server *server = &c.servers[0];

    for (uint32_t i = 3; i <= 8; i++)
        clients_add_machine(&c, 0x0a000000 + i);
    server->expected = 8;
    look(1, 1, 0, 0);
    ck_assert_str_eq(told(), "; 10.0.0.3 has 0 of its 1; 10.0.0.4 has 0 of its 1"
                             "; 10.0.0.5 has 0 of its 1; 10.0.0.6 has 0 of its 1"
                             "; the same of 2 more machines");
    server->expected = 9; /* set by the user: nobody knows how many of each machine */
    ck_assert_ptr_null(strstr(told(), "of its"));
}
END_TEST

/* In real sockets: one is accepted, one waits. */
START_TEST(test_real_sockets)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    struct sockaddr *at = (struct sockaddr *)&address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), ends[2], place;

    ck_assert_int_eq(bind(listener, at, len), 0);
    ck_assert_int_eq(listen(listener, 2), 0);
    ck_assert_int_eq(getsockname(listener, at, &len), 0);
    c.own = address.sin_addr.s_addr;
    c.servers[0] = (struct clients_server){.port = ntohs(address.sin_port), .expected = 2};
    for (int i = 0; i < 2; i++) {
        ends[i] = socket(AF_INET, SOCK_STREAM, 0);
        ck_assert_int_eq(connect(ends[i], at, len), 0);
    }
    place = accept(listener, NULL, NULL);
    clients_look(&c);
    ck_assert_int_eq(c.servers[0].known, 1);
    ck_assert_int_eq(c.servers[0].waiting, 1);
    ck_assert(clients_lacks(&c.servers[0]));
    close(ends[0]);
    ends[0] = accept(listener, NULL, NULL);
    clients_look(&c);
    ck_assert_int_eq(c.servers[0].known, 2); /* one of them closed by its client */
    ck_assert_int_eq(c.servers[0].waiting, 0);
    ck_assert(clients_complete(&c));
    close(ends[0]);
    close(ends[1]);
    close(place);
    close(listener);
}
END_TEST

UNIT_MAIN_WITH("clients", set_up, tear_down, UNIT(test_all_have_come),
               UNIT(test_a_stranger_has_a_place), UNIT(test_a_stranger_waits),
               UNIT(test_a_machine_with_another_address), UNIT(test_which_sockets_count),
               UNIT(test_many_machines_are_not_all_named), UNIT(test_real_sockets))
