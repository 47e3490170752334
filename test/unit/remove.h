/* remove: the end of a test's own folder. */
#ifndef TEST_REMOVE_H
#define TEST_REMOVE_H

#include <check.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/folder.h"

/* What mkdtemp has made, with all that is in it. */
static inline void unit_remove(const char *path)
{
    struct folder folder;
    int fd = folder_find(&folder, AT_FDCWD, path, path);

    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert(folder_remove(&folder));
    folder_clear(&folder);
}

#endif
