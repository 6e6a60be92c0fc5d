/* Any parts as a message, framed as in proto/vectors: each with its length before it (4 bytes, big-endian). */
#include "fuzz.h"

#include "wire/json.h"
#include "wire/message.h"

static size_t split(const uint8_t *data, size_t size, fw_part *parts, size_t room) {
    size_t count = 0;
    while (size >= 4 && count < room) {
        size_t length = (size_t)data[0] << 24 | (size_t)data[1] << 16 | (size_t)data[2] << 8 | data[3];
        data += 4;
        size -= 4;
        if (length > size)
            length = size;
        parts[count++] = (fw_part){ data, length };
        data += length;
        size -= length;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fw_part parts[FW_PARTS_MAX + 1];
    size_t count = split(data, size, parts, FW_PARTS_MAX + 1);
    fw_header header;
    fw_reason reason;
    if (fw_message_check(parts, count, &header, &reason)) {
        MUST(reason > FW_REASON_NONE && reason < FW_REASON_COUNT);
        return 0;
    }
    MUST(reason == FW_REASON_NONE);
    uint64_t nulls = 0;
    fw_text json = { 0 };
    if (header.kind == FW_KIND_FRAME)
        MUST(header.format.size == (header.place.said ? header.place.length : parts[2].size));
    if (header.kind == FW_KIND_RESULT)
        MUST(fw_json_value(&json, parts[2].data, parts[2].size, &nulls) == FW_OK);
    MUST(header.kind == FW_KIND_UNKNOWN || fw_kind_is_streamless(header.kind) == (parts[0].size == 0));
    if (header.kind != FW_KIND_UNKNOWN)
        MUST(fw_json_meta(&json, header.meta, header.meta_count, &nulls) == FW_OK);
    free(json.data);
    return 0;
}
