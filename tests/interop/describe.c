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

static void add_streams(fw_text *out, fw_span list) {
    fw_span name;
    fw_text_format(out, ",\"streams\":[");
    for (bool first = true; fw_stream_next(&list, &name); first = false) {
        fw_text_format(out, "%s", first ? "" : ",");
        fw_text_json(out, name.data, name.size);
    }
    fw_text_format(out, "]");
}

static void add_key(fw_text *out, const fw_header *header) {
    fw_text_format(out, ",\"epoch\":%" PRIu64 ",\"seq\":%" PRIu64, header->epoch, header->seq);
}

static const char *truth(bool value) {
    return value ? "true" : "false";
}

static void add_frame(fw_text *out, const fw_header *header) {
    add_key(out, header);
    add_frame_keys(out, header);
    fw_text_format(out, ",\"attempt\":%" PRIu32 ",\"guarded\":%s,\"lost\":%" PRIu64 ",\"place\":", header->attempt,
                   truth(header->guarded), header->lost);
    const fw_place *place = &header->place;
    if (place->said)
        fw_text_format(out,
                       "{\"region\":%" PRIu64 ",\"slot\":%" PRIu32 ",\"gen\":%" PRIu64 ",\"offset\":%" PRIu64
                       ",\"length\":%" PRIu64 ",\"copy\":%s}",
                       place->region, place->slot, place->gen, place->offset, place->length, truth(place->copy));
    else
        fw_text_format(out, "null");
    fw_text_format(out, ",\"size\":%zu", header->format.size);
}

static void add_result(fw_text *out, const fw_part *parts, const fw_header *header) {
    uint64_t nulls = 0;
    add_key(out, header);
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
    fw_text_format(out, "],\"lost\":%" PRIu64 ",\"instance\":%" PRIu64 ",\"value\":", header->lost, header->instance);
    fw_json_value(out, parts[2].data, parts[2].size, &nulls);
    fw_text_format(out, ",\"nulls\":%" PRIu64, nulls);
}

static void add_end(fw_text *out, const fw_header *header) {
    uint64_t nulls = 0;
    fw_text_format(out, ",\"epoch\":%" PRIu64 ",\"time\":%" PRId64 ",\"meta\":", header->epoch, header->time);
    fw_json_meta(out, header->meta, header->meta_count, &nulls);
    fw_text_format(out,
                   ",\"captured\":%" PRIu64 ",\"sent\":%" PRIu64 ",\"done\":%" PRIu64 ",\"dead\":%" PRIu64
                   ",\"dropped\":%" PRIu64,
                   header->captured, header->sent, header->done, header->dead, header->dropped);
    add_streams(out, header->streams);
    fw_text_format(out, ",\"lost\":%" PRIu64, header->lost);
}

static void add_slots(fw_text *out, const char *key, fw_span list) {
    fw_filling slot;
    fw_text_format(out, ",\"%s\":[", key);
    for (bool first = true; fw_filling_next(&list, &slot); first = false)
        fw_text_format(out, "%s[%" PRIu64 ",%" PRIu32 ",%" PRIu64 "]", first ? "" : ",", slot.region, slot.slot,
                       slot.gen);
    fw_text_format(out, "]");
}

static void add_hello(fw_text *out, const fw_header *header) {
    fw_text_format(out, ",\"instance\":%" PRIu64, header->instance);
    add_name(out, "role", fw_role_text(header->role));
    add_text(out, "worker", header->worker);
    add_text(out, "host", header->host);
    fw_text_format(out, ",\"credit\":%" PRIu32 ",\"queue\":%" PRIu32 ",\"results\":%s,\"supervisor\":%" PRIu64,
                   header->credit, header->queue, truth(header->results), header->supervisor);
    add_streams(out, header->streams);
    fw_span list = header->held;
    fw_held_frame held;
    fw_text_format(out, ",\"held\":[");
    for (bool first = true; fw_held_next(&list, &held); first = false)
        fw_text_format(out, "%s[%" PRIu64 ",%" PRIu64 ",%s]", first ? "" : ",", held.epoch, held.seq,
                       truth(held.started));
    fw_text_format(out, "]");
    add_slots(out, "reads", header->slots);
}

static void add_welcome(fw_text *out, const fw_header *header) {
    fw_text_format(out, ",\"instance\":%" PRIu64 ",\"sender\":%" PRIu64, header->instance, header->sender);
    add_streams(out, header->streams);
    add_text(out, "host", header->host);
    fw_text_format(out,
                   ",\"deadline\":%" PRIu64 ",\"grace\":%" PRIu64 ",\"value_max\":%" PRIu64 ",\"array_max\":%" PRIu64
                   ",\"result_max\":%" PRIu64,
                   header->deadline, header->grace, header->value_max, header->array_max, header->result_max);
    add_text(out, "door", header->door);
    fw_text_format(out, ",\"token\":\"");
    for (int i = 0; header->token && i < FW_TOKEN_SIZE; i++)
        fw_text_format(out, "%02x", header->token[i]);
    fw_text_format(out, "\"");
}

static void add_stats(fw_text *out, const fw_header *header) {
    uint64_t nulls = 0;
    fw_text_format(out, ",\"counts\":");
    fw_json_meta(out, header->meta, header->meta_count, &nulls);
    fw_text_format(out, ",\"workers\":[");
    fw_span list = header->workers;
    fw_receiver_stats worker;
    for (bool first = true; fw_worker_next(&list, &worker); first = false) {
        fw_text_format(out, "%s{\"worker\":", first ? "" : ",");
        fw_text_json(out, worker.worker.data, worker.worker.size);
        add_name(out, "role", fw_role_text(worker.role));
        fw_text_format(out,
                       ",\"credit\":%" PRIu64 ",\"unfinished\":%" PRIu64 ",\"started\":%" PRIu64 ",\"done\":%" PRIu64
                       ",\"lost\":%" PRIu64 "}",
                       worker.credit, worker.unfinished, worker.started, worker.done, worker.lost);
    }
    fw_text_format(out, "]");
}

static void add_what_it_says(fw_text *out, const fw_part *parts, const fw_header *header) {
    switch (header->kind) {
    case FW_KIND_FRAME:
        add_frame(out, header);
        break;
    case FW_KIND_RESULT:
        add_result(out, parts, header);
        break;
    case FW_KIND_END:
        add_end(out, header);
        break;
    case FW_KIND_START:
        add_key(out, header);
        add_slots(out, "releases", header->slots);
        break;
    case FW_KIND_GO:
    case FW_KIND_PROGRESS:
    case FW_KIND_RETURN:
    case FW_KIND_RECALL:
        add_key(out, header);
        break;
    case FW_KIND_HELLO:
        add_hello(out, header);
        break;
    case FW_KIND_WELCOME:
        add_welcome(out, header);
        break;
    case FW_KIND_CREDIT:
        fw_text_format(out, ",\"credit\":%" PRIu32, header->credit);
        break;
    case FW_KIND_RELEASE:
        add_slots(out, "releases", header->slots);
        break;
    case FW_KIND_DIED:
        fw_text_format(out, ",\"instance\":%" PRIu64, header->instance);
        add_text(out, "reason", header->cause);
        break;
    case FW_KIND_STATS:
        add_stats(out, header);
        break;
    default:
        break;
    }
}

void message_describe(fw_text *out, const fw_part *parts, const fw_header *header) {
    fw_text_format(out, "{\"stream\":");
    fw_text_json(out, parts[0].data, parts[0].size);
    add_text(out, "kind", header->kind_text);
    add_what_it_says(out, parts, header);
    fw_text_format(out, "}");
}
