#include <string.h>

#include "base/status.h"
#include "base/text.h"
#include "wire/fields.h"
#include "wire/format.h"
#include "wire/header.h"

#define NESTING_MAX 16

/* A header on its way into the struct. */
typedef struct unpacking {
    fw_fields fields;
    fw_header *header;
    fw_reason *reason_p;
} unpacking;

#define REFUSE(self, reason, ...) (*(self)->reason_p = (reason), fw_fail(FW_BAD_MESSAGE, __VA_ARGS__))

static fw_status missing(unpacking *self, fw_header_key key) {
    return REFUSE(self, FW_REASON_FIELD, "header: %s is missing", fw_key_names[key].data);
}

static fw_status take_uint(unpacking *self, fw_header_key key, bool required, uint64_t least, uint64_t most,
                           uint64_t *value_p) {
    const fw_field *field = fw_fields_get(&self->fields, key);
    if (!field)
        return required ? missing(self, key) : FW_OK;
    if (field->token.kind != FW_TOKEN_UINT || field->token.uint < least || field->token.uint > most)
        return REFUSE(self, FW_REASON_FIELD, "header: %s is not an integer from %llu to %llu", fw_key_names[key].data,
                      (unsigned long long)least, (unsigned long long)most);
    *value_p = field->token.uint;
    return FW_OK;
}

static fw_status take_int(unpacking *self, fw_header_key key, int64_t *value_p) {
    const fw_field *field = fw_fields_get(&self->fields, key);
    if (!field)
        return FW_OK;
    const fw_token *token = &field->token;
    if (token->kind != FW_TOKEN_INT && (token->kind != FW_TOKEN_UINT || token->uint > INT64_MAX))
        return REFUSE(self, FW_REASON_FIELD, "header: %s is not a signed 64-bit integer", fw_key_names[key].data);
    *value_p = token->sint;
    return FW_OK;
}

static fw_status take_text(unpacking *self, fw_header_key key, bool required, size_t most, fw_span *text_p) {
    const fw_field *field = fw_fields_get(&self->fields, key);
    if (!field)
        return required ? missing(self, key) : FW_OK;
    if (field->token.kind != FW_TOKEN_TEXT || field->token.size > most)
        return REFUSE(self, FW_REASON_FIELD, "header: %s is not a text of at most %zu bytes", fw_key_names[key].data,
                      most);
    *text_p = (fw_span){ (const char *)field->token.data, field->token.size };
    return FW_OK;
}

/* An array or a map, without its head. */
static fw_status take_container(unpacking *self, fw_header_key key, bool required, fw_token_kind kind, uint32_t most,
                                uint32_t *count_p, fw_span *packed_p) {
    const fw_field *field = fw_fields_get(&self->fields, key);
    if (!field)
        return required ? missing(self, key) : FW_OK;
    if (field->token.kind != kind || field->token.size > most)
        return REFUSE(self, FW_REASON_FIELD, "header: %s is not %s of at most %u", fw_key_names[key].data,
                      kind == FW_TOKEN_MAP ? "a map" : "a list", most);
    *count_p = field->token.size;
    *packed_p = (fw_span){ (const char *)field->inner.at, (size_t)(field->inner.end - field->inner.at) };
    return FW_OK;
}

/* A list of integers; more than FW_MAX_DIMS are counted, not kept. */
static fw_status take_shape(unpacking *self, bool required, fw_format *format) {
    const fw_field *field = fw_fields_get(&self->fields, FW_KEY_SHAPE);
    if (!field)
        return required ? missing(self, FW_KEY_SHAPE) : FW_OK;
    fw_reader inner = field->inner;
    bool good = field->token.kind == FW_TOKEN_ARRAY;
    for (uint32_t i = 0; good && i < field->token.size; i++) {
        fw_token extent = { 0 };
        good = fw_read(&inner, &extent) && extent.kind == FW_TOKEN_UINT;
        if (good && i < FW_MAX_DIMS)
            format->shape[i] = extent.uint;
    }
    if (!good)
        return REFUSE(self, FW_REASON_FIELD, "header: shape is not a list of integers from 0");
    format->ndim = field->token.size;
    return FW_OK;
}

typedef struct geometry_text {
    fw_span dtype, encoding;
} geometry_text;

