#include "wire/reader.h"

#include <endian.h>
#include <string.h>

#include "base/text.h"

/* So many bytes: 1, 2, 4 or 8. */
static uint64_t big_endian(const uint8_t *bytes, size_t size) {
    uint16_t two;
    uint32_t four;
    uint64_t eight;
    switch (size) {
    case 1:
        return bytes[0];
    case 2:
        memcpy(&two, bytes, sizeof two);
        return be16toh(two);
    case 4:
        memcpy(&four, bytes, sizeof four);
        return be32toh(four);
    default:
        memcpy(&eight, bytes, sizeof eight);
        return be64toh(eight);
    }
}

/* An unsigned number of so many bytes. */
static bool take(fw_reader *self, size_t size, uint64_t *value) {
    if ((size_t)(self->end - self->at) < size)
        return false;
    *value = big_endian(self->at, size);
    self->at += size;
    return true;
}

static bool take_bytes(fw_reader *self, fw_token *token, fw_token_kind kind, uint64_t size) {
    if ((uint64_t)(self->end - self->at) < size)
        return false;
    token->kind = kind;
    token->size = (uint32_t)size;
    token->data = self->at;
    self->at += size;
    return true;
}

/* Each element takes at least one byte. */
static bool take_count(fw_reader *self, fw_token *token, fw_token_kind kind, uint64_t count) {
    uint64_t least = kind == FW_TOKEN_MAP ? 2 * count : count;
    if ((uint64_t)(self->end - self->at) < least)
        return false;
    token->kind = kind;
    token->size = (uint32_t)count;
    return true;
}

static bool take_ext(fw_reader *self, fw_token *token, uint64_t size) {
    uint64_t type;
    if (!take(self, 1, &type))
        return false;
    token->ext_type = (int8_t)(uint8_t)type;
    return take_bytes(self, token, FW_TOKEN_EXT, size);
}

static bool take_signed(fw_reader *self, fw_token *token, size_t size) {
    uint64_t bits;
    if (!take(self, size, &bits))
        return false;
    unsigned shift = (unsigned)(64 - 8 * size);
    int64_t value = (int64_t)(bits << shift) >> shift;
    if (value < 0) {
        token->kind = FW_TOKEN_INT;
        token->sint = value;
    } else {
        token->kind = FW_TOKEN_UINT;
        token->uint = bits;
    }
    return true;
}

static bool take_float(fw_reader *self, fw_token *token, size_t size) {
    uint64_t bits;
    if (!take(self, size, &bits))
        return false;
    token->kind = FW_TOKEN_FLOAT;
    if (size == sizeof(float)) {
        uint32_t bits32 = (uint32_t)bits;
        float value;
        memcpy(&value, &bits32, sizeof value);
        token->real = value;
    } else {
        memcpy(&token->real, &bits, sizeof token->real);
    }
    return true;
}

bool fw_read(fw_reader *self, fw_token *token) {
    if (self->at == self->end)
        return false;
    uint8_t head = *self->at++;
    if (head <= 0x7f || head >= 0xe0) {
        token->kind = head <= 0x7f ? FW_TOKEN_UINT : FW_TOKEN_INT;
        token->sint = (int8_t)head;
        return true;
    }
    if (head <= 0x8f)
        return take_count(self, token, FW_TOKEN_MAP, head & 0x0f);
    if (head <= 0x9f)
        return take_count(self, token, FW_TOKEN_ARRAY, head & 0x0f);
    if (head <= 0xbf)
        return take_bytes(self, token, FW_TOKEN_TEXT, head & 0x1f);

    uint64_t n;
    switch (head) {
    case 0xc0:
        token->kind = FW_TOKEN_NIL;
        return true;
    case 0xc2:
    case 0xc3:
        token->kind = FW_TOKEN_BOOL;
        token->boolean = head & 1;
        return true;
    case 0xc4:
    case 0xc5:
    case 0xc6:
        return take(self, (size_t)1 << (head - 0xc4), &n) && take_bytes(self, token, FW_TOKEN_BYTES, n);
    case 0xc7:
    case 0xc8:
    case 0xc9:
        return take(self, (size_t)1 << (head - 0xc7), &n) && take_ext(self, token, n);
    case 0xca:
        return take_float(self, token, sizeof(float));
    case 0xcb:
        return take_float(self, token, sizeof(double));
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
        token->kind = FW_TOKEN_UINT;
        return take(self, (size_t)1 << (head - 0xcc), &token->uint);
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
        return take_signed(self, token, (size_t)1 << (head - 0xd0));
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
        return take_ext(self, token, (uint64_t)1 << (head - 0xd4));
    case 0xd9:
    case 0xda:
    case 0xdb:
        return take(self, (size_t)1 << (head - 0xd9), &n) && take_bytes(self, token, FW_TOKEN_TEXT, n);
    case 0xdc:
    case 0xdd:
        return take(self, (size_t)2 << (head - 0xdc), &n) && take_count(self, token, FW_TOKEN_ARRAY, n);
    case 0xde:
    case 0xdf:
        return take(self, (size_t)2 << (head - 0xde), &n) && take_count(self, token, FW_TOKEN_MAP, n);
    default:
        return false; /* 0xc1 */
    }
}

/* UTF-8; text is mostly ASCII, and is looked at eight bytes at a time as long as it is. */
static bool text_passes(const uint8_t *text, size_t size) {
    uint64_t eight;
    for (; size >= sizeof eight; text += sizeof eight, size -= sizeof eight) {
        memcpy(&eight, text, sizeof eight);
        if (eight & UINT64_C(0x8080808080808080))
            return fw_utf8_valid((const char *)text, size);
    }
    uint8_t all = 0;
    for (size_t i = 0; i < size; i++)
        all |= text[i];
    return all < 0x80 || fw_utf8_valid((const char *)text, size);
}

static bool key_passes(fw_token_kind kind, fw_rules rules) {
    if (rules == FW_HEADER_RULES)
        return kind == FW_TOKEN_TEXT || kind == FW_TOKEN_BYTES;
    return kind != FW_TOKEN_ARRAY && kind != FW_TOKEN_MAP && kind != FW_TOKEN_EXT;
}

bool fw_skip(fw_reader *self, unsigned depth, fw_rules rules) {
    fw_token token;
    return fw_read(self, &token) && fw_skip_rest(self, &token, depth, rules);
}

static bool skip_pair(fw_reader *self, unsigned depth, fw_rules rules) {
    fw_token key;
    return fw_read(self, &key) && key_passes(key.kind, rules) && fw_skip_rest(self, &key, depth, rules) &&
           fw_skip(self, depth, rules);
}

bool fw_skip_rest(fw_reader *self, const fw_token *token, unsigned depth, fw_rules rules) {
    switch (token->kind) {
    case FW_TOKEN_TEXT:
        return rules == FW_VALUE_RULES || text_passes(token->data, token->size);
    case FW_TOKEN_EXT:
        return rules == FW_VALUE_RULES && token->ext_type >= 0;
    case FW_TOKEN_ARRAY:
        if (depth == 0)
            return false;
        for (uint32_t i = 0; i < token->size; i++) {
            if (!fw_skip(self, depth - 1, rules))
                return false;
        }
        return true;
    case FW_TOKEN_MAP:
        if (depth == 0)
            return false;
        for (uint32_t i = 0; i < token->size; i++) {
            if (!skip_pair(self, depth - 1, rules))
                return false;
        }
        return true;
    default:
        return true;
    }
}
