#include "wire/header.h"

#include <string.h>

#include "base/text.h"
#include "wire/format.h"
#include "wire/take.h"

/* A list of integers; more than FW_MAX_DIMS are counted, not kept. */
static fw_status take_shape(fw_unpacking *self, bool required, fw_format *format) {
    const fw_field *field = fw_fields_get(&self->fields, FW_KEY_SHAPE);
    if (!field)
        return required ? FW_REFUSE(self, FW_REASON_FIELD, "header: shape is missing") : FW_OK;
    fw_reader inner = field->inner;
    bool good = field->token.kind == FW_TOKEN_ARRAY;
    for (uint32_t i = 0; good && i < field->token.size; i++) {
        fw_token extent = { 0 };
        good = fw_read(&inner, &extent) && extent.kind == FW_TOKEN_UINT;
        if (good && i < FW_MAX_DIMS)
            format->shape[i] = extent.uint;
    }
    if (!good)
        return FW_REFUSE(self, FW_REASON_FIELD, "header: shape is not a list of integers from 0");
    format->ndim = field->token.size;
    return FW_OK;
}

typedef struct geometry_text {
    fw_span dtype, encoding;
} geometry_text;

/* Shape, dtype, format and encoding as they stand, with only their types checked. */
static fw_status take_geometry(fw_unpacking *self, bool required, geometry_text *text) {
    fw_header *header = self->header;
    /* A result may leave out both. */
    bool shape_said = fw_fields_get(&self->fields, FW_KEY_SHAPE),
         dtype_said = fw_fields_get(&self->fields, FW_KEY_DTYPE);
    fw_status status = fw_take_text(self, FW_KEY_DTYPE, required || shape_said, SIZE_MAX, &text->dtype);
    if (!status)
        status = take_shape(self, required || dtype_said, &header->format);
    if (!status)
        status = fw_take_text(self, FW_KEY_FORMAT, false, FW_FORMAT_NAME_MAX, &header->format_name);
    if (!status)
        status = fw_take_text(self, FW_KEY_ENCODING, false, SIZE_MAX, &text->encoding);
    if (!shape_said)
        header->format_name = (fw_span){ 0 }; /* of what it does not repeat */
    return status;
}

static fw_status find_dtype(fw_unpacking *self, fw_span name, fw_dtype *dtype_p) {
    if (fw_dtype_find(name.data, name.size, dtype_p))
        return FW_OK;
    return FW_REFUSE(self, FW_REASON_DTYPE, "header: dtype %.*s is not known", (int)(name.size < 64 ? name.size : 64),
                     name.data);
}

