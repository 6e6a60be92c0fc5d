#include "wire/fields.h"

#include <assert.h>
#include <string.h>

#include "base/text.h"

static_assert(FW_KEY_COUNT <= 64, "a bit a key");

/* The key of this name; `hint` is tried first, since headers mostly come in the order in which they are written. */
static fw_header_key find_key(const fw_token *name, fw_header_key hint) {
    fw_header_key key = hint;
    do {
        if (fw_key_names[key].size == name->size && memcmp(fw_key_names[key].data, name->data, name->size) == 0)
            return key;
        key = key + 1 < FW_KEY_COUNT ? key + 1 : FW_KEY_V;
    } while (key != hint);
    return FW_KEY_COUNT;
}

bool fw_fields_read(fw_reader *reader, unsigned depth, fw_fields *fields) {
    fw_token map, name;
    fields->said = 0;
    if (!fw_read(reader, &map) || map.kind != FW_TOKEN_MAP)
        return false;
    fw_header_key hint = FW_KEY_V;
    for (uint32_t i = 0; i < map.size; i++) {
        if (!fw_read(reader, &name) || (name.kind != FW_TOKEN_TEXT && name.kind != FW_TOKEN_BYTES))
            return false;
        fw_header_key key = name.kind == FW_TOKEN_TEXT ? find_key(&name, hint) : FW_KEY_COUNT;
        if (key == FW_KEY_COUNT) {
            if ((name.kind == FW_TOKEN_TEXT && !fw_utf8_valid((const char *)name.data, name.size)) ||
                !fw_skip(reader, depth - 1, FW_HEADER_RULES))
                return false;
            continue;
        }
        fw_field *field = &fields->values[key];
        if (!fw_read(reader, &field->token))
            return false;
        field->inner.at = reader->at;
        if (!fw_skip_rest(reader, &field->token, depth - 1, FW_HEADER_RULES))
            return false;
        field->inner.end = reader->at;
        fields->said |= UINT64_C(1) << key;
        hint = key + 1 < FW_KEY_COUNT ? key + 1 : FW_KEY_V;
    }
    return true;
}
