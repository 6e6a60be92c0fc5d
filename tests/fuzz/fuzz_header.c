/* Any bytes as a header: it is refused with a reason, or what was understood packs and reads back the same. */
#include "fuzz.h"

#include <string.h>

#include <msgpack.h>

#include "wire/header.h"

#define CHECK_LIST(list, count, type, next)       \
    do {                                          \
        fw_span rest = (list);                    \
        type element;                             \
        uint32_t found = 0;                       \
        while (next(&rest, &element))             \
            found++;                              \
        MUST(found == (count) && rest.size == 0); \
    } while (0)

static void check_lists(const fw_header *header) {
    CHECK_LIST(header->streams, header->stream_count, fw_span, fw_stream_next);
    switch (header->kind) {
    case FW_KIND_RESULT:
        CHECK_LIST(header->arrays, header->array_count, fw_array, fw_array_next);
        break;
    case FW_KIND_HELLO:
        CHECK_LIST(header->held, header->held_count, fw_held_frame, fw_held_next);
        CHECK_LIST(header->slots, header->slot_count, fw_filling, fw_filling_next);
        break;
    case FW_KIND_START:
    case FW_KIND_RELEASE:
        CHECK_LIST(header->slots, header->slot_count, fw_filling, fw_filling_next);
        break;
    case FW_KIND_STATS:
        CHECK_LIST(header->workers, header->worker_count, fw_receiver_stats, fw_worker_next);
        break;
    default:
        break;
    }
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
    bool stats_too_large = header.kind == FW_KIND_STATS && header.workers.size > FW_WORKERS_SIZE_MAX;
    if (status == FW_TOO_LARGE && (header.meta.size > FW_META_MAX || stats_too_large))
        return 0;
    MUST(status == FW_OK);
    MUST(fw_header_unpack(first, first_size, &header, &reason) == FW_OK);
    MUST(fw_header_pack(&header, second, sizeof second, &second_size) == FW_OK);
    MUST(first_size == second_size && memcmp(first, second, first_size) == 0);
    return 0;
}
