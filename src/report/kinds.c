/* kinds: a kind is a hash of the sentence without digits and without the machine's name. */
#include "report/kinds.h"

#include <string.h>

/* FNV-1a */
#define HASH_START UINT64_C(0xcbf29ce484222325)
#define HASH_PRIME UINT64_C(0x100000001b3)

static uint64_t number_of(const char *sentence, const char *host)
{
    size_t len = host ? strlen(host) : 0;
    uint64_t hash = HASH_START;

    while (*sentence) {
        if (len && !strncmp(sentence, host, len)) {
            sentence += len;
            continue;
        }
        if (*sentence < '0' || *sentence > '9')
            hash = (hash ^ (unsigned char)*sentence) * HASH_PRIME;
        sentence++;
    }
    return hash;
}

int kinds_add(struct kinds *kinds, const char *sentence, const char *host)
{
    uint64_t number = number_of(sentence, host);
    int i = 0;

    while (i < kinds->count && i < KINDS_MOST - 1 && kinds->number[i] != number)
        i++;
    if (i == kinds->count) {
        kinds->number[i] = number;
        kinds->count++;
    }
    kinds->n[i]++;
    return i;
}
