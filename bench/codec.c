/* The header codec beside msgpack-c's own bare packing and unpacking of the same map: time a message, and the ratio.
 * Rounds of both are interleaved, and the medians compared. Prints one line of JSON: codec [ROUNDS].
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msgpack.h>

#include "base/clock.h"
#include "wire/header.h"

#define MESSAGES   20000
#define ROUNDS_MAX 1000

static const char item[] = "sub/folder/img_0001.tif#3", file[] = "photos/sub/folder/img_0001.tif";

/* One way of doing the work: returns ns a message. */
typedef double round_of(const void *work);

static double per_message(fw_time start) {
    return (double)(fw_now() - start) / MESSAGES;
}

static double pack_ours(const void *work) {
    fw_header header = *(const fw_header *)work;
    static uint8_t out[FW_HEADER_MAX];
    size_t size;
    fw_time start = fw_now();
    for (uint64_t i = 0; i < MESSAGES; i++) {
        header.seq = 1000000 + i;
        if (fw_header_pack(&header, out, sizeof out, &size))
            abort();
    }
    return per_message(start);
}

#define PACK_TEXT(packer, text)                               \
    do {                                                      \
        msgpack_pack_str(packer, sizeof text - 1);            \
        msgpack_pack_str_body(packer, text, sizeof text - 1); \
    } while (0)

static void pack_bare_map(msgpack_packer *packer, const fw_header *header, uint64_t seq) {
    msgpack_pack_map(packer, 10);
    PACK_TEXT(packer, "v");
    msgpack_pack_uint64(packer, 1);
    PACK_TEXT(packer, "kind");
    PACK_TEXT(packer, "frame");
    PACK_TEXT(packer, "epoch");
    msgpack_pack_uint64(packer, header->epoch);
    PACK_TEXT(packer, "seq");
    msgpack_pack_uint64(packer, seq);
    PACK_TEXT(packer, "item");
    PACK_TEXT(packer, item);
    PACK_TEXT(packer, "shape");
    msgpack_pack_array(packer, 3);
    msgpack_pack_uint64(packer, 1080);
    msgpack_pack_uint64(packer, 1920);
    msgpack_pack_uint64(packer, 3);
    PACK_TEXT(packer, "dtype");
    PACK_TEXT(packer, "|u1");
    PACK_TEXT(packer, "format");
    PACK_TEXT(packer, "rgb8");
    PACK_TEXT(packer, "time");
    msgpack_pack_int64(packer, header->time);
    PACK_TEXT(packer, "meta");
    msgpack_pack_map(packer, 3);
    PACK_TEXT(packer, "file");
    PACK_TEXT(packer, file);
    PACK_TEXT(packer, "size");
    msgpack_pack_int64(packer, 6220800);
    PACK_TEXT(packer, "exposure");
    msgpack_pack_double(packer, 0.01);
}

static double pack_bare(const void *work) {
    msgpack_sbuffer buffer;
    msgpack_sbuffer_init(&buffer);
    msgpack_packer packer;
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    fw_time start = fw_now();
    for (uint64_t i = 0; i < MESSAGES; i++) {
        msgpack_sbuffer_clear(&buffer);
        pack_bare_map(&packer, work, 1000000 + i);
    }
    double taken = per_message(start);
    msgpack_sbuffer_destroy(&buffer);
    return taken;
}

typedef struct packed {
    uint8_t bytes[1024];
    size_t size;
} packed;

static double unpack_ours(const void *work) {
    const packed *message = work;
    fw_header header;
    fw_reason reason;
    fw_time start = fw_now();
    for (int i = 0; i < MESSAGES; i++) {
        if (fw_header_unpack(message->bytes, message->size, &header, &reason))
            abort();
    }
    return per_message(start);
}

static double unpack_bare(const void *work) {
    const packed *message = work;
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    fw_time start = fw_now();
    for (int i = 0; i < MESSAGES; i++) {
        size_t offset = 0;
        if (msgpack_unpack_next(&unpacked, (const char *)message->bytes, message->size, &offset) !=
            MSGPACK_UNPACK_SUCCESS)
            abort();
    }
    double taken = per_message(start);
    msgpack_unpacked_destroy(&unpacked);
    return taken;
}

static int ascending(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void compare(const char *what, round_of *ours, round_of *bare, const void *work, int rounds) {
    static double our_times[ROUNDS_MAX], bare_times[ROUNDS_MAX];
    for (int i = 0; i < rounds; i++) {
        our_times[i] = ours(work);
        bare_times[i] = bare(work);
    }
    qsort(our_times, (size_t)rounds, sizeof *our_times, ascending);
    qsort(bare_times, (size_t)rounds, sizeof *bare_times, ascending);
    double our_median = our_times[rounds / 2], bare_median = bare_times[rounds / 2];
    printf("\"%s_ns\":%.1f,\"%s_bare_ns\":%.1f,\"%s_ratio\":%.3f", what, our_median, what, bare_median, what,
           our_median / bare_median);
}

int main(int argc, char **argv) {
    long asked = argc > 1 ? strtol(argv[1], NULL, 10) : 15;
    int rounds = asked < 1 ? 1 : asked > ROUNDS_MAX ? ROUNDS_MAX : (int)asked;
    fw_meta meta = { 0 };
    fw_header header = { .kind = FW_KIND_FRAME,
                         .epoch = UINT64_C(0xc0ffee0123456789),
                         .seq = 1000000,
                         .item = { item, sizeof item - 1 },
                         .time = INT64_C(1763800000000000000),
                         .format = { .width = 1920, .height = 1080, .pixels = FW_RGB8 } };
    if (fw_format_complete(&header.format) || fw_meta_text(&meta, "file", file, sizeof file - 1) ||
        fw_meta_int(&meta, "size", 6220800) || fw_meta_float(&meta, "exposure", 0.01))
        return 1;
    header.meta = (fw_span){ (const char *)meta.packed, meta.size };
    header.meta_count = meta.count;

    packed message;
    msgpack_sbuffer buffer;
    msgpack_sbuffer_init(&buffer);
    msgpack_packer packer;
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    pack_bare_map(&packer, &header, header.seq);
    bool same = fw_header_pack(&header, message.bytes, sizeof message.bytes, &message.size) == FW_OK &&
                message.size == buffer.size && memcmp(message.bytes, buffer.data, buffer.size) == 0;
    msgpack_sbuffer_destroy(&buffer);
    if (!same) {
        fputs("codec: the two do not pack the same bytes\n", stderr);
        return 1;
    }
    printf("{\"header_bytes\":%zu,", message.size);
    compare("pack", pack_ours, pack_bare, &header, rounds);
    printf(",");
    compare("unpack", unpack_ours, unpack_bare, &message, rounds);
    printf("}\n");
    fw_meta_free(&meta);
    return 0;
}
