/* The free map of a header: packed as it is filled, so that sending it costs one copy. */
#ifndef FW_WIRE_META_H
#define FW_WIRE_META_H

#include <stddef.h>
#include <stdint.h>

#include <framewire/status.h>

/* Zero-initialise; fw_meta_free() at the end. */
typedef struct fw_meta {
    uint8_t *packed; /* pairs, msgpack, without the map's own head */
    size_t size, room;
    uint32_t count; /* pairs */
} fw_meta;

#define FW_META_MAX ((size_t)32 << 10) /* of the packed pairs: a result repeats them, and has more to say */

/* A key that is there already gets the new value. Text and keys that are not UTF-8 travel as fw_percent_utf8() has
 * them. FW_TOO_LARGE beyond FW_META_MAX in all, FW_NO_MEMORY; the map is then unchanged. */
fw_status fw_meta_text(fw_meta *self, const char *key, const char *text, size_t size);
fw_status fw_meta_int(fw_meta *self, const char *key, int64_t value);
fw_status fw_meta_float(fw_meta *self, const char *key, double value);
/* All pairs of other, as if set one by one. */
fw_status fw_meta_join(fw_meta *self, const fw_meta *other);
void fw_meta_free(fw_meta *self);

#endif
