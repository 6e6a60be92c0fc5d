#include "wire/header.h"

#include <string.h>

#include "base/status.h"
#include "wire/leased.h"

static fw_span format_name(const fw_header *header) {
    if (header->format.pixels == FW_PLAIN)
        return header->format_name;
    const char *name = fw_pixels_name(header->format.pixels);
    return (fw_span){ name, strlen(name) };
}

/* What a frame says, and the result of it repeats. Optional keys that hold their default are left out. */
static uint32_t count_frame_keys(const fw_header *header) {
    bool shaped = header->format.dtype != FW_DTYPE_NONE;
    return (header->item.size > 0) + (header->time != 0) + (header->monotonic != 0) + (header->meta_count > 0) +
           (shaped ? 2u + (format_name(header).size > 0) + (header->format.encoding != FW_RAW) : 0u);
}

static void write_meta(fw_writer *writer, const fw_header *header) {
    if (header->meta_count == 0)
        return;
    fw_put_key(writer, FW_KEY_META);
    fw_write_map(writer, header->meta_count);
    fw_write_packed(writer, header->meta.data, header->meta.size);
}

static void write_frame_keys(fw_writer *writer, const fw_header *header) {
    if (header->item.size > 0)
        fw_put_text(writer, FW_KEY_ITEM, header->item);
    if (header->format.dtype != FW_DTYPE_NONE) {
        fw_put_shape(writer, &header->format);
        fw_span name = format_name(header);
        if (name.size > 0)
            fw_put_text(writer, FW_KEY_FORMAT, name);
        if (header->format.encoding != FW_RAW)
            fw_put_name(writer, FW_KEY_ENCODING, fw_encoding_name(header->format.encoding));
    }
    if (header->time != 0)
        fw_put_int(writer, FW_KEY_TIME, header->time);
    if (header->monotonic != 0)
        fw_put_int(writer, FW_KEY_MONOTONIC, header->monotonic);
    write_meta(writer, header);
}

static void write_start(fw_writer *writer, const fw_header *header, uint32_t more_keys) {
    fw_write_map(writer, 3 + more_keys);
    fw_put_uint(writer, FW_KEY_V, FW_WIRE_VERSION);
    fw_put_text(writer, FW_KEY_KIND, fw_kind_names[header->kind]);
    fw_put_uint(writer, FW_KEY_EPOCH, header->epoch);
}

static void write_frame(fw_writer *writer, const fw_header *header) {
    uint32_t lease_count = fw_lease_count(header);
    write_start(writer, header, 1 + count_frame_keys(header) + lease_count);
    fw_put_uint(writer, FW_KEY_SEQ, header->seq);
    if (header->attempt > 1)
        fw_put_uint(writer, FW_KEY_ATTEMPT, header->attempt);
    write_frame_keys(writer, header);
    if (lease_count > 0)
        fw_lease_write(writer, header);
}

static void write_result(fw_writer *writer, const fw_header *header) {
    write_start(writer, header,
                3 + (header->error.size > 0) + (header->worker.size > 0) + (header->array_count > 0) +
                    (header->lost != 0) + (header->instance != 0) + count_frame_keys(header));
    fw_put_uint(writer, FW_KEY_SEQ, header->seq);
    fw_put_text(writer, FW_KEY_STATUS, fw_verdict_names[header->verdict]);
    if (header->error.size > 0)
        fw_put_text(writer, FW_KEY_ERROR, header->error);
    if (header->worker.size > 0)
        fw_put_text(writer, FW_KEY_WORKER, header->worker);
    fw_put_uint(writer, FW_KEY_ATTEMPT, header->attempt ? header->attempt : 1);
    write_frame_keys(writer, header);
    if (header->array_count > 0)
        fw_put_list(writer, FW_KEY_ARRAYS, header->array_count, header->arrays);
    if (header->lost != 0)
        fw_put_uint(writer, FW_KEY_LOST, header->lost);
    if (header->instance != 0)
        fw_put_uint(writer, FW_KEY_INSTANCE, header->instance);
}

static void write_end(fw_writer *writer, const fw_header *header) {
    write_start(writer, header, 6 + (header->time != 0) + (header->meta_count > 0) + (header->lost != 0));
    if (header->time != 0)
        fw_put_int(writer, FW_KEY_TIME, header->time);
    write_meta(writer, header);
    fw_put_uint(writer, FW_KEY_CAPTURED, header->captured);
    fw_put_uint(writer, FW_KEY_SENT, header->sent);
    fw_put_uint(writer, FW_KEY_DONE, header->done);
    fw_put_uint(writer, FW_KEY_DEAD, header->dead);
    fw_put_uint(writer, FW_KEY_DROPPED, header->dropped);
    fw_put_list(writer, FW_KEY_STREAMS, header->stream_count, header->streams);
    if (header->lost != 0)
        fw_put_uint(writer, FW_KEY_LOST, header->lost);
}

static fw_status check_result(const fw_header *header) {
    if (header->verdict <= FW_VERDICT_NONE || header->verdict >= FW_VERDICT_COUNT)
        return fw_fail(FW_INVALID, "a result's header needs a verdict");
    if (header->error.size > FW_ERROR_MAX || header->array_count > FW_RESULT_ARRAYS_MAX)
        return fw_fail(FW_TOO_LARGE, "a result with an error of %zu bytes and %u arrays: at most %d and %d",
                       header->error.size, header->array_count, FW_ERROR_MAX, FW_RESULT_ARRAYS_MAX);
    return FW_OK;
}

static fw_status check_limits(const fw_header *header) {
    if (header->format.ndim > FW_MAX_DIMS)
        return fw_fail(FW_INVALID, "a header with %u dimensions: at most %d", header->format.ndim, FW_MAX_DIMS);
    if (header->item.size > FW_ITEM_MAX || header->worker.size > FW_WORKER_MAX ||
        header->format_name.size > FW_FORMAT_NAME_MAX || header->meta.size > FW_META_MAX ||
        header->stream_count > FW_STREAMS_MAX)
        return fw_fail(FW_TOO_LARGE,
                       "a header's item (%zu bytes), worker (%zu), meta (%zu) or streams (%u) is beyond its limit",
                       header->item.size, header->worker.size, header->meta.size, header->stream_count);
    switch (header->kind) {
    case FW_KIND_FRAME:
        if (header->format.dtype == FW_DTYPE_NONE)
            return fw_fail(FW_INVALID, "a frame's header needs a complete format");
        return FW_OK;
    case FW_KIND_RESULT:
        return check_result(header);
    case FW_KIND_END:
        return FW_OK;
    default:
        return fw_leased_check(header);
    }
}

fw_status fw_header_pack(const fw_header *header, uint8_t *out, size_t room, size_t *size_p) {
    if (header->kind <= FW_KIND_UNKNOWN || header->kind >= FW_KIND_COUNT)
        return fw_fail(FW_INVALID, "a header needs a kind");
    fw_status status = check_limits(header);
    if (status)
        return status;
    fw_writer writer = { .out = out, .room = room < FW_HEADER_MAX ? room : FW_HEADER_MAX };
    switch (header->kind) {
    case FW_KIND_FRAME:
        write_frame(&writer, header);
        break;
    case FW_KIND_RESULT:
        write_result(&writer, header);
        break;
    case FW_KIND_END:
        write_end(&writer, header);
        break;
    default:
        fw_leased_write(&writer, header);
        break;
    }
    if (writer.full)
        return fw_fail(FW_TOO_LARGE, "a header needs more than %zu bytes", writer.room);
    *size_p = writer.size;
    return FW_OK;
}
