/* pack: bytes of each kind of value, and what a cursor does with bytes that are not. */
#include <limits.h>
#include <string.h>

#include "base/mem.h"
#include "unit.h"
#include "wire/pack.h"

static struct unpack over(const struct buf *b)
{
    return (struct unpack){.at = b->data, .left = b->len};
}

START_TEST(numbers_are_little_endian)
{
    struct buf b = {0};

    pack_u32(&b, 0x01020304);
    pack_i64(&b, -2);
    ck_assert_uint_eq(b.len, 12);
    ck_assert_mem_eq(b.data, "\4\3\2\1\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 12);
    buf_free(&b);
}
END_TEST

START_TEST(numbers_come_back)
{
    static const int64_t values[] = {0, 1, -1, INT32_MIN, UINT32_MAX, INT64_MAX, INT64_MIN};
    struct buf b = {0};
    struct unpack u;

    for (size_t i = 0; i < 7; i++) {
        pack_i64(&b, values[i]);
        pack_u32(&b, (uint32_t)values[i]);
    }
    u = over(&b);
    for (size_t i = 0; i < 7; i++) {
        ck_assert_int_eq(unpack_i64(&u), values[i]);
        ck_assert_uint_eq(unpack_u32(&u), (uint32_t)values[i]);
    }
    ck_assert(!u.bad);
    ck_assert_uint_eq(u.left, 0);
    buf_free(&b);
}
END_TEST

START_TEST(texts_come_back_and_null_is_kept)
{
    struct buf b = {0};
    struct unpack u;
    char *text;

    pack_text(&b, "a\xFF\n");
    pack_text(&b, "");
    pack_text(&b, NULL);
    u = over(&b);
    text = unpack_text(&u);
    ck_assert_str_eq(text, "a\xFF\n");
    free(text);
    text = unpack_text(&u);
    ck_assert_str_eq(text, "");
    free(text);
    ck_assert_ptr_null(unpack_text(&u));
    ck_assert(!u.bad);
    ck_assert_uint_eq(u.left, 0);
    buf_free(&b);
}
END_TEST

START_TEST(vectors_come_back_appended)
{
    struct strv v = {0}, got = {0};
    struct buf b = {0};
    struct unpack u;

    strv_add(&v, "x=1");
    strv_add(&v, "");
    pack_strv(&b, &v);
    u = over(&b);
    strv_add(&got, "first");
    unpack_strv(&u, &got);
    ck_assert(!u.bad);
    ck_assert_uint_eq(got.n, 3);
    ck_assert_str_eq(got.items[1], "x=1");
    ck_assert_str_eq(got.items[2], "");
    ck_assert_ptr_null(got.items[3]);
    strv_free(&v);
    strv_free(&got);
    buf_free(&b);
}
END_TEST

/* Every read must refuse these bytes: it sets bad, which stays, and gives nothing. */
static void check_text_refused(const char *bytes, size_t len)
{
    char *copy = mem_calloc(len, 1); /* exactly as long, for the sanitizer */
    struct unpack u = {.at = memcpy(copy, bytes, len), .left = len};

    ck_assert_ptr_null(unpack_text(&u));
    ck_assert(u.bad);
    ck_assert_uint_eq(unpack_u32(&u), 0);
    ck_assert_int_eq(unpack_i64(&u), 0);
    ck_assert_ptr_null(unpack_text(&u));
    ck_assert_uint_eq(unpack_count(&u, 1), 0);
    ck_assert(u.bad);
    free(copy);
}

START_TEST(malformed_texts_are_refused)
{
    check_text_refused("\1\0\0", 3);       /* half a length */
    check_text_refused("\2\0\0\0a", 5);    /* longer than what is left */
    check_text_refused("\3\0\0\0a\0b", 7); /* a NUL inside */
    check_text_refused("\xFE\xFF\xFF\xFF"
                       "abcdefgh",
                       12); /* the largest length */
}
END_TEST

START_TEST(nothing_at_all_is_refused)
{
    struct unpack u = {0};
    struct strv v = {0};

    unpack_strv(&u, &v);
    ck_assert(u.bad);
    ck_assert_uint_eq(v.n, 0);
}
END_TEST

START_TEST(a_null_inside_a_vector_is_refused)
{
    struct buf b = {0};
    struct strv v = {0};
    struct unpack u;

    pack_u32(&b, 2);
    pack_text(&b, "a");
    pack_text(&b, NULL);
    u = over(&b);
    unpack_strv(&u, &v);
    ck_assert(u.bad);
    strv_free(&v);
    buf_free(&b);
}
END_TEST

START_TEST(counts_are_checked_against_what_is_left)
{
    struct buf b = {0};
    struct unpack u;

    pack_u32(&b, 3);
    pack_text(&b, "12345678"); /* 12 bytes follow */
    u = over(&b);
    ck_assert_uint_eq(unpack_count(&u, 4), 3);
    u = over(&b);
    ck_assert_uint_eq(unpack_count(&u, 5), 0);
    ck_assert(u.bad);
    buf_free(&b);
    pack_u32(&b, UINT32_MAX);
    u = over(&b);
    ck_assert_uint_eq(unpack_count(&u, SIZE_MAX), 0);
    ck_assert(u.bad);
    buf_free(&b);
}
END_TEST

UNIT_MAIN("pack", numbers_are_little_endian, numbers_come_back, texts_come_back_and_null_is_kept,
          vectors_come_back_appended, malformed_texts_are_refused, nothing_at_all_is_refused,
          a_null_inside_a_vector_is_refused, counts_are_checked_against_what_is_left)
