#include "wire/header.h"

#include <string.h>

#include "base/status.h"
#include "base/text.h"
#include "wire/format.h"
#include "wire/keys.h"
#include "wire/writer.h"

#define SPAN(text) \
    { text, sizeof text - 1 }

const fw_span fw_key_names[FW_KEY_COUNT] = {
    [FW_KEY_V] = SPAN("v"),
    [FW_KEY_KIND] = SPAN("kind"),
    [FW_KEY_EPOCH] = SPAN("epoch"),
    [FW_KEY_SEQ] = SPAN("seq"),
    [FW_KEY_STATUS] = SPAN("status"),
    [FW_KEY_ERROR] = SPAN("error"),
    [FW_KEY_WORKER] = SPAN("worker"),
    [FW_KEY_ATTEMPT] = SPAN("attempt"),
    [FW_KEY_ITEM] = SPAN("item"),
    [FW_KEY_SHAPE] = SPAN("shape"),
    [FW_KEY_DTYPE] = SPAN("dtype"),
    [FW_KEY_FORMAT] = SPAN("format"),
    [FW_KEY_ENCODING] = SPAN("encoding"),
    [FW_KEY_TIME] = SPAN("time"),
    [FW_KEY_MONOTONIC] = SPAN("monotonic"),
    [FW_KEY_META] = SPAN("meta"),
    [FW_KEY_ARRAYS] = SPAN("arrays"),
    [FW_KEY_CAPTURED] = SPAN("captured"),
    [FW_KEY_SENT] = SPAN("sent"),
    [FW_KEY_DONE] = SPAN("done"),
    [FW_KEY_DEAD] = SPAN("dead"),
    [FW_KEY_DROPPED] = SPAN("dropped"),
    [FW_KEY_STREAMS] = SPAN("streams"),
    [FW_KEY_NAME] = SPAN("name"),
};

const fw_span fw_kind_names[FW_KIND_COUNT] = {
    [FW_KIND_UNKNOWN] = SPAN(""),
    [FW_KIND_FRAME] = SPAN("frame"),
    [FW_KIND_END] = SPAN("end"),
    [FW_KIND_RESULT] = SPAN("result"),
};

const fw_span fw_verdict_names[FW_VERDICT_COUNT] = {
    [FW_VERDICT_NONE] = SPAN(""),
    [FW_DONE] = SPAN("done"),
    [FW_ERROR] = SPAN("error"),
    [FW_DEAD] = SPAN("dead"),
};

const char *fw_reason_text(fw_reason reason) {
    static const char *const texts[FW_REASON_COUNT] = {
        [FW_REASON_NONE] = "none",         [FW_REASON_PARTS] = "parts",
        [FW_REASON_STREAM] = "stream",     [FW_REASON_HEADER_SIZE] = "header_size",
        [FW_REASON_MSGPACK] = "msgpack",   [FW_REASON_VERSION] = "version",
        [FW_REASON_FIELD] = "field",       [FW_REASON_DTYPE] = "dtype",
        [FW_REASON_ENCODING] = "encoding", [FW_REASON_SHAPE] = "shape",
        [FW_REASON_PAYLOAD] = "payload",
    };
    return (unsigned)reason < FW_REASON_COUNT ? texts[reason] : "none";
}

const char *fw_verdict_text(fw_verdict verdict) {
    return (unsigned)verdict < FW_VERDICT_COUNT ? fw_verdict_names[verdict].data : "";
}

static void write_key(fw_writer *writer, fw_header_key key) {
    fw_write_text(writer, fw_key_names[key].data, fw_key_names[key].size);
}

static void write_text(fw_writer *writer, fw_header_key key, fw_span text) {
    write_key(writer, key);
    fw_write_text(writer, text.data, text.size);
}

static void write_name(fw_writer *writer, fw_header_key key, const char *name) {
    write_text(writer, key, (fw_span){ name, strlen(name) });
}

static void write_uint(fw_writer *writer, fw_header_key key, uint64_t value) {
    write_key(writer, key);
    fw_write_uint(writer, value);
}

static void write_int(fw_writer *writer, fw_header_key key, int64_t value) {
    write_key(writer, key);
    fw_write_int(writer, value);
}

static void write_list(fw_writer *writer, fw_header_key key, uint32_t count, fw_span packed) {
    write_key(writer, key);
    fw_write_array(writer, count);
    fw_write_packed(writer, packed.data, packed.size);
}

static void write_shape(fw_writer *writer, const fw_format *format) {
    write_key(writer, FW_KEY_SHAPE);
    fw_write_array(writer, format->ndim);
    for (uint32_t i = 0; i < format->ndim; i++)
        fw_write_uint(writer, format->shape[i]);
    write_name(writer, FW_KEY_DTYPE, fw_dtype_name(format->dtype));
}

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
    write_key(writer, FW_KEY_META);
    fw_write_map(writer, header->meta_count);
    fw_write_packed(writer, header->meta.data, header->meta.size);
}

static void write_frame_keys(fw_writer *writer, const fw_header *header) {
    if (header->item.size > 0)
        write_text(writer, FW_KEY_ITEM, header->item);
    if (header->format.dtype != FW_DTYPE_NONE) {
        write_shape(writer, &header->format);
        fw_span name = format_name(header);
        if (name.size > 0)
            write_text(writer, FW_KEY_FORMAT, name);
        if (header->format.encoding != FW_RAW)
            write_name(writer, FW_KEY_ENCODING, fw_encoding_name(header->format.encoding));
    }
    if (header->time != 0)
        write_int(writer, FW_KEY_TIME, header->time);
    if (header->monotonic != 0)
        write_int(writer, FW_KEY_MONOTONIC, header->monotonic);
    write_meta(writer, header);
}

