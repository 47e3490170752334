/* options_table: every option, once. Parser, --help, man page, environment names and the keys of
 * --config's file are all made from it. Private to the options.
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
    OPTION_SECONDS, /* long, stored in milliseconds; min..max in seconds */
    OPTION_TEXT,    /* char *, not empty */
    OPTION_FORMATS, /* char *, a comma list of DGL's graph formats */
    OPTION_NAMES,   /* strv of names, behind it a bool for "none" */
    OPTION_ENVS,    /* strv of NAME=VALUE; takes all the words of this form that follow */
    OPTION_IGNORED, /* bool: was given; the value is taken and not used */
    OPTION_CONFIG,  /* path of the file; not stored */
};

/* A word that may be given, and what it stores. */
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
    const char *fallback; /* the default as text, stored as if it were given; NULL: none */
    const char *says;     /* the default in words for --help; NULL: shows fallback */
    const char *metavar;
    const struct option_choice *choices; /* OPTION_CHOICE; the last word is NULL */
    long min, max;
    bool required;
    bool not_in_file; /* makes no sense in the environment or the file */
    const char *help; /* sentences */
};

#define OPTIONS_TABLE_MAX 40

extern const struct option_spec options_table[];
extern const size_t options_table_size; /* <= OPTIONS_TABLE_MAX */
extern const char *const options_group_titles[GROUP_COUNT];

/* The option of this exact name of len bytes, '-' and '_' being the same; NULL: none. */
const struct option_spec *options_table_find(const char *name, size_t len);

/* The option whose name is most like this one, for "did you mean"; NULL: none is near. */
const struct option_spec *options_table_nearest(const char *name, size_t len);

#endif
