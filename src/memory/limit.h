/* How much memory the system lets this process have. */
#ifndef FW_MEMORY_LIMIT_H
#define FW_MEMORY_LIMIT_H

#include <stddef.h>
#include <stdint.h>

/* The least memory limit of this process's cgroups, version 2 or 1, and of all above them, in bytes;
 * UINT64_MAX: none. root is "" but in tests: it stands before /proc and /sys. */
uint64_t fw_memory_limit(const char *root);

/* Warn where a budget for frames does not fit into the limit, or into the machine's memory. */
void fw_memory_check_budget(const char *root, size_t budget);

#endif
