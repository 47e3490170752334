/* hello: see the header. Knows no MPI. */
#include "coord/hello.h"

#include <stdio.h>
#include <string.h>

#include "config.h"
#include "coord/launch.h"
#include "wire/message.h"

#define TEXT(number)  #number
#define TEXT_OF(name) TEXT(name)

static const char build_text[] = PACKAGE_VERSION ", messages " TEXT_OF(MESSAGE_VERSION);

_Static_assert(sizeof(build_text) <= sizeof(((struct build *)0)->text), "room for the version");

void hello_make(struct hello *hello, size_t one_size, size_t other_size)
{
    *hello = (struct hello){.build.sizes = {(uint32_t)one_size, (uint32_t)other_size}};
    memcpy(hello->build.text, build_text, sizeof(build_text));
    snprintf(hello->host, sizeof(hello->host), "%s", launch_host());
}

int hello_check(const struct hello *all, size_t n, struct err *err)
{
    for (size_t r = 1; r < n; r++) {
        const struct hello *other = &all[r];

        if (memcmp(&all[0].build, &other->build, sizeof(other->build)) != 0)
            return err_set(err, EXIT_MACHINE,
                           "%.63s runs another build of dgl-mpilaunch (%.63s) than %.63s (%.63s); "
                           "install the same one on all machines",
                           other->host, other->build.text, all[0].host, all[0].build.text);
    }
    return 0;
}

void hello_sign(struct buf *out, const struct build *own, int code)
{
    struct opening opening = {*own, code};

    buf_add(out, &opening, sizeof(opening));
}

bool hello_verify(struct buf *in, const struct build *own, int *code)
{
    struct opening opening = {.code = EXIT_MACHINE};

    if (in->len >= sizeof(opening))
        memcpy(&opening, in->data, sizeof(opening));
    *code = opening.code >= OPENING_CODE_LEAST && opening.code <= UINT8_MAX ? opening.code
                                                                            : EXIT_MACHINE;
    if (memcmp(&opening.build, own, sizeof(*own)) != 0)
        return false;
    buf_consume(in, sizeof(opening));
    return true;
}
