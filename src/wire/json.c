#include "wire/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "wire/message.h"
#include "wire/reader.h"

static void add(fw_text *out, const char *text) {
    fw_text_add(out, text, strlen(text));
}

static void add_base64(fw_text *out, const uint8_t *bytes, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char chunk[1024];
    size_t used = 0;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t bits =
            (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0);
        chunk[used++] = digits[bits >> 18];
        chunk[used++] = digits[bits >> 12 & 63];
        chunk[used++] = left > 1 ? digits[bits >> 6 & 63] : '=';
        chunk[used++] = left > 2 ? digits[bits & 63] : '=';
        if (used == sizeof chunk) {
            fw_text_add(out, chunk, used);
            used = 0;
        }
    }
    fw_text_add(out, chunk, used);
}

/* The shortest of 15 to 17 digits that reads back as the same number, with a point or an exponent as in 3.0. */
static void format_real(char text[32], double value) {
    char local[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(local, sizeof local, "%.*g", digits, value);
        if (strtod(local, NULL) == value)
            break;
    }
    bool whole = true;
    char *end = text;
    for (const char *at = local; *at; at++) {
        bool point =
            strchr("-+e0123456789", *at) == NULL; /* of the locale: perhaps not '.', and perhaps several bytes */
        if (!point)
            *end++ = *at;
        else if (end == text || end[-1] != '.')
            *end++ = '.';
        whole = whole && !point && *at != 'e';
    }
    strcpy(end, whole ? ".0" : "");
}

static void add_real(fw_text *out, double value, uint64_t *nulls_p) {
    if (!isfinite(value)) {
        ++*nulls_p;
        add(out, "null");
        return;
    }
    char text[32];
    format_real(text, value);
    add(out, text);
}

/* A key that is no text, as text: what it would be as a value; bytes as base64. */
static void add_key(fw_text *out, const fw_token *key) {
    char text[32] = "null";
    switch (key->kind) {
    case FW_TOKEN_TEXT:
        fw_text_json(out, (const char *)key->data, key->size);
        return;
    case FW_TOKEN_BYTES:
        add(out, "\"");
        add_base64(out, key->data, key->size);
        add(out, "\"");
        return;
    case FW_TOKEN_BOOL:
        strcpy(text, key->boolean ? "true" : "false");
        break;
    case FW_TOKEN_UINT:
        snprintf(text, sizeof text, "%" PRIu64, key->uint);
        break;
    case FW_TOKEN_INT:
        snprintf(text, sizeof text, "%" PRId64, key->sint);
        break;
    case FW_TOKEN_FLOAT:
        if (isfinite(key->real))
            format_real(text, key->real);
        else
            strcpy(text, isnan(key->real) ? "NaN" : key->real > 0 ? "Infinity" : "-Infinity");
        break;
    default:
        break;
    }
    fw_text_json(out, text, strlen(text));
}

static void add_value(fw_text *out, fw_reader *reader, uint64_t *nulls_p);

static void add_pairs(fw_text *out, fw_reader *reader, uint32_t count, uint64_t *nulls_p) {
    add(out, "{");
    for (uint32_t i = 0; i < count; i++) {
        fw_token key;
        if (!fw_read(reader, &key))
            break;
        if (i > 0)
            add(out, ",");
        add_key(out, &key);
        add(out, ":");
        add_value(out, reader, nulls_p);
    }
    add(out, "}");
}

/* The bytes are whole and keep the rules: fw_skip() has seen them. */
static void add_value(fw_text *out, fw_reader *reader, uint64_t *nulls_p) {
    fw_token token;
    if (!fw_read(reader, &token))
        return;
    switch (token.kind) {
    case FW_TOKEN_NIL:
        add(out, "null");
        break;
    case FW_TOKEN_BOOL:
        add(out, token.boolean ? "true" : "false");
        break;
    case FW_TOKEN_UINT:
        fw_text_format(out, "%" PRIu64, token.uint);
        break;
    case FW_TOKEN_INT:
        fw_text_format(out, "%" PRId64, token.sint);
        break;
    case FW_TOKEN_FLOAT:
        add_real(out, token.real, nulls_p);
        break;
    case FW_TOKEN_TEXT:
        fw_text_json(out, (const char *)token.data, token.size);
        break;
    case FW_TOKEN_EXT:
    case FW_TOKEN_BYTES:
        if (token.kind == FW_TOKEN_EXT)
            fw_text_format(out, "{\"$ext\":%d,\"$base64\":\"", token.ext_type);
        else
            add(out, "{\"$base64\":\"");
        add_base64(out, token.data, token.size);
        add(out, "\"}");
        break;
    case FW_TOKEN_ARRAY:
        add(out, "[");
        for (uint32_t i = 0; i < token.size; i++) {
            if (i > 0)
                add(out, ",");
            add_value(out, reader, nulls_p);
        }
        add(out, "]");
        break;
    case FW_TOKEN_MAP:
        add_pairs(out, reader, token.size, nulls_p);
        break;
    }
}

fw_status fw_json_value(fw_text *out, const uint8_t *value, size_t size, uint64_t *nulls_p) {
    fw_reader check = fw_reader_of(value, size);
    if (!fw_skip(&check, FW_VALUE_NESTING, FW_VALUE_RULES) || check.at != check.end)
        return fw_fail(FW_BAD_MESSAGE, "a value is not one whole msgpack value as the format asks for");
    fw_reader reader = fw_reader_of(value, size);
    add_value(out, &reader, nulls_p);
    return out->failed ? fw_fail(FW_NO_MEMORY, "no memory for a value as JSON") : FW_OK;
}

fw_status fw_json_meta(fw_text *out, fw_span meta, uint32_t count, uint64_t *nulls_p) {
    fw_reader check = fw_reader_of(meta.data, meta.size);
    for (uint32_t i = 0; i < count * UINT64_C(2); i++) {
        if (!fw_skip(&check, FW_VALUE_NESTING, FW_VALUE_RULES))
            return fw_fail(FW_BAD_MESSAGE, "meta is cut short");
    }
    fw_reader reader = fw_reader_of(meta.data, meta.size);
    add_pairs(out, &reader, count, nulls_p);
    return out->failed ? fw_fail(FW_NO_MEMORY, "no memory for meta as JSON") : FW_OK;
}
