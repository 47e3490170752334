/* bench_spawn N PROGRAM ARGUMENTS...: starts the program N times by posix_spawn, one time after the
 * other, and waits for all of them. Exits 0 if all did.
 */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { USAGE = 2 };

int main(int argc, char **argv)
{
    long n = argc < 3 ? 0 : strtol(argv[1], NULL, 10);
    int code = 0, status;

    if (n <= 0)
        return USAGE;
    for (long i = 0; i < n; i++) {
        pid_t pid;
        int error = posix_spawn(&pid, argv[2], NULL, NULL, argv + 2, environ);

        if (error != 0) {
            fprintf(stderr, "bench_spawn: %s: %s\n", argv[2], strerror(error));
            return 1;
        }
    }
    while (wait(&status) > 0 || errno == EINTR)
        code |= status;
    return code == 0 ? 0 : 1;
}
