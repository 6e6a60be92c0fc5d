#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char upper_hex[] = "0123456789ABCDEF";
static const char lower_hex[] = "0123456789abcdef";

static bool is_tail(uint8_t byte) {
    return (byte & 0xC0) == 0x80;
}

/* How many bytes the character at text takes; 0: not UTF-8. Unicode 15, table 3-7. */
static size_t character(const uint8_t *text, size_t size) {
    uint8_t first = text[0];
    if (first < 0x80)
        return 1;
    if (first < 0xC2 || first > 0xF4)
        return 0;
    if (first < 0xE0)
        return size >= 2 && is_tail(text[1]) ? 2 : 0;
    if (size < 3 || !is_tail(text[1]) || !is_tail(text[2]))
        return 0;
    if (first < 0xF0) {
        bool overlong = first == 0xE0 && text[1] < 0xA0;
        bool surrogate = first == 0xED && text[1] > 0x9F;
        return overlong || surrogate ? 0 : 3;
    }
    bool overlong = first == 0xF0 && text[1] < 0x90;
    bool beyond = first == 0xF4 && text[1] > 0x8F;
    return size < 4 || !is_tail(text[3]) || overlong || beyond ? 0 : 4;
}

/* C0, DEL or C1, where character() said length. */
static bool is_control(const uint8_t *text, size_t length) {
    return length == 1 ? text[0] < 0x20 || text[0] == 0x7F : length == 2 && text[0] == 0xC2 && text[1] < 0xA0;
}

bool fw_utf8_valid(const char *text, size_t size) {
    const uint8_t *at = (const uint8_t *)text;
    for (size_t length; size; at += length, size -= length)
        if (!(length = character(at, size)))
            return false;
    return true;
}

bool fw_stream_name_valid(const char *name, size_t size) {
    if (size < 1 || size > 128)
        return false;
    const uint8_t *at = (const uint8_t *)name;
    for (size_t length; size; at += length, size -= length)
        if (!(length = character(at, size)) || is_control(at, length))
            return false;
    return true;
}

size_t fw_escape(char *out, size_t room, const char *text, size_t size) {
    if (!room)
        return 0;
    static const char more[] = "...";
    const uint8_t *at = (const uint8_t *)text;
    size_t used = 0, cut = 0; /* cut: the last end of a character with room for the dots after it */
    while (size) {
        size_t length = character(at, size);
        bool escape = !length || is_control(at, length);
        length = length ? length : 1;
        size_t wanted = escape ? 4 * length : length;
        if (used + sizeof more <= room)
            cut = used;
        if (used + wanted >= room) {
            size_t dots = room > sizeof more ? sizeof more - 1 : room - 1;
            memcpy(out + cut, more, dots);
            used = cut + dots;
            break;
        }
        for (size_t i = 0; i < length; i++)
            if (escape) {
                out[used++] = '\\';
                out[used++] = 'x';
                out[used++] = lower_hex[at[i] >> 4];
                out[used++] = lower_hex[at[i] & 15];
            } else {
                out[used++] = (char)at[i];
            }
        at += length;
        size -= length;
    }
    out[used] = '\0';
    return used;
}

size_t fw_escape_va(char *out, size_t room, const char *format, va_list arguments) {
    char raw[2 * FW_ESCAPE_MAX];
    int size = vsnprintf(raw, sizeof raw, format, arguments);
    return fw_escape(out, room < FW_ESCAPE_MAX ? room : FW_ESCAPE_MAX, raw, size < 0 ? 0 : strnlen(raw, sizeof raw));
}

static size_t percent(char *out, uint8_t byte) {
    out[0] = '%';
    out[1] = upper_hex[byte >> 4];
    out[2] = upper_hex[byte & 15];
    return 3;
}

static bool is_alnum(uint8_t byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

static bool is_hex(uint8_t byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'F') || (byte >= 'a' && byte <= 'f');
}

void fw_file_name(char *out, const char *name, size_t size) {
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)name[i];
        bool stays = is_alnum(byte) || byte == '_' || byte == '-' || (byte == '.' && i);
        if (used + (stays ? 1 : 3) > 200)
            break;
        if (stays)
            out[used++] = (char)byte;
        else
            used += percent(out + used, byte);
    }
    out[used] = '\0';
}

char *fw_percent_utf8(const char *text, size_t size) {
    char *out = size < SIZE_MAX / 3 ? malloc(3 * size + 1) : NULL;
    if (!out)
        return NULL;
    const uint8_t *at = (const uint8_t *)text;
    size_t used = 0;
    while (size) {
        size_t length = character(at, size);
        if (!length || (*at == '%' && size > 2 && is_hex(at[1]) && is_hex(at[2]))) {
            length = 1;
            used += percent(out + used, *at);
        } else {
            memcpy(out + used, at, length);
            used += length;
        }
        at += length;
        size -= length;
    }
    out[used] = '\0';
    return out;
}

/* Room for size bytes more and a NUL. */
static bool grow(fw_text *self, size_t size) {
    size_t wanted;
    if (self->failed || __builtin_add_overflow(self->size, size, &wanted) || wanted > SIZE_MAX / 2)
        self->failed = true;
    else if (wanted >= self->room) {
        size_t room = wanted < 128 ? 256 : 2 * wanted;
        char *data = realloc(self->data, room);
        if (data) {
            self->data = data;
            self->room = room;
        }
        self->failed = !data;
    }
    return !self->failed;
}

void fw_text_add(fw_text *self, const char *bytes, size_t size) {
    if (!grow(self, size))
        return;
    if (size)
        memcpy(self->data + self->size, bytes, size);
    self->size += size;
    self->data[self->size] = '\0';
}

void fw_text_format(fw_text *self, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0)
        self->failed = true;
    else if (grow(self, (size_t)size)) {
        vsnprintf(self->data + self->size, self->room - self->size, format, again);
        self->size += (size_t)size;
    }
    va_end(again);
}

static void add_json_escape(fw_text *self, unsigned unit) {
    switch (unit) {
    case '"':
        fw_text_add(self, "\\\"", 2);
        break;
    case '\\':
        fw_text_add(self, "\\\\", 2);
        break;
    case '\n':
        fw_text_add(self, "\\n", 2);
        break;
    case '\r':
        fw_text_add(self, "\\r", 2);
        break;
    case '\t':
        fw_text_add(self, "\\t", 2);
        break;
    default:
        fw_text_format(self, "\\u%04x", unit);
    }
}

void fw_text_json(fw_text *self, const char *text, size_t size) {
    const uint8_t *at = (const uint8_t *)(size ? text : ""), *end = at + size;
    fw_text_add(self, "\"", 1);
    while (at < end) {
        const uint8_t *plain = at;
        size_t length = 0;
        while (at < end && (length = character(at, (size_t)(end - at))) && !is_control(at, length) && *at != '"' &&
               *at != '\\')
            at += length;
        fw_text_add(self, (const char *)plain, (size_t)(at - plain));
        if (at == end)
            break;
        if (!length)
            fw_text_add(self, "\xEF\xBF\xBD", 3);
        else
            add_json_escape(self, length == 2 ? at[1] : at[0]);
        at += length ? length : 1;
    }
    fw_text_add(self, "\"", 1);
}
