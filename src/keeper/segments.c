/* segments: one table of what is in the folder, made anew at each look, so that it forgets what has
 * gone; and when to look. Making a segment is told by inotify; torch's loaders make and unlink
 * many, so that looks are kept apart and cost at most a hundredth of a core.
 */
#include "keeper/segments.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/mem.h"
#include "base/procfs.h"
#include "keeper/holders.h"
#include "keeper/proc.h"

enum {
    SETTLE_MS = 20,   /* from making a file until its maker surely holds it */
    EVERY_MS = 100,   /* between two looks, at least */
    UNTOLD_MS = 1000, /* between two looks where inotify is not to be had */
    SHARE = 100,      /* of a core: one in so many */
    LOOKS = 2,        /* at a new name, before it is taken for a stranger's */
    EVENT_READS = 64, /* of EVENT_BYTES, at most, after a flood */
    EVENT_BYTES = 65536,
    SAVED_MAX = SEGMENTS_MAX * 512
};

enum state { STATE_NEW, STATE_BEFORE, STATE_NOTED };

struct segment {
    char *name;
    dev_t dev;
    ino_t ino;
    enum state state;
    int looks;  /* in vain */
    bool alive; /* while removing: somebody holds it */
};

struct table {
    struct segment *items; /* sorted by inode */
    size_t n, capacity;
};

struct segments {
    char *folder; /* its real path */
    int fd;       /* of the folder */
    int told;     /* inotify; -1: none */
    int64_t look_at, not_before;
    struct table table;
};

/* ---- the table ---- */

static void table_add(struct table *table, const struct segment *segment)
{
    table->items = mem_grow(table->items, table->n, &table->capacity, sizeof(*segment));
    table->items[table->n++] = *segment;
}

static void table_free(struct table *table)
{
    for (size_t i = 0; i < table->n; i++)
        free(table->items[i].name);
    free(table->items);
    *table = (struct table){0};
}

static int by_file(const void *a, const void *b)
{
    const struct segment *left = a, *right = b;

    if (left->ino != right->ino)
        return left->ino < right->ino ? -1 : 1;
    return (left->dev > right->dev) - (left->dev < right->dev);
}

static struct segment *table_find(const struct table *table, dev_t dev, ino_t ino)
{
    struct segment key = {.dev = dev, .ino = ino};

    if (table->n == 0)
        return NULL;
    return bsearch(&key, table->items, table->n, sizeof(*table->items), by_file);
}

/* A regular file of ours with one name. */
static bool is_ours(int folder, const char *name, struct stat *st)
{
    return fstatat(folder, name, st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st->st_mode) &&
           st->st_uid == geteuid() && st->st_nlink == 1;
}

/* All of ours in the folder as new, sorted. -1: cannot be listed, or too many. */
static int table_read(struct table *table, int folder)
{
    int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = copy < 0 ? NULL : fdopendir(copy);
    struct dirent *entry;
    struct stat st;

    if (!listing) {
        if (copy >= 0)
            close(copy);
        return -1;
    }
    while ((entry = readdir(listing)) && table->n <= SEGMENTS_MAX) {
        if (is_ours(folder, entry->d_name, &st))
            table_add(table, &(struct segment){.name = mem_strdup(entry->d_name),
                                               .dev = st.st_dev,
                                               .ino = st.st_ino});
    }
    closedir(listing);
    if (table->n > 0)
        qsort(table->items, table->n, sizeof(*table->items), by_file);
    return table->n <= SEGMENTS_MAX ? 0 : -1;
}

/* What is there now, with what is known of it. False: stays as it was. */
static bool refresh(struct segments *s)
{
    struct table now = {0};

    if (table_read(&now, s->fd) != 0) {
        table_free(&now);
        return false;
    }
    for (size_t i = 0; i < now.n; i++) {
        const struct segment *known = table_find(&s->table, now.items[i].dev, now.items[i].ino);

        if (!known)
            continue;
        now.items[i].state = known->state;
        now.items[i].looks = known->looks;
    }
    table_free(&s->table);
    s->table = now;
    return true;
}

/* ---- opening ---- */

static struct segments *open_folder(const char *folder)
{
    struct segments *s = mem_calloc(1, sizeof(*s));

    s->told = -1;
    s->look_at = CLOCK_NEVER;
    s->folder = realpath(folder, NULL);
    s->fd = s->folder ? open(s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (s->fd >= 0)
        return s;
    segments_close(s);
    return NULL;
}

/* Starts inotify before it lists the folder: what is made in between counts as new. */
struct segments *segments_open(const char *folder)
{
    struct segments *s = open_folder(folder);

