#include "wire/take.h"

#include <string.h>

#include "base/text.h"

static fw_status missing(fw_unpacking *self, fw_header_key key) {
    return FW_REFUSE(self, FW_REASON_FIELD, "header: %s is missing", fw_key_names[key].data);
}

fw_status fw_take_uint(fw_unpacking *self, fw_header_key key, bool required, uint64_t least, uint64_t most,
                       uint64_t *value_p) {
    const fw_field *field = fw_fields_get(&self->fields, key);
    if (!field)
        return required ? missing(self, key) : FW_OK;
    if (field->token.kind != FW_TOKEN_UINT || field->token.uint < least || field->token.uint > most)
        return FW_REFUSE(self, FW_REASON_FIELD, "header: %s is not an integer from %llu to %llu",
                         fw_key_names[key].data, (unsigned long long)least, (unsigned long long)most);
    *value_p = field->token.uint;
    return FW_OK;
}

fw_status fw_take_int(fw_unpacking *self, fw_header_key key, int64_t *value_p) {
    const fw_field *field = fw_fields_get(&self->fields, key);
    if (!field)
        return FW_OK;
    const fw_token *token = &field->token;
    if (token->kind != FW_TOKEN_INT && (token->kind != FW_TOKEN_UINT || token->uint > INT64_MAX))
        return FW_REFUSE(self, FW_REASON_FIELD, "header: %s is not a signed 64-bit integer", fw_key_names[key].data);
    *value_p = token->sint;
    return FW_OK;
}

fw_status fw_take_text(fw_unpacking *self, fw_header_key key, bool required, size_t most, fw_span *text_p) {
    const fw_field *field = fw_fields_get(&self->fields, key);
    if (!field)
        return required ? missing(self, key) : FW_OK;
    if (field->token.kind != FW_TOKEN_TEXT || field->token.size > most)
        return FW_REFUSE(self, FW_REASON_FIELD, "header: %s is not a text of at most %zu bytes", fw_key_names[key].data,
                         most);
    *text_p = (fw_span){ (const char *)field->token.data, field->token.size };
    return FW_OK;
}

fw_status fw_take_container(fw_unpacking *self, fw_header_key key, bool required, fw_token_kind kind, uint32_t most,
                            uint32_t *count_p, fw_span *packed_p) {
    const fw_field *field = fw_fields_get(&self->fields, key);
    if (!field)
        return required ? missing(self, key) : FW_OK;
    if (field->token.kind != kind || field->token.size > most)
        return FW_REFUSE(self, FW_REASON_FIELD, "header: %s is not %s of at most %u", fw_key_names[key].data,
                         kind == FW_TOKEN_MAP ? "a map" : "a list", most);
    *count_p = field->token.size;
    *packed_p = (fw_span){ (const char *)field->inner.at, (size_t)(field->inner.end - field->inner.at) };
    return FW_OK;
}

fw_status fw_take_bool(fw_unpacking *self, fw_header_key key, bool *value_p) {
    const fw_field *field = fw_fields_get(&self->fields, key);
    if (!field)
        return FW_OK;
    if (field->token.kind != FW_TOKEN_BOOL)
        return FW_REFUSE(self, FW_REASON_FIELD, "header: %s is neither true nor false", fw_key_names[key].data);
    *value_p = field->token.boolean;
    return FW_OK;
}

fw_status fw_take_streams(fw_unpacking *self, bool required) {
    fw_header *header = self->header;
    fw_status status = fw_take_container(self, FW_KEY_STREAMS, required, FW_TOKEN_ARRAY, FW_STREAMS_MAX,
                                         &header->stream_count, &header->streams);
    fw_reader list = fw_reader_of(header->streams.data, header->streams.size);
    for (uint32_t i = 0; !status && i < header->stream_count; i++) {
        fw_token name = { 0 };
        if (!fw_read(&list, &name) || name.kind != FW_TOKEN_TEXT ||
            !fw_stream_name_valid((const char *)name.data, name.size))
            status = FW_REFUSE(self, FW_REASON_FIELD, "header: streams has an element that is no stream's name");
    }
    return status;
}

fw_status fw_take_choice(fw_unpacking *self, fw_header_key key, bool required, const fw_span *names, int count,
                         int *choice_p) {
    fw_span text = { 0 };
    fw_status status = fw_take_text(self, key, required, SIZE_MAX, &text);
    if (status || !text.data)
        return status;
    for (int i = 1; i < count; i++) {
        if (names[i].size == text.size && memcmp(names[i].data, text.data, text.size) == 0) {
            *choice_p = i;
            return FW_OK;
        }
    }
    return FW_REFUSE(self, FW_REASON_FIELD, "header: %s is none of the words that it may be", fw_key_names[key].data);
}
