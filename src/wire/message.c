/* message: where a frame ends, but not what is in it; and a folder as bytes. */
#include "wire/message.h"

#include <stdlib.h>

#include "wire/pack.h"

void message_frame(struct buf *out, enum message_type type, const void *data, size_t len)
{
    pack_u32(out, (uint32_t)type);
    if (len > MESSAGE_MAX) {
        /* The receiver refuses this header at once, so that somebody sees an error. If the frame
         * were left out, the receiver would wait for it. */
        pack_u32(out, UINT32_MAX);
        return;
    }
    pack_u32(out, (uint32_t)len);
    buf_add(out, data, len);
}

int message_next(const struct buf *in, enum message_type *type, const char **data, size_t *len)
{
    struct unpack u = {.at = in->data, .left = in->len};
    uint32_t number, size;

    if (in->len < MESSAGE_HEADER)
        return 0;
    number = unpack_u32(&u);
    size = unpack_u32(&u);
    if (number < MESSAGE_PLAN || number >= MESSAGE_COUNT || size > MESSAGE_MAX)
        return -1;
    if (u.left < size)
        return 0;
    *type = (enum message_type)number;
    *data = u.at;
    *len = size;
    return 1;
}

void message_pack_folder(struct buf *out, const struct folder *folder)
{
    pack_i64(out, (int64_t)folder->dev);
    pack_i64(out, (int64_t)folder->ino);
    pack_text(out, folder->path);
}

int message_unpack_folder(const char *data, size_t len, struct folder *folder)
{
    struct unpack u = {.at = data, .left = len};

    *folder = (struct folder){.dev = (uint64_t)unpack_i64(&u), .ino = (uint64_t)unpack_i64(&u)};
    folder->path = unpack_needed_text(&u);
    if (!u.bad && !u.left && folder->path[0] == '/')
        return 0;
    folder_clear(folder);
    return -1;
}
