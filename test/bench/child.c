/* bench_child FIFO FILE: a child that says when it ran. It appends the time at which its main began
 * (CLOCK_MONOTONIC, nanoseconds) to FILE as a line, and lives until nobody can write to FIFO.
 */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { USAGE = 2 };

int main(int argc, char **argv)
{
    struct timespec now;
    int fifo, file;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (argc != 3)
        return USAGE;
    fifo = open(argv[1], O_RDONLY);
    file = open(argv[2], O_WRONLY | O_APPEND);
    if (fifo < 0 || file < 0 ||
        dprintf(file, "%lld\n", now.tv_sec * 1000000000LL + now.tv_nsec) < 0)
        return 1;
    return read(fifo, &(char){0}, 1) == 0 ? 0 : 1;
}
