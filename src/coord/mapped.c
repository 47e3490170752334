/* mapped: the files that this process has mapped, as /proc/self/maps lists them. Knows no MPI. */
#include "coord/mapped.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void mapped_unlink(const char *prefix)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char *line = NULL;
    size_t room = 0;

    while (maps && getline(&line, &room, maps) > 0) {
        const char *path = strchr(line, '/'); /* nothing before the path has one */

        line[strcspn(line, "\n")] = '\0';
        if (path && !strncmp(path, prefix, strlen(prefix)))
            unlink(path);
    }
    free(line);
    if (maps)
        fclose(maps);
}
