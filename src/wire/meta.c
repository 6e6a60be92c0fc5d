#include "wire/meta.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/text.h"
#include "wire/reader.h"
#include "wire/writer.h"

#define NUMBER_MAX 9 /* bytes of the longest packed number */
#define HEAD_MAX   5 /* bytes of the longest head of a text */

/* Text as it travels: as it is, or, where it is not UTF-8, percent-encoded (then spare is to be freed). */
typedef struct clean {
    const char *text;
    size_t size;
    char *spare;
} clean;

static fw_status clean_up(const char *text, size_t size, clean *out) {
    *out = (clean){ .text = text, .size = size };
    if (fw_utf8_valid(text, size))
        return FW_OK;
    out->spare = fw_percent_utf8(text, size);
    if (!out->spare)
        return fw_fail(FW_NO_MEMORY, "meta: no memory for %zu bytes of text", size);
    out->text = out->spare;
    out->size = strlen(out->spare);
    return FW_OK;
}

/* Room for extra bytes more. */
static fw_status grow(fw_meta *self, size_t extra) {
    if (self->room - self->size >= extra)
        return FW_OK;
    size_t room = self->room ? self->room : 128;
    while (room - self->size < extra)
        room *= 2;
    uint8_t *packed = realloc(self->packed, room);
    if (!packed)
        return fw_fail(FW_NO_MEMORY, "meta: no memory for %zu bytes", room);
    self->packed = packed;
    self->room = room;
    return FW_OK;
}

/* The pair with this key, as the bytes it takes; {0} if there is none. */
typedef struct pair {
    size_t at, size;
} pair;

static pair find(const fw_meta *self, const char *key, size_t key_size) {
    if (self->count == 0)
        return (pair){ 0 };
    fw_reader reader = { self->packed, self->packed + self->size };
    while (reader.at < reader.end) {
        const uint8_t *start = reader.at;
        fw_token token;
        if (!fw_read(&reader, &token) || !fw_skip(&reader, 1, FW_HEADER_RULES))
            break;
        if (token.size == key_size && memcmp(token.data, key, key_size) == 0)
            return (pair){ (size_t)(start - self->packed), (size_t)(reader.at - start) };
    }
    return (pair){ 0 };
}

/* Put one pair in, its value packed already or a text. Takes the place of a pair with the same key, at the end. */
static fw_status put(fw_meta *self, const char *key, size_t key_size, const uint8_t *value, size_t value_size,
                     bool is_text) {
    if (key_size > FW_META_MAX || value_size > FW_META_MAX)
        return fw_fail(FW_TOO_LARGE, "meta: a pair of %zu bytes: all of it may take %zu", key_size + value_size,
                       FW_META_MAX);
    size_t most = HEAD_MAX + key_size + HEAD_MAX + value_size;
    fw_status status = grow(self, most);
    if (status)
        return status;

    fw_writer writer = { .out = self->packed + self->size, .room = most };
    fw_write_text(&writer, key, key_size);
    if (is_text)
        fw_write_text(&writer, (const char *)value, value_size);
    else
        fw_write_packed(&writer, value, value_size);

    pair old = find(self, key, key_size);
    if (self->size - old.size + writer.size > FW_META_MAX)
        return fw_fail(FW_TOO_LARGE, "meta: %zu bytes with key %.*s: at most %zu", self->size - old.size + writer.size,
                       (int)(key_size < 64 ? key_size : 64), key, FW_META_MAX);
    if (old.size > 0)
        memmove(self->packed + old.at, self->packed + old.at + old.size, self->size - old.at - old.size + writer.size);
    self->size += writer.size - old.size;
    if (old.size == 0)
        self->count++;
    return FW_OK;
}

static fw_status put_clean(fw_meta *self, const char *key, const uint8_t *value, size_t value_size, bool is_text) {
    clean name;
    fw_status status = clean_up(key, strlen(key), &name);
    if (status)
        return status;
    status = put(self, name.text, name.size, value, value_size, is_text);
    free(name.spare);
    return status;
}

fw_status fw_meta_text(fw_meta *self, const char *key, const char *text, size_t size) {
    clean value;
    fw_status status = clean_up(text, size, &value);
    if (status)
        return status;
    status = put_clean(self, key, (const uint8_t *)value.text, value.size, true);
    free(value.spare);
    return status;
}

fw_status fw_meta_int(fw_meta *self, const char *key, int64_t value) {
    uint8_t packed[NUMBER_MAX];
    fw_writer writer = { .out = packed, .room = sizeof packed };
    fw_write_int(&writer, value);
    return put_clean(self, key, packed, writer.size, false);
}

fw_status fw_meta_float(fw_meta *self, const char *key, double value) {
    uint8_t packed[NUMBER_MAX];
    fw_writer writer = { .out = packed, .room = sizeof packed };
    fw_write_float(&writer, value);
    return put_clean(self, key, packed, writer.size, false);
}

fw_status fw_meta_join(fw_meta *self, const fw_meta *other) {
    if (other->count == 0)
        return FW_OK;
    fw_meta whole = { .size = self->size, .room = self->size, .count = self->count };
    fw_status status = FW_OK;
    if (self->size > 0) {
        whole.packed = malloc(self->size);
        if (!whole.packed)
            return fw_fail(FW_NO_MEMORY, "meta: no memory for %zu bytes", self->size);
        memcpy(whole.packed, self->packed, self->size);
    }
    fw_reader reader = { other->packed, other->packed + other->size };
    while (!status && reader.at < reader.end) {
        fw_token key;
        if (!fw_read(&reader, &key))
            break;
        const uint8_t *value = reader.at;
        if (!fw_skip(&reader, 1, FW_HEADER_RULES))
            break;
        status = put(&whole, (const char *)key.data, key.size, value, (size_t)(reader.at - value), false);
    }
    if (status) {
        fw_meta_free(&whole);
        return status;
    }
    fw_meta_free(self);
    *self = whole;
    return FW_OK;
}

void fw_meta_free(fw_meta *self) {
    free(self->packed);
    *self = (fw_meta){ 0 };
}
