/* options-roff: writes the man page's sections that the table of options makes. Used by the build.
 */
#include <stdio.h>

#include "job/options.h"
#include "job/options_help.h"

int main(void)
{
    options_roff(stdout);
    return fflush(stdout) ? 1 : 0;
}
