/* role: the kinds of processes. */
#ifndef JOB_ROLE_H
#define JOB_ROLE_H

enum role {
    ROLE_SERVER,
    ROLE_SAMPLER, /* forked by the launcher; DGL's own sampler workers are trainers' children */
    ROLE_TRAINER,
    ROLE_LAUNCHER, /* a rank or a keeper; in causes only */
    ROLE_COUNT
};

/* "server", "sampler", "trainer", "launcher"; "?" out of range. */
const char *role_name(enum role role);

#endif
