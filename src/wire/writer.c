#include "wire/writer.h"

#include <string.h>

#include <msgpack/pack.h>
#include <msgpack/version.h>

#include "base/version.h"

static int put(void *data, const char *bytes, size_t size) {
    fw_writer *self = data;
    if (self->full || self->room - self->size < size) {
        self->full = true;
        return -1;
    }
    if (size > 0)
        memcpy(self->out + self->size, bytes, size);
    self->size += size;
    return 0;
}

#define PACKER(self) (&(msgpack_packer){ .data = (self), .callback = put })

void fw_write_map(fw_writer *self, uint32_t pairs) {
    msgpack_pack_map(PACKER(self), pairs);
}

void fw_write_array(fw_writer *self, uint32_t elements) {
    msgpack_pack_array(PACKER(self), elements);
}

void fw_write_text(fw_writer *self, const char *text, size_t size) {
    msgpack_pack_str(PACKER(self), size);
    put(self, text, size);
}

void fw_write_bytes(fw_writer *self, const void *bytes, size_t size) {
    msgpack_pack_bin(PACKER(self), size);
    put(self, bytes, size);
}

void fw_write_bool(fw_writer *self, bool value) {
    const uint8_t head = value ? 0xc3 : 0xc2;
    put(self, (const char *)&head, 1);
}

void fw_write_uint(fw_writer *self, uint64_t value) {
    msgpack_pack_uint64(PACKER(self), value);
}

void fw_write_int(fw_writer *self, int64_t value) {
    msgpack_pack_int64(PACKER(self), value);
}

void fw_write_float(fw_writer *self, double value) {
    msgpack_pack_double(PACKER(self), value);
}

void fw_write_packed(fw_writer *self, const void *packed, size_t size) {
    put(self, packed, size);
}

void fw_msgpack_version(fw_text *text) {
    fw_text_format(text, "msgpack-c %s", msgpack_version());
}
