/* Pairs of a header, as they are written: a key and its value. */
#ifndef FW_WIRE_PUT_H
#define FW_WIRE_PUT_H

#include <string.h>

#include <framewire/frame.h>

#include "wire/keys.h"
#include "wire/writer.h"

static inline void fw_put_key(fw_writer *writer, fw_header_key key) {
    fw_write_text(writer, fw_key_names[key].data, fw_key_names[key].size);
}

static inline void fw_put_text(fw_writer *writer, fw_header_key key, fw_span text) {
    fw_put_key(writer, key);
    fw_write_text(writer, text.data, text.size);
}

static inline void fw_put_name(fw_writer *writer, fw_header_key key, const char *name) {
    fw_put_text(writer, key, (fw_span){ name, strlen(name) });
}

static inline void fw_put_uint(fw_writer *writer, fw_header_key key, uint64_t value) {
    fw_put_key(writer, key);
    fw_write_uint(writer, value);
}

static inline void fw_put_int(fw_writer *writer, fw_header_key key, int64_t value) {
    fw_put_key(writer, key);
    fw_write_int(writer, value);
}

static inline void fw_put_list(fw_writer *writer, fw_header_key key, uint32_t count, fw_span packed) {
    fw_put_key(writer, key);
    fw_write_array(writer, count);
    fw_write_packed(writer, packed.data, packed.size);
}

static inline void fw_put_shape(fw_writer *writer, const fw_format *format) {
    fw_put_key(writer, FW_KEY_SHAPE);
    fw_write_array(writer, format->ndim);
    for (uint32_t i = 0; i < format->ndim; i++)
        fw_write_uint(writer, format->shape[i]);
    fw_put_name(writer, FW_KEY_DTYPE, fw_dtype_name(format->dtype));
}

static inline void fw_put_bool(fw_writer *writer, fw_header_key key, bool value) {
    fw_put_key(writer, key);
    fw_write_bool(writer, value);
}

#endif