static void write_start(fw_writer *writer, const fw_header *header, uint32_t more_keys) {
    fw_write_map(writer, 3 + more_keys);
    write_uint(writer, FW_KEY_V, FW_WIRE_VERSION);
    write_text(writer, FW_KEY_KIND, fw_kind_names[header->kind]);
    write_uint(writer, FW_KEY_EPOCH, header->epoch);
}

static void write_frame(fw_writer *writer, const fw_header *header) {
    write_start(writer, header, 1 + count_frame_keys(header));
    write_uint(writer, FW_KEY_SEQ, header->seq);
    write_frame_keys(writer, header);
}

static void write_result(fw_writer *writer, const fw_header *header) {
    write_start(writer, header,
                3 + (header->error.size > 0) + (header->worker.size > 0) + (header->array_count > 0) +
                    count_frame_keys(header));
    write_uint(writer, FW_KEY_SEQ, header->seq);
    write_text(writer, FW_KEY_STATUS, fw_verdict_names[header->verdict]);
    if (header->error.size > 0)
        write_text(writer, FW_KEY_ERROR, header->error);
    if (header->worker.size > 0)
        write_text(writer, FW_KEY_WORKER, header->worker);
    write_uint(writer, FW_KEY_ATTEMPT, header->attempt ? header->attempt : 1);
    write_frame_keys(writer, header);
    if (header->array_count > 0)
        write_list(writer, FW_KEY_ARRAYS, header->array_count, header->arrays);
}

static void write_end(fw_writer *writer, const fw_header *header) {
    write_start(writer, header, 6 + (header->time != 0) + (header->meta_count > 0));
    if (header->time != 0)
        write_int(writer, FW_KEY_TIME, header->time);
    write_meta(writer, header);
    write_uint(writer, FW_KEY_CAPTURED, header->captured);
    write_uint(writer, FW_KEY_SENT, header->sent);
    write_uint(writer, FW_KEY_DONE, header->done);
    write_uint(writer, FW_KEY_DEAD, header->dead);
    write_uint(writer, FW_KEY_DROPPED, header->dropped);
    write_list(writer, FW_KEY_STREAMS, header->stream_count, header->streams);
}

static fw_status check_limits(const fw_header *header) {
    if (header->format.ndim > FW_MAX_DIMS)
        return fw_fail(FW_INVALID, "a header with %u dimensions: at most %d", header->format.ndim, FW_MAX_DIMS);
    if (header->kind == FW_KIND_FRAME && header->format.dtype == FW_DTYPE_NONE)
        return fw_fail(FW_INVALID, "a frame's header needs a complete format");
    if (header->kind == FW_KIND_RESULT && (header->verdict <= FW_VERDICT_NONE || header->verdict >= FW_VERDICT_COUNT))
        return fw_fail(FW_INVALID, "a result's header needs a verdict");
    if (header->item.size > FW_ITEM_MAX || header->error.size > FW_ERROR_MAX || header->worker.size > FW_WORKER_MAX ||
        header->format_name.size > FW_FORMAT_NAME_MAX || header->meta.size > FW_META_MAX ||
        header->array_count > FW_RESULT_ARRAYS_MAX || header->stream_count > FW_STREAMS_MAX)
        return fw_fail(FW_TOO_LARGE,
                       "a header's item (%zu bytes), error (%zu), worker (%zu), meta (%zu), arrays (%u) or "
                       "streams (%u) is beyond its limit",
                       header->item.size, header->error.size, header->worker.size, header->meta.size,
                       header->array_count, header->stream_count);
    return FW_OK;
}

fw_status fw_header_pack(const fw_header *header, uint8_t *out, size_t room, size_t *size_p) {
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
        return fw_fail(FW_INVALID, "a header needs a kind");
    }
    if (writer.full)
        return fw_fail(FW_TOO_LARGE, "a header needs more than %zu bytes", writer.room);
    *size_p = writer.size;
    return FW_OK;
}

static fw_status written(const fw_writer *writer, size_t *size_p) {
    if (writer->full)
        return fw_fail(FW_TOO_LARGE, "a header's list needs more than %zu bytes", writer->room);
    *size_p = writer->size;
    return FW_OK;
}

fw_status fw_array_pack(const fw_array *array, uint8_t *out, size_t room, size_t *size_p) {
    if (!fw_stream_name_valid(array->name.data, array->name.size))
        return fw_fail(FW_INVALID, "an array's name is 1 to 128 bytes of UTF-8 without control characters");
    size_t size;
    fw_status status = fw_shape_size(array->format.dtype, array->format.ndim, array->format.shape, &size);
    if (status)
        return status;
    fw_writer writer = { .out = out, .room = room };
    fw_write_map(&writer, 3);
    write_text(&writer, FW_KEY_NAME, array->name);
    write_shape(&writer, &array->format);
    return written(&writer, size_p);
}

fw_status fw_stream_pack(const char *name, uint8_t *out, size_t room, size_t *size_p) {
    size_t size = strlen(name);
    if (!fw_stream_name_valid(name, size))
        return fw_fail(FW_INVALID, "a stream's name is 1 to 128 bytes of UTF-8 without control characters");
    fw_writer writer = { .out = out, .room = room };
    fw_write_text(&writer, name, size);
    return written(&writer, size_p);
}