/* Shape, dtype, format and encoding as they stand, with only their types checked. */
static fw_status take_geometry(unpacking *self, bool required, geometry_text *text) {
    fw_header *header = self->header;
    /* A result may leave out both. */
    bool shape_said = fw_fields_get(&self->fields, FW_KEY_SHAPE),
         dtype_said = fw_fields_get(&self->fields, FW_KEY_DTYPE);
    fw_status status = take_text(self, FW_KEY_DTYPE, required || shape_said, SIZE_MAX, &text->dtype);
    if (!status)
        status = take_shape(self, required || dtype_said, &header->format);
    if (!status)
        status = take_text(self, FW_KEY_FORMAT, false, FW_FORMAT_NAME_MAX, &header->format_name);
    if (!status)
        status = take_text(self, FW_KEY_ENCODING, false, SIZE_MAX, &text->encoding);
    if (!shape_said)
        header->format_name = (fw_span){ 0 }; /* of what it does not repeat */
    return status;
}

static fw_status find_dtype(unpacking *self, fw_span name, fw_dtype *dtype_p) {
    if (fw_dtype_find(name.data, name.size, dtype_p))
        return FW_OK;
    return REFUSE(self, FW_REASON_DTYPE, "header: dtype %.*s is not known", (int)(name.size < 64 ? name.size : 64),
                  name.data);
}

static fw_status check_geometry(unpacking *self, const geometry_text *text) {
    fw_header *header = self->header;
    fw_status status = find_dtype(self, text->dtype, &header->format.dtype);
    if (status)
        return status;
    if (fw_fields_get(&self->fields, FW_KEY_ENCODING) &&
        !fw_encoding_find(text->encoding.data, text->encoding.size, &header->format.encoding))
        return REFUSE(self, FW_REASON_ENCODING, "header: encoding %.*s is not known",
                      (int)(text->encoding.size < 64 ? text->encoding.size : 64), text->encoding.data);
    if (fw_pixels_find(header->format_name.data, header->format_name.size, &header->format.pixels))
        header->format_name = (fw_span){ 0 };
    size_t raw_size;
    if (fw_format_geometry(&header->format, &raw_size)) {
        *self->reason_p = FW_REASON_SHAPE;
        return FW_BAD_MESSAGE; /* the cause stands */
    }
    if (header->format.encoding == FW_RAW)
        header->format.size = raw_size;
    return FW_OK;
}

static fw_status take_meta(unpacking *self) {
    fw_header *header = self->header;
    return take_container(self, FW_KEY_META, false, FW_TOKEN_MAP, UINT32_MAX, &header->meta_count, &header->meta);
}

/* What frames say and results repeat. */
static fw_status take_frame_keys(unpacking *self) {
    fw_header *header = self->header;
    fw_status status = take_uint(self, FW_KEY_EPOCH, true, 0, UINT64_MAX, &header->epoch);
    if (!status)
        status = take_uint(self, FW_KEY_SEQ, true, 0, UINT64_MAX, &header->seq);
    if (!status)
        status = take_text(self, FW_KEY_ITEM, false, FW_ITEM_MAX, &header->item);
    if (!status)
        status = take_int(self, FW_KEY_TIME, &header->time);
    if (!status)
        status = take_int(self, FW_KEY_MONOTONIC, &header->monotonic);
    return status ? status : take_meta(self);
}

static fw_status take_frame(unpacking *self) {
    geometry_text text = { 0 };
    fw_status status = take_frame_keys(self);
    if (!status)
        status = take_geometry(self, true, &text);
    return status ? status : check_geometry(self, &text);
}

/* One element of arrays, its types checked; dtype stays a text. */
static fw_status take_array(unpacking *self, fw_reader *list, fw_array *array, fw_span *dtype_p) {
    unpacking element;
    element.header = self->header;
    element.reason_p = self->reason_p;
    if (!fw_fields_read(list, NESTING_MAX, &element.fields))
        return REFUSE(self, FW_REASON_FIELD, "header: an element of arrays is not a map");
    fw_status status = take_text(&element, FW_KEY_NAME, true, SIZE_MAX, &array->name);
    if (!status)
        status = take_text(&element, FW_KEY_DTYPE, true, SIZE_MAX, dtype_p);
    if (!status)
        status = take_shape(&element, true, &array->format);
    if (!status && !fw_stream_name_valid(array->name.data, array->name.size))
        status = REFUSE(self, FW_REASON_FIELD,
                        "header: an array's name is not 1 to 128 bytes of UTF-8 without control characters");
    return status;
}

