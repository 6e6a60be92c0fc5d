/* Copying pixels, as fast as the machine can. */
#ifndef FW_MEMORY_COPY_H
#define FW_MEMORY_COPY_H

#include <stddef.h>

/* `rows` rows of `row` bytes, which begin `stride` bytes apart, become one packed run, which none of them overlaps. Any thread.
 * What would not stay in the cache is written past it; of what does, it finds out how it is copied fastest. */
void fw_copy_rows(void *to, const void *from, size_t row, size_t rows, size_t stride);

/* Bytes of the largest cache of a machine whose files are below root ("": this one); what is usual where it does not say. */
size_t fw_copy_cache(const char *root);

#endif
