/* Copying pixels, as fast as the machine can. */
#ifndef FW_MEMORY_COPY_H
#define FW_MEMORY_COPY_H

#include <stddef.h>

/* `rows` rows of `row` bytes, which begin `stride` bytes apart, become one packed run, which none of them overlaps. Any thread.
 * Whole lines are written without being fetched first, which where another core has just read them can take as long as the
 * copy itself; and past the cache, where what is copied would not stay there. */
void fw_copy_rows(void *to, const void *from, size_t row, size_t rows, size_t stride);

/* The same of one run of bytes. */
void fw_copy(void *to, const void *from, size_t size);

/* Bytes of the largest cache of a machine whose files are below root ("": this one); what is usual where it does not say. */
size_t fw_copy_cache(const char *root);

#endif