    if (!s)
        return NULL;
    s->told = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (s->told >= 0 && inotify_add_watch(s->told, s->folder, IN_CREATE | IN_MOVED_TO) < 0) {
        close(s->told);
        s->told = -1;
    }
    if (s->told < 0)
        s->look_at = clock_ms() + UNTOLD_MS;
    if (!refresh(s)) {
        segments_close(s);
        return NULL;
    }
    for (size_t i = 0; i < s->table.n; i++)
        s->table.items[i].state = STATE_BEFORE;
    return s;
}

void segments_close(struct segments *s)
{
    if (!s)
        return;
    table_free(&s->table);
    if (s->told >= 0)
        close(s->told);
    if (s->fd >= 0)
        close(s->fd);
    free(s->folder);
    free(s);
}

/* ---- looking ---- */

int segments_fd(const struct segments *s)
{
    return s->look_at == CLOCK_NEVER ? s->told : -1;
}

static void look_later(struct segments *s, int64_t at)
{
    s->look_at = at > s->not_before ? at : s->not_before;
}

void segments_heard(struct segments *s, int64_t now)
{
    if (s->look_at == CLOCK_NEVER)
        look_later(s, now + SETTLE_MS);
}

int64_t segments_deadline(const struct segments *s)
{
    return s->look_at;
}

/* The events' names do not matter, since the folder is read anyhow. */
static void swallow_events(struct segments *s)
{
    static char events[EVENT_BYTES];

    for (int i = 0; s->told >= 0 && i < EVENT_READS; i++) {
        if (read(s->told, events, sizeof(events)) <= 0)
            return;
    }
}

static bool worth_a_look(const struct segments *s, bool all)
{
    for (size_t i = 0; i < s->table.n; i++) {
        if (s->table.items[i].state == STATE_NEW && (all || s->table.items[i].looks < LOOKS))
            return true;
    }
    return false;
}

static void note(void *arg, dev_t dev, ino_t ino)
{
    struct segment *segment = table_find(arg, dev, ino);

    if (segment && segment->state == STATE_NEW)
        segment->state = STATE_NOTED;
}

static void look_at_descendants(struct segments *s)
{
    struct procs below = {0};

    proc_below(getpid(), &below);
    for (size_t i = 0; i < below.n; i++) {
        if (!below.items[i].zombie)
            holders_look(below.items[i].pid, s->folder, note, &s->table);
    }
    procs_free(&below);
    for (size_t i = 0; i < s->table.n; i++)
        s->table.items[i].looks += s->table.items[i].state == STATE_NEW;
}

static size_t count_noted(const struct segments *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->table.n; i++)
        n += s->table.items[i].state == STATE_NOTED;
    return n;
}

/* A look that has used a millisecond is followed by a rest of a hundred. */
static void plan_next(struct segments *s, int64_t now, int64_t used_us)
{
    int64_t rest = used_us * SHARE / 1000;

    s->not_before = now + (rest > EVERY_MS ? rest : EVERY_MS);
    s->look_at = CLOCK_NEVER;
    if (s->told < 0)
        look_later(s, now + UNTOLD_MS);
    else if (worth_a_look(s, false))
        look_later(s, now);
}

bool segments_look(struct segments *s, int64_t now, bool all)
{
    int64_t start = clock_cpu_us();
    size_t before = 0, after = 0;

    swallow_events(s);
    if (refresh(s)) {
        before = count_noted(s);
        if (worth_a_look(s, all))
            look_at_descendants(s);
        after = count_noted(s);
    }
    plan_next(s, now, clock_cpu_us() - start);
    return after > before;
}

/* ---- removing ---- */

static void mark_alive(void *arg, dev_t dev, ino_t ino)
{
    struct segment *segment = table_find(arg, dev, ino);

    if (segment)
        segment->alive = true;
}

/* Other users' processes show nothing. They can lose a name, never their memory. */
static bool look_at_one(void *arg, pid_t pid)
{
    struct segments *s = arg;

    holders_look(pid, s->folder, mark_alive, &s->table);
    return false;
}

static bool remove_one(const struct segments *s, const struct segment *segment)
{
    struct stat st;

    return segment->state == STATE_NOTED && !segment->alive && is_ours(s->fd, segment->name, &st) &&
           st.st_dev == segment->dev && st.st_ino == segment->ino &&
           unlinkat(s->fd, segment->name, 0) == 0;
}

size_t segments_remove(struct segments *s)
{
    size_t n = 0;

    refresh(s);
    if (count_noted(s) == 0)
        return 0;
    procfs_each(look_at_one, s);
    for (size_t i = 0; i < s->table.n; i++)
        n += remove_one(s, &s->table.items[i]);
    return n;
}

/* ---- handing over ---- */

/* "DEV INO NAME" and a NUL byte each. */
int segments_save(const struct segments *s, int saved_in, const char *name)
{
    struct buf text = {0};
    struct err err = {0};
    int rc;

    for (size_t i = 0; i < s->table.n; i++) {
        const struct segment *segment = &s->table.items[i];

        if (segment->state != STATE_NOTED)
            continue;
        buf_addf(&text, "%llu %llu ", (unsigned long long)segment->dev,
                 (unsigned long long)segment->ino);
        buf_add(&text, segment->name, strlen(segment->name) + 1);
    }
    rc = file_write_in(saved_in, name, 0600, text.data, text.len, &err);
    buf_free(&text);
    return rc;
}

/* A name of something in a folder, and nowhere else. */
static bool is_component(const char *name)
{
    return *name != '\0' && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static void load_one(struct table *table, const char *text)
{
    char *name;
    unsigned long long dev = strtoull(text, &name, 10), ino = strtoull(name, &name, 10);

    if (*name++ != ' ' || !is_component(name) || table->n == SEGMENTS_MAX)
        return;
    table_add(table, &(struct segment){.name = mem_strdup(name),
                                       .dev = (dev_t)dev,
                                       .ino = (ino_t)ino,
                                       .state = STATE_NOTED});
}

static void load_all(struct table *table, const struct buf *text)
{
    for (size_t at = 0; at + 1 < text->len; at += strlen(text->data + at) + 1)
        load_one(table, text->data + at);
    if (table->n > 0)
        qsort(table->items, table->n, sizeof(*table->items), by_file);
}

struct segments *segments_load(const char *folder, int saved_in, const char *name)
{
    struct segments *s = open_folder(folder);
    int fd = s ? folder_open_file(saved_in, name) : -1;
    struct buf text = {0};
    struct err err = {0};

    if (fd >= 0 && file_read_open(fd, name, SAVED_MAX, &text, &err) == 0) {
        buf_add(&text, "", 1);
        load_all(&s->table, &text);
    }
    if (fd >= 0)
        close(fd);
    buf_free(&text);
    return s;
}
