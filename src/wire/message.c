#include "wire/message.h"

#include "base/status.h"
#include "base/text.h"
#include "wire/keys.h"
#include "wire/reader.h"

static fw_status refuse(fw_reason *reason_p, fw_reason reason) {
    *reason_p = reason;
    return FW_BAD_MESSAGE;
}

static fw_status check_count(size_t count, size_t wanted, const char *kind, fw_reason *reason_p) {
    if (count == wanted)
        return FW_OK;
    fw_fail(FW_BAD_MESSAGE, "a %s of %zu parts, not %zu", kind, count, wanted);
    return refuse(reason_p, FW_REASON_PARTS);
}

static fw_status check_length(uint64_t length, fw_header *header, fw_reason *reason_p) {
    if (header->format.encoding == FW_RAW && length != header->format.size) {
        fw_fail(FW_BAD_MESSAGE, "raw pixels of %llu bytes, where shape and dtype say %zu", (unsigned long long)length,
                header->format.size);
        return refuse(reason_p, FW_REASON_PAYLOAD);
    }
    if (length == 0) {
        fw_fail(FW_BAD_MESSAGE, "an empty payload");
        return refuse(reason_p, FW_REASON_PAYLOAD);
    }
    header->format.size = (size_t)length;
    return FW_OK;
}

/* A frame in shared memory has no payload. */
static fw_status check_place(size_t count, fw_header *header, fw_reason *reason_p) {
    fw_status status = check_count(count, FW_PARTS_BEFORE_PAYLOAD, "frame in shared memory", reason_p);
    if (status)
        return status;
    const fw_place *place = &header->place;
    if (place->length > PTRDIFF_MAX || place->offset > PTRDIFF_MAX - place->length) {
        fw_fail(FW_BAD_MESSAGE, "a place that ends beyond 2^63 - 1 bytes");
        return refuse(reason_p, FW_REASON_PAYLOAD);
    }
    return check_length(place->length, header, reason_p);
}

static fw_status check_frame(const fw_part *parts, size_t count, fw_header *header, fw_reason *reason_p) {
    if (header->place.said)
        return check_place(count, header, reason_p);
    fw_status status = check_count(count, 3, "frame", reason_p);
    return status ? status : check_length(parts[2].size, header, reason_p);
}

static fw_status check_value(const fw_part *part, fw_reason *reason_p) {
    fw_reader reader = fw_reader_of(part->data, part->size);
    if (part->size > FW_VALUE_MAX)
        fw_fail(FW_BAD_MESSAGE, "a result's value of %zu bytes: at most %zu", part->size, FW_VALUE_MAX);
    else if (!fw_skip(&reader, FW_VALUE_NESTING, FW_VALUE_RULES) || reader.at != reader.end)
        fw_fail(FW_BAD_MESSAGE, "a result's value is not one whole msgpack value as the format asks for");
    else
        return FW_OK;
    return refuse(reason_p, FW_REASON_PAYLOAD);
}

static fw_status check_result(const fw_part *parts, size_t count, const fw_header *header, fw_reason *reason_p) {
    fw_status status = check_count(count, 3 + (size_t)header->array_count, "result", reason_p);
    if (!status)
        status = check_value(&parts[2], reason_p);
    if (status)
        return status;
    size_t total = parts[2].size;
    fw_span list = header->arrays;
    fw_array array;
    for (size_t i = 3; i < count && fw_array_next(&list, &array); i++) {
        if (parts[i].size != array.format.size || parts[i].size > FW_RESULT_ARRAY_MAX) {
            fw_fail(FW_BAD_MESSAGE, "array %.*s of %zu bytes, where shape and dtype say %zu and the limit is %zu",
                    (int)array.name.size, array.name.data, parts[i].size, array.format.size, FW_RESULT_ARRAY_MAX);
            return refuse(reason_p, FW_REASON_PAYLOAD);
        }
        total += parts[i].size;
    }
    if (total <= FW_RESULT_MAX)
        return FW_OK;
    fw_fail(FW_BAD_MESSAGE, "a result of %zu bytes: at most %zu", total, FW_RESULT_MAX);
    return refuse(reason_p, FW_REASON_PAYLOAD);
}

fw_status fw_message_check(const fw_part *parts, size_t count, fw_header *header, fw_reason *reason_p) {
    *reason_p = FW_REASON_NONE;
    if (count < FW_PARTS_BEFORE_PAYLOAD) {
        fw_fail(FW_BAD_MESSAGE, "a message of %zu parts: stream and header come first", count);
        return refuse(reason_p, FW_REASON_PARTS);
    }
    bool named = parts[0].size > 0;
    if (named && !fw_stream_name_valid(parts[0].data, parts[0].size)) {
        fw_fail(FW_BAD_MESSAGE, "a stream's name is 1 to 128 bytes of UTF-8 without control characters");
        return refuse(reason_p, FW_REASON_STREAM);
    }
    fw_status status = fw_header_unpack(parts[1].data, parts[1].size, header, reason_p);
    if (status || header->kind == FW_KIND_UNKNOWN)
        return status;
    if (named == fw_kind_is_streamless(header->kind)) {
        fw_fail(FW_BAD_MESSAGE, "a %s %s a stream's name", fw_kind_names[header->kind].data,
                named ? "with" : "without");
        return refuse(reason_p, FW_REASON_STREAM);
    }
    switch (header->kind) {
    case FW_KIND_FRAME:
        return check_frame(parts, count, header, reason_p);
    case FW_KIND_RESULT:
        return check_result(parts, count, header, reason_p);
    default:
        return check_count(count, FW_PARTS_BEFORE_PAYLOAD, fw_kind_names[header->kind].data, reason_p);
    }
}
