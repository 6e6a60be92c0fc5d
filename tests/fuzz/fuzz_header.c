/* Any bytes as a header: it is refused with a reason, or what was understood packs and reads back the same. */
#include "fuzz.h"

#include <string.h>

#include <msgpack.h>

#include "wire/header.h"

static void check_lists(const fw_header *header) {
    fw_span list = header->arrays, name;
    fw_array array;
    uint32_t count = 0;
    while (fw_array_next(&list, &array))
        count++;
    MUST(count == header->array_count && list.size == 0);
    list = header->streams;
    count = 0;
    while (fw_stream_next(&list, &name))
        count++;
    MUST(count == header->stream_count && list.size == 0);
}

/* What we let pass, msgpack-c must read too. */
static void check_against_msgpack_c(const uint8_t *data, size_t size) {
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    size_t offset = 0;
    MUST(msgpack_unpack_next(&unpacked, (const char *)data, size, &offset) == MSGPACK_UNPACK_SUCCESS && offset == size);
    msgpack_unpacked_destroy(&unpacked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t first[FW_HEADER_MAX], second[FW_HEADER_MAX];
    fw_header header;
    fw_reason reason;
    if (fw_header_unpack(data, size, &header, &reason)) {
        MUST(reason > FW_REASON_NONE && reason < FW_REASON_COUNT);
        return 0;
    }
    MUST(reason == FW_REASON_NONE);
    check_against_msgpack_c(data, size);
    if (header.kind == FW_KIND_UNKNOWN)
        return 0;
    check_lists(&header);

    size_t first_size, second_size;
    fw_status status = fw_header_pack(&header, first, sizeof first, &first_size);
    if (status == FW_TOO_LARGE && header.meta.size > FW_META_MAX)
        return 0;
    MUST(status == FW_OK);
    MUST(fw_header_unpack(first, first_size, &header, &reason) == FW_OK);
    MUST(fw_header_pack(&header, second, sizeof second, &second_size) == FW_OK);
    MUST(first_size == second_size && memcmp(first, second, first_size) == 0);
    return 0;
}
