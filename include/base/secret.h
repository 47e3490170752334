/* secret: a number that nobody else can guess. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdint.h>

/* From the kernel; 0: it gives none. */
uint64_t secret_draw(void);

#endif
