/* fuzz: the checks that several targets share. */
#include "fuzz.h"

#include <string.h>

void fuzz_check_error(const struct err *err, const char *named)
{
    FUZZ_CHECK(err->code == EXIT_USAGE);
    FUZZ_CHECK(err->text[0]);
    fuzz_check_text(err->text, strlen(err->text));
    if (named && !strstr(err->text, named)) {
        fprintf(stderr, "'%s' is not named: %s\n", named, err->text);
        abort();
    }
}
