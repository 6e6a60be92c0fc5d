#include "describe.h"

#include <inttypes.h>
#include <string.h>

#include "wire/format.h"
#include "wire/json.h"

int message_split(const uint8_t *data, size_t size, fw_part parts[MESSAGE_PARTS_MAX]) {
    int count = 0;
    while (size > 0) {
        if (size < 4 || count == MESSAGE_PARTS_MAX)
            return -1;
        size_t length = (size_t)data[0] << 24 | (size_t)data[1] << 16 | (size_t)data[2] << 8 | data[3];
        data += 4;
        size -= 4;
        if (length > size)
            return -1;
        parts[count++] = (fw_part){ data, length };
        data += length;
        size -= length;
    }
    return count;
}

static void add_text(fw_text *out, const char *key, fw_span text) {
    fw_text_format(out, ",\"%s\":", key);
    fw_text_json(out, text.data, text.size);
}

static void add_name(fw_text *out, const char *key, const char *name) {
    add_text(out, key, (fw_span){ name, strlen(name) });
}

static void add_shape(fw_text *out, const fw_format *format) {
    fw_text_format(out, ",\"shape\":[");
    for (uint32_t i = 0; i < format->ndim; i++)
        fw_text_format(out, "%s%" PRIu64, i ? "," : "", format->shape[i]);
    fw_text_format(out, "]");
    add_name(out, "dtype", fw_dtype_name(format->dtype));
}

static void add_frame_keys(fw_text *out, const fw_header *header) {
    uint64_t nulls = 0;
    add_text(out, "item", header->item);
    add_shape(out, &header->format);
    if (header->format_name.size > 0)
        add_text(out, "format", header->format_name);
    else
        add_name(out, "format", fw_pixels_name(header->format.pixels));
    add_name(out, "encoding", fw_encoding_name(header->format.encoding));
    fw_text_format(out, ",\"time\":%" PRId64 ",\"monotonic\":%" PRId64 ",\"meta\":", header->time, header->monotonic);
    fw_json_meta(out, header->meta, header->meta_count, &nulls);
}

static void add_result(fw_text *out, const fw_part *parts, const fw_header *header) {
    uint64_t nulls = 0;
    fw_text_format(out, ",\"epoch\":%" PRIu64 ",\"seq\":%" PRIu64, header->epoch, header->seq);
    add_name(out, "status", fw_verdict_text(header->verdict));
    add_text(out, "error", header->error);
    add_text(out, "worker", header->worker);
    fw_text_format(out, ",\"attempt\":%" PRIu32, header->attempt);
    add_frame_keys(out, header);
    fw_text_format(out, ",\"arrays\":[");
    fw_span list = header->arrays;
    fw_array array;
    for (bool first = true; fw_array_next(&list, &array); first = false) {
        fw_text_format(out, "%s{\"name\":", first ? "" : ",");
        fw_text_json(out, array.name.data, array.name.size);
        add_shape(out, &array.format);
        fw_text_format(out, ",\"size\":%zu}", array.format.size);
    }
    fw_text_format(out, "],\"value\":");
    fw_json_value(out, parts[2].data, parts[2].size, &nulls);
    fw_text_format(out, ",\"nulls\":%" PRIu64, nulls);
}

static void add_end(fw_text *out, const fw_header *header) {
    uint64_t nulls = 0;
    fw_text_format(out, ",\"epoch\":%" PRIu64 ",\"time\":%" PRId64 ",\"meta\":", header->epoch, header->time);
    fw_json_meta(out, header->meta, header->meta_count, &nulls);
    fw_text_format(out,
                   ",\"captured\":%" PRIu64 ",\"sent\":%" PRIu64 ",\"done\":%" PRIu64 ",\"dead\":%" PRIu64
                   ",\"dropped\":%" PRIu64 ",\"streams\":[",
                   header->captured, header->sent, header->done, header->dead, header->dropped);
    fw_span list = header->streams, name;
    for (bool first = true; fw_stream_next(&list, &name); first = false) {
        fw_text_format(out, "%s", first ? "" : ",");
        fw_text_json(out, name.data, name.size);
    }
    fw_text_format(out, "]");
}

void message_describe(fw_text *out, const fw_part *parts, const fw_header *header) {
    fw_text_format(out, "{\"stream\":");
    fw_text_json(out, parts[0].data, parts[0].size);
    add_text(out, "kind", header->kind_text);
    if (header->kind == FW_KIND_FRAME) {
        fw_text_format(out, ",\"epoch\":%" PRIu64 ",\"seq\":%" PRIu64, header->epoch, header->seq);
        add_frame_keys(out, header);
        fw_text_format(out, ",\"size\":%zu", header->format.size);
    } else if (header->kind == FW_KIND_RESULT) {
        add_result(out, parts, header);
    } else if (header->kind == FW_KIND_END) {
        add_end(out, header);
    }
    fw_text_format(out, "}");
}
