/* Huge pages for shared memory: what this system offers. */
#ifndef FW_MEMORY_HUGE_H
#define FW_MEMORY_HUGE_H

#include <stdbool.h>
#include <stddef.h>

#define FW_HUGE_PAGE ((size_t)2 << 20) /* of x86-64 and of most ARM systems */

/* May memory that asks for them (madvise) get transparent huge pages, in a memfd? root is "" but in tests: it stands before
 * /sys. */
bool fw_huge_transparent(const char *root);

#endif
