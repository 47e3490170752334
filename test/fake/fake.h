/* fake: what the parts of the fake workload share. */
#ifndef FAKE_FAKE_H
#define FAKE_FAKE_H

#include <stdbool.h>

/* Exit codes. REFUSED: a server did not take a connection. */
enum { FAKE_BAD_SCRIPT = 98, FAKE_REFUSED = 99 };

/* Who this process is, from the environment. */
struct self {
    const char *role; /* server, trainer, sampler */
    int id;           /* global id within the role */
};

/* Prints "fake ROLE ID: ..." to stderr and exits with code. */
void fake_die(int code, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

/* The number of a signal by name, with or without SIG; dies for an unknown one. */
int fake_signal(const char *name);

/* A number from the environment, or fallback when it is not set. */
int fake_env_int(const char *name, int fallback);

/* net.c: a DGL server's and a DGL client's connections. */
void net_listen(void);
void net_serve(void);
void net_connect(bool for_samplers);

/* tree.c: descendants. how: "plain", "session stubborn", ...; see fake.c. */
void tree_fork(const char *how);
void tree_worker(const char *actions);
void tree_bomb(int n);
void tree_bomb_fast(long n);
void tree_limit(const char *folder);
void tree_zombie(void);

/* dump.c: writes what this process sees of itself to PATH.ROLE-ID. */
void dump_write(const char *path, const struct self *self, char **argv);

#endif
