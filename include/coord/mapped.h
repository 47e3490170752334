/* mapped: the files that this process has mapped. */
#ifndef COORD_MAPPED_H
#define COORD_MAPPED_H

/* Removes the names of the files that are mapped and whose paths begin with prefix: the memory
 * stays as long as someone has it mapped, and nothing is left however this process ends. */
void mapped_unlink(const char *prefix);

#endif
