/* options_table: every option, once. Parser, --help, man page, environment names and the keys of
 * --config's file are made from it. Private to the options.
 */
#ifndef JOB_OPTIONS_TABLE_H
#define JOB_OPTIONS_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "job/options.h"

enum option_kind {
    OPTION_FLAG,    /* bool */
    OPTION_COUNT,   /* int in min..max */
    OPTION_SIZE,    /* int64_t, bytes: digits and perhaps K, M, G or T (powers of 1024) */
    OPTION_CHOICE,  /* int: the value of one of `choices` */
    OPTION_PORT,    /* int: a port, or PORT_AUTO for "auto" */
    OPTION_SECONDS, /* long, stored in milliseconds; min..max in seconds */
    OPTION_TEXT,    /* char *, not empty */
    OPTION_FORMATS, /* char *, a comma list of DGL's graph formats */
    OPTION_NAMES,   /* strv of names, and a bool for "none" */
    OPTION_ENVS,    /* strv of NAME=VALUE; takes all the words of this form that follow */
    OPTION_IGNORED, /* bool: true when it is given; the value is not used */
    OPTION_CONFIG,  /* path of the file; not stored */
};

/* A word that is allowed, and the value that it stores. */
struct option_choice {
    const char *word;
    int value;
};

enum option_group {
    GROUP_WHAT,
    GROUP_PROCESSES,
    GROUP_ENVIRONMENT,
    GROUP_TIME,
    GROUP_FAILURE,
    GROUP_OUTPUT,
    GROUP_OTHER,
    GROUP_COUNT
};

struct option_spec {
    const char *name; /* with '_' */
    enum option_kind kind;
    enum option_group group;
    size_t offset;        /* in struct options */
    size_t none_offset;   /* OPTION_NAMES: of the bool that "none" sets */
    const char *fallback; /* the default as text; NULL: none */
    const char *says;     /* the default in words for --help; NULL: shows fallback */
    const char *metavar;
    const struct option_choice *choices; /* OPTION_CHOICE; the last word is NULL */
    long min, max;
    bool required;
    bool not_in_file; /* has no meaning in the environment or the file */
    const char *help; /* sentences */
};

enum { OPTIONS_TABLE_MAX = 48 };

/* A pointer to the member of *o that is offset bytes behind its beginning. */
#define OPTION_MEMBER(o, offset, type) ((type *)(void *)((char *)(o) + (offset)))

extern const struct option_spec options_table[];
extern const size_t options_table_size; /* <= OPTIONS_TABLE_MAX */
extern const char *const options_group_titles[GROUP_COUNT];

/* The option of this exact name of len bytes, where '-' is the same as '_'; NULL: none. */
const struct option_spec *options_table_find(const char *name, size_t len);

/* How many options have a name that begins with these len bytes; *last: the last of them. */
int options_table_count(const char *name, size_t len, const struct option_spec **last);

/* The option whose name is most like this one; NULL: none is near. */
const struct option_spec *options_table_nearest(const char *name, size_t len);

#endif