/* All types first, then all names and sizes, so that the reason does not depend on the order of arrays. */
static fw_status take_arrays(unpacking *self) {
    fw_header *header = self->header;
    fw_status status = take_container(self, FW_KEY_ARRAYS, false, FW_TOKEN_ARRAY, FW_RESULT_ARRAYS_MAX,
                                      &header->array_count, &header->arrays);
    if (status)
        return status;
    fw_span names[FW_RESULT_ARRAYS_MAX];
    fw_reader list = fw_reader_of(header->arrays.data, header->arrays.size);
    for (uint32_t i = 0; i < header->array_count; i++) {
        fw_array array = { 0 };
        fw_span dtype;
        status = take_array(self, &list, &array, &dtype);
        if (status)
            return status;
        names[i] = array.name;
        for (uint32_t j = 0; j < i; j++) {
            if (names[j].size == names[i].size && memcmp(names[j].data, names[i].data, names[i].size) == 0)
                return REFUSE(self, FW_REASON_FIELD, "header: two arrays are called %.*s", (int)names[i].size,
                              names[i].data);
        }
    }
    return FW_OK;
}

static fw_status check_arrays(unpacking *self) {
    fw_reader list = fw_reader_of(self->header->arrays.data, self->header->arrays.size);
    for (uint32_t i = 0; i < self->header->array_count; i++) {
        fw_array array = { 0 };
        fw_span dtype = { 0 };
        fw_status status = take_array(self, &list, &array, &dtype);
        if (!status)
            status = find_dtype(self, dtype, &array.format.dtype);
        if (status)
            return status;
        if (fw_shape_size(array.format.dtype, array.format.ndim, array.format.shape, &array.format.size)) {
            *self->reason_p = FW_REASON_SHAPE;
            return FW_BAD_MESSAGE;
        }
    }
    return FW_OK;
}

static fw_status take_verdict(unpacking *self) {
    fw_span text = { 0 };
    fw_status status = take_text(self, FW_KEY_STATUS, true, SIZE_MAX, &text);
    if (status)
        return status;
    for (fw_verdict i = FW_DONE; i < FW_VERDICT_COUNT; i++) {
        if (fw_verdict_names[i].size == text.size && memcmp(fw_verdict_names[i].data, text.data, text.size) == 0) {
            self->header->verdict = i;
            return FW_OK;
        }
    }
    return REFUSE(self, FW_REASON_FIELD, "header: status is none of done, error, dead");
}

static fw_status take_result(unpacking *self) {
    fw_header *header = self->header;
    geometry_text text = { 0 };
    uint64_t attempt = 1;
    fw_status status = take_frame_keys(self);
    if (!status)
        status = take_verdict(self);
    if (!status)
        status = take_text(self, FW_KEY_ERROR, false, FW_ERROR_MAX, &header->error);
    if (!status)
        status = take_text(self, FW_KEY_WORKER, false, FW_WORKER_MAX, &header->worker);
    if (!status)
        status = take_uint(self, FW_KEY_ATTEMPT, false, 1, UINT32_MAX, &attempt);
    if (!status)
        status = take_geometry(self, false, &text);
    if (!status)
        status = take_arrays(self);
    header->attempt = (uint32_t)attempt;
    if (!status && fw_fields_get(&self->fields, FW_KEY_SHAPE))
        status = check_geometry(self, &text);
    return status ? status : check_arrays(self);
}