static fw_status check_geometry(fw_unpacking *self, const geometry_text *text) {
    fw_header *header = self->header;
    fw_status status = find_dtype(self, text->dtype, &header->format.dtype);
    if (status)
        return status;
    if (fw_fields_get(&self->fields, FW_KEY_ENCODING) &&
        !fw_encoding_find(text->encoding.data, text->encoding.size, &header->format.encoding))
        return FW_REFUSE(self, FW_REASON_ENCODING, "header: encoding %.*s is not known",
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

static fw_status take_meta(fw_unpacking *self) {
    fw_header *header = self->header;
    return fw_take_container(self, FW_KEY_META, false, FW_TOKEN_MAP, UINT32_MAX, &header->meta_count, &header->meta);
}

/* What frames say and results repeat. */
static fw_status take_frame_keys(fw_unpacking *self) {
    fw_header *header = self->header;
    fw_status status = fw_take_uint(self, FW_KEY_EPOCH, true, 0, UINT64_MAX, &header->epoch);
    if (!status)
        status = fw_take_uint(self, FW_KEY_SEQ, true, 0, UINT64_MAX, &header->seq);
    if (!status)
        status = fw_take_text(self, FW_KEY_ITEM, false, FW_ITEM_MAX, &header->item);
    if (!status)
        status = fw_take_int(self, FW_KEY_TIME, &header->time);
    if (!status)
        status = fw_take_int(self, FW_KEY_MONOTONIC, &header->monotonic);
    return status ? status : take_meta(self);
}

static fw_status take_frame(fw_unpacking *self) {
    geometry_text text = { 0 };
    fw_status status = take_frame_keys(self);
    if (!status)
        status = fw_take_lease(self);
    if (!status)
        status = take_geometry(self, true, &text);
    return status ? status : check_geometry(self, &text);
}

/* One element of arrays, its types checked; dtype stays a text. */
static fw_status take_array(fw_unpacking *self, fw_reader *list, fw_array *array, fw_span *dtype_p) {
    fw_unpacking element;
    element.header = self->header;
    element.reason_p = self->reason_p;
    if (!fw_fields_read(list, FW_HEADER_NESTING, &element.fields))
        return FW_REFUSE(self, FW_REASON_FIELD, "header: an element of arrays is not a map");
    fw_status status = fw_take_text(&element, FW_KEY_NAME, true, SIZE_MAX, &array->name);
    if (!status)
        status = fw_take_text(&element, FW_KEY_DTYPE, true, SIZE_MAX, dtype_p);
    if (!status)
        status = take_shape(&element, true, &array->format);
    if (!status && !fw_stream_name_valid(array->name.data, array->name.size))
        status = FW_REFUSE(self, FW_REASON_FIELD,
                           "header: an array's name is not 1 to 128 bytes of UTF-8 without control characters");
    return status;
}

/* All types first, then all names and sizes, so that the reason does not depend on the order of arrays. */
static fw_status take_arrays(fw_unpacking *self) {
    fw_header *header = self->header;
    fw_status status = fw_take_container(self, FW_KEY_ARRAYS, false, FW_TOKEN_ARRAY, FW_RESULT_ARRAYS_MAX,
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
                return FW_REFUSE(self, FW_REASON_FIELD, "header: two arrays are called %.*s", (int)names[i].size,
                                 names[i].data);
        }
    }
    return FW_OK;
}

static fw_status check_arrays(fw_unpacking *self) {
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

static fw_status take_result(fw_unpacking *self) {
    fw_header *header = self->header;
    geometry_text text = { 0 };
    uint64_t attempt = 1;
    int verdict = FW_VERDICT_NONE;
    fw_status status = take_frame_keys(self);
    if (!status)
        status = fw_take_choice(self, FW_KEY_STATUS, true, fw_verdict_names, FW_VERDICT_COUNT, &verdict);
    header->verdict = (fw_verdict)verdict;
    if (!status)
        status = fw_take_text(self, FW_KEY_ERROR, false, FW_ERROR_MAX, &header->error);
    if (!status)
        status = fw_take_text(self, FW_KEY_WORKER, false, FW_WORKER_MAX, &header->worker);
    if (!status)
        status = fw_take_uint(self, FW_KEY_ATTEMPT, false, 1, UINT32_MAX, &attempt);
    if (!status)
        status = fw_take_uint(self, FW_KEY_INSTANCE, false, 0, UINT64_MAX, &header->instance);
    if (!status)
        status = fw_take_uint(self, FW_KEY_LOST, false, 0, UINT64_MAX, &header->lost);
    if (!status)
        status = take_geometry(self, false, &text);
    if (!status)
        status = take_arrays(self);
    header->attempt = (uint32_t)attempt;
    if (!status && fw_fields_get(&self->fields, FW_KEY_SHAPE))
        status = check_geometry(self, &text);
    return status ? status : check_arrays(self);
}

static fw_status take_end(fw_unpacking *self) {
    fw_header *header = self->header;
    fw_status status = fw_take_uint(self, FW_KEY_EPOCH, true, 0, UINT64_MAX, &header->epoch);
    if (!status)
        status = fw_take_int(self, FW_KEY_TIME, &header->time);
    if (!status)
        status = take_meta(self);
    if (!status)
        status = fw_take_uint(self, FW_KEY_CAPTURED, true, 0, UINT64_MAX, &header->captured);
    if (!status)
        status = fw_take_uint(self, FW_KEY_SENT, false, 0, UINT64_MAX, &header->sent);
    if (!status)
        status = fw_take_uint(self, FW_KEY_DONE, false, 0, UINT64_MAX, &header->done);
    if (!status)
        status = fw_take_uint(self, FW_KEY_DEAD, false, 0, UINT64_MAX, &header->dead);
    if (!status)
        status = fw_take_uint(self, FW_KEY_DROPPED, false, 0, UINT64_MAX, &header->dropped);
    if (!status)
        status = fw_take_uint(self, FW_KEY_LOST, false, 0, UINT64_MAX, &header->lost);
    return status ? status : fw_take_streams(self, true);
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
    fw_unpacking self;
    self.header = header;
    self.reason_p = reason_p;
    if (size > FW_HEADER_MAX)
        return FW_REFUSE(&self, FW_REASON_HEADER_SIZE, "header: %zu bytes, at most %zu", size, FW_HEADER_MAX);
    if (!fw_fields_read(&reader, FW_HEADER_NESTING, &self.fields) || reader.at != reader.end)
        return FW_REFUSE(&self, FW_REASON_MSGPACK, "header: not one whole msgpack map as the format asks for");

    uint64_t version = 0;
    fw_status status = fw_take_uint(&self, FW_KEY_V, true, 0, UINT64_MAX, &version);
    if (status)
        return status;
    if (version != FW_WIRE_VERSION)
        return FW_REFUSE(&self, FW_REASON_VERSION, "header: version %llu of the wire format; this side speaks %d",
                         (unsigned long long)version, FW_WIRE_VERSION);
    status = fw_take_text(&self, FW_KEY_KIND, true, SIZE_MAX, &header->kind_text);
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
    case FW_KIND_UNKNOWN:
        return FW_OK;
    default:
        return fw_take_leased(&self);
    }
}

bool fw_array_next(fw_span *arrays, fw_array *array) {
    if (arrays->size == 0)
        return false;
    fw_header header;
    fw_reason reason;
    fw_unpacking self;
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
