/* Writing msgpack into memory of the caller's. The only user of msgpack-c. */
#ifndef FW_WIRE_WRITER_H
#define FW_WIRE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct fw_writer {
    uint8_t *out;
    size_t room, size;
    bool full; /* something did not fit; what follows is not written either */
} fw_writer;

void fw_write_map(fw_writer *self, uint32_t pairs);
void fw_write_array(fw_writer *self, uint32_t elements);
void fw_write_text(fw_writer *self, const char *text, size_t size);
void fw_write_bytes(fw_writer *self, const void *bytes, size_t size);
void fw_write_bool(fw_writer *self, bool value);
void fw_write_uint(fw_writer *self, uint64_t value);
void fw_write_int(fw_writer *self, int64_t value);
void fw_write_float(fw_writer *self, double value);
void fw_write_packed(fw_writer *self, const void *packed, size_t size); /* msgpack already */

#endif