static fw_status take_end(unpacking *self) {
    fw_header *header = self->header;
    fw_status status = take_uint(self, FW_KEY_EPOCH, true, 0, UINT64_MAX, &header->epoch);
    if (!status)
        status = take_int(self, FW_KEY_TIME, &header->time);
    if (!status)
        status = take_meta(self);
    if (!status)
        status = take_uint(self, FW_KEY_CAPTURED, true, 0, UINT64_MAX, &header->captured);
    if (!status)
        status = take_uint(self, FW_KEY_SENT, false, 0, UINT64_MAX, &header->sent);
    if (!status)
        status = take_uint(self, FW_KEY_DONE, false, 0, UINT64_MAX, &header->done);
    if (!status)
        status = take_uint(self, FW_KEY_DEAD, false, 0, UINT64_MAX, &header->dead);
    if (!status)
        status = take_uint(self, FW_KEY_DROPPED, false, 0, UINT64_MAX, &header->dropped);
    if (!status)
        status = take_container(self, FW_KEY_STREAMS, true, FW_TOKEN_ARRAY, FW_STREAMS_MAX, &header->stream_count,
                                &header->streams);
    fw_reader list = fw_reader_of(header->streams.data, header->streams.size);
    for (uint32_t i = 0; !status && i < header->stream_count; i++) {
        fw_token name = { 0 };
        if (!fw_read(&list, &name) || name.kind != FW_TOKEN_TEXT ||
            !fw_stream_name_valid((const char *)name.data, name.size))
            status = REFUSE(self, FW_REASON_FIELD, "header: streams has an element that is no stream's name");
    }
    return status;
}

static fw_kind find_kind(fw_span text) {
    for (fw_kind i = FW_KIND_FRAME; i < FW_KIND_COUNT; i++) {
        if (fw_kind_names[i].size == text.size && memcmp(fw_kind_names[i].data, text.data, text.size) == 0)
            return i;
    }
    return FW_KIND_UNKNOWN;
}

fw_status fw_header_unpack(const uint8_t *bytes, size_t size, fw_header *header, fw_reason *reason_p) {
    *header = (fw_header){ 0 };
    *reason_p = FW_REASON_NONE;
    fw_reader reader = fw_reader_of(bytes, size);
    unpacking self;
    self.header = header;
    self.reason_p = reason_p;
    if (size > FW_HEADER_MAX)
        return REFUSE(&self, FW_REASON_HEADER_SIZE, "header: %zu bytes, at most %zu", size, FW_HEADER_MAX);
    if (!fw_fields_read(&reader, NESTING_MAX, &self.fields) || reader.at != reader.end)
        return REFUSE(&self, FW_REASON_MSGPACK, "header: not one whole msgpack map as the format asks for");

    uint64_t version = 0;
    fw_status status = take_uint(&self, FW_KEY_V, true, 0, UINT64_MAX, &version);
    if (status)
        return status;
    if (version != FW_WIRE_VERSION)
        return REFUSE(&self, FW_REASON_VERSION, "header: version %llu of the wire format; this side speaks %d",
                      (unsigned long long)version, FW_WIRE_VERSION);
    status = take_text(&self, FW_KEY_KIND, true, SIZE_MAX, &header->kind_text);
    if (status)
        return status;
    header->kind = find_kind(header->kind_text);
    switch (header->kind) {
    case FW_KIND_FRAME:
        return take_frame(&self);
    case FW_KIND_RESULT:
        return take_result(&self);
    case FW_KIND_END:
        return take_end(&self);
    default:
        return FW_OK;
    }
}

bool fw_array_next(fw_span *arrays, fw_array *array) {
    if (arrays->size == 0)
        return false;
    fw_header header;
    fw_reason reason;
    unpacking self;
    self.header = &header;
    self.reason_p = &reason;
    fw_reader list = fw_reader_of(arrays->data, arrays->size);
    fw_span dtype = { 0 };
    *array = (fw_array){ 0 };
    if (take_array(&self, &list, array, &dtype) || find_dtype(&self, dtype, &array->format.dtype) ||
        fw_shape_size(array->format.dtype, array->format.ndim, array->format.shape, &array->format.size))
        return false;
    *arrays = (fw_span){ (const char *)list.at, (size_t)(list.end - list.at) };
    return true;
}

bool fw_stream_next(fw_span *streams, fw_span *name) {
    fw_reader list = fw_reader_of(streams->data, streams->size);
    fw_token token;
    if (!fw_read(&list, &token) || token.kind != FW_TOKEN_TEXT)
        return false;
    *name = (fw_span){ (const char *)token.data, token.size };
    *streams = (fw_span){ (const char *)list.at, (size_t)(list.end - list.at) };
    return true;
}
