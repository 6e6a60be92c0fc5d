#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/header.h"

#define SPAN(text) ((fw_span){ text, sizeof text - 1 })

static uint8_t packed[FW_HEADER_MAX];

static fw_format rgb(void) {
    fw_format format = { .width = 1920, .height = 1080, .pixels = FW_RGB8 };
    assert_int_equal(fw_format_complete(&format), FW_OK);
    return format;
}

static size_t pack(const fw_header *header) {
    size_t size = 0;
    assert_int_equal(fw_header_pack(header, packed, sizeof packed, &size), FW_OK);
    return size;
}

static fw_header pack_and_unpack(const fw_header *header) {
    fw_header read;
    fw_reason reason;
    assert_int_equal(fw_header_unpack(packed, pack(header), &read, &reason), FW_OK);
    assert_int_equal(reason, FW_REASON_NONE);
    return read;
}

static void assert_text(fw_span span, const char *text) {
    assert_int_equal(span.size, strlen(text));
    assert_memory_equal(span.data, text, span.size);
}

static void a_frame_reads_back(void **state) {
    (void)state;
    fw_meta meta = { 0 };
    assert_int_equal(fw_meta_text(&meta, "file", "a.jpg", 5), FW_OK);
    const fw_header frame = { .kind = FW_KIND_FRAME,
                              .epoch = UINT64_MAX,
                              .seq = 42,
                              .item = SPAN("a.jpg"),
                              .time = -5,
                              .monotonic = INT64_MAX,
                              .format = rgb(),
                              .meta_count = meta.count,
                              .meta = { (const char *)meta.packed, meta.size } };
    fw_header read = pack_and_unpack(&frame);
    assert_int_equal(read.kind, FW_KIND_FRAME);
    assert_true(read.epoch == UINT64_MAX && read.seq == 42 && read.time == -5 && read.monotonic == INT64_MAX);
    assert_text(read.item, "a.jpg");
    assert_memory_equal(&read.format, &frame.format, sizeof frame.format);
    assert_int_equal(read.meta_count, 1);
    assert_int_equal(read.meta.size, meta.size);
    assert_memory_equal(read.meta.data, meta.packed, meta.size);
    fw_meta_free(&meta);
}

static void an_encoded_frame_leaves_its_size_to_the_payload(void **state) {
    (void)state;
    fw_header frame = { .kind = FW_KIND_FRAME, .format = rgb() };
    frame.format.encoding = FW_PNG;
    fw_header read = pack_and_unpack(&frame);
    assert_int_equal(read.format.encoding, FW_PNG);
    assert_int_equal(read.format.size, 0);
}

static void a_format_of_later_times_stays_a_name(void **state) {
    (void)state;
    fw_header frame = { .kind = FW_KIND_FRAME,
                        .format = { .dtype = FW_U16, .ndim = 2, .shape = { 2, 3 } },
                        .format_name = SPAN("mono12") };
    fw_header read = pack_and_unpack(&frame);
    assert_int_equal(read.format.pixels, FW_PLAIN);
    assert_text(read.format_name, "mono12");
    assert_text(pack_and_unpack(&read).format_name, "mono12");
}

static void a_result_reads_back_with_its_arrays(void **state) {
    (void)state;
    uint8_t list[256];
    size_t first = 0, second = 0;
    const fw_array mask = { .name = SPAN("mask"), .format = { .dtype = FW_BOOL, .ndim = 2, .shape = { 3, 4 } } };
    const fw_array level = { .name = SPAN("level"), .format = { .dtype = FW_F64 } };
    assert_int_equal(fw_array_pack(&mask, list, sizeof list, &first), FW_OK);
    assert_int_equal(fw_array_pack(&level, list + first, sizeof list - first, &second), FW_OK);
    const fw_header result = { .kind = FW_KIND_RESULT,
                               .epoch = 1,
                               .seq = 2,
                               .verdict = FW_ERROR,
                               .error = SPAN("no"),
                               .worker = SPAN("host/1"),
                               .attempt = 3,
                               .array_count = 2,
                               .arrays = { (const char *)list, first + second } };
    fw_header read = pack_and_unpack(&result);
    assert_int_equal(read.verdict, FW_ERROR);
    assert_text(read.error, "no");
    assert_text(read.worker, "host/1");
    assert_int_equal(read.attempt, 3);
    assert_int_equal(read.format.dtype, FW_DTYPE_NONE);
    fw_array array;
    assert_true(fw_array_next(&read.arrays, &array));
    assert_text(array.name, "mask");
    assert_int_equal(array.format.size, 12);
    assert_true(fw_array_next(&read.arrays, &array));
    assert_text(array.name, "level");
    assert_int_equal(array.format.ndim, 0);
    assert_int_equal(array.format.size, 8);
    assert_false(fw_array_next(&read.arrays, &array));
}

static void an_end_reads_back_with_its_streams(void **state) {
    (void)state;
    uint8_t list[64];
    size_t first = 0, second = 0;
    assert_int_equal(fw_stream_pack("cam1", list, sizeof list, &first), FW_OK);
    assert_int_equal(fw_stream_pack("cam2", list + first, sizeof list - first, &second), FW_OK);
    const fw_header end = { .kind = FW_KIND_END,
                            .epoch = 5,
                            .captured = 10,
                            .sent = 4,
                            .done = 3,
                            .dead = 2,
                            .dropped = 1,
                            .stream_count = 2,
                            .streams = { (const char *)list, first + second } };
    fw_header read = pack_and_unpack(&end);
    assert_true(read.captured == 10 && read.sent == 4 && read.done == 3 && read.dead == 2 && read.dropped == 1);
    fw_span name;
    assert_true(fw_stream_next(&read.streams, &name));
    assert_text(name, "cam1");
    assert_true(fw_stream_next(&read.streams, &name));
    assert_text(name, "cam2");
    assert_false(fw_stream_next(&read.streams, &name));
}

static void packing_refuses_what_receivers_would(void **state) {
    (void)state;
    size_t size;
    static char long_text[FW_META_MAX + 1];
    const fw_header frame = { .kind = FW_KIND_FRAME, .format = rgb() };
    fw_header bad = frame;
    bad.item = (fw_span){ long_text, FW_ITEM_MAX + 1 };
    assert_int_equal(fw_header_pack(&bad, packed, sizeof packed, &size), FW_TOO_LARGE);
    bad = frame;
    bad.meta = (fw_span){ long_text, FW_META_MAX + 1 };
    assert_int_equal(fw_header_pack(&bad, packed, sizeof packed, &size), FW_TOO_LARGE);
    bad = frame;
    bad.format.ndim = FW_MAX_DIMS + 1;
    assert_int_equal(fw_header_pack(&bad, packed, sizeof packed, &size), FW_INVALID);
    bad = frame;
    bad.kind = FW_KIND_UNKNOWN;
    assert_int_equal(fw_header_pack(&bad, packed, sizeof packed, &size), FW_INVALID);
    bad = (fw_header){ .kind = FW_KIND_FRAME };
    assert_int_equal(fw_header_pack(&bad, packed, sizeof packed, &size), FW_INVALID);
    bad = (fw_header){ .kind = FW_KIND_RESULT };
    assert_int_equal(fw_header_pack(&bad, packed, sizeof packed, &size), FW_INVALID);
    assert_int_equal(fw_array_pack(&(fw_array){ .format = { .dtype = FW_U8 } }, packed, sizeof packed, &size),
                     FW_INVALID);
    assert_int_equal(fw_array_pack(&(fw_array){ .name = SPAN("a") }, packed, sizeof packed, &size), FW_INVALID);
    assert_int_equal(fw_stream_pack("a\n", packed, sizeof packed, &size), FW_INVALID);
    assert_int_equal(fw_stream_pack("cam0", packed, 4, &size), FW_TOO_LARGE);
}

static void what_does_not_fit_is_not_written(void **state) {
    (void)state;
    const fw_header frame = { .kind = FW_KIND_FRAME, .item = SPAN("a.jpg"), .format = rgb() };
    size_t whole = pack(&frame), size = 0;
    for (size_t room = 0; room < whole; room++) {
        uint8_t *tight = malloc(room + 1);
        assert_non_null(tight);
        tight[room] = 0x5a;
        assert_int_equal(fw_header_pack(&frame, tight, room, &size), FW_TOO_LARGE);
        assert_int_equal(tight[room], 0x5a);
        free(tight);
    }
    assert_int_equal(fw_header_pack(&frame, packed, whole, &size), FW_OK);
    assert_int_equal(size, whole);
}

/* The promise that fw_header_pack() makes, at every limit at once. */
static void fields_at_their_limits_fit(void **state) {
    (void)state;
    static char text[FW_META_MAX];
    memset(text, 'x', sizeof text);
    static uint8_t list[FW_HEADER_MAX];
    char name[128 + 1];
    size_t list_size = 0, size;
    for (int i = 0; i < FW_RESULT_ARRAYS_MAX; i++) {
        snprintf(name, sizeof name, "%0128d", i);
        const uint64_t much = UINT64_C(1) << 33; /* takes 9 bytes */
        fw_array array = { .name = { name, 128 }, .format = { .dtype = FW_C128, .ndim = 8, .shape = { much, 0 } } };
        for (int j = 1; j < 8; j++)
            array.format.shape[j] = j == 1 ? 0 : 1;
        assert_int_equal(fw_array_pack(&array, list + list_size, sizeof list - list_size, &size), FW_OK);
        list_size += size + 7 * 8;
        memset(list + list_size - 7 * 8, 0xc0, 7 * 8); /* as if all extents were so long */
    }
    fw_header result = { .kind = FW_KIND_RESULT,
                         .epoch = UINT64_MAX,
                         .seq = UINT64_MAX,
                         .verdict = FW_ERROR,
                         .item = { text, FW_ITEM_MAX },
                         .error = { text, FW_ERROR_MAX },
                         .worker = { text, FW_WORKER_MAX },
                         .attempt = UINT32_MAX,
                         .format = rgb(),
                         .time = INT64_MIN,
                         .monotonic = INT64_MIN,
                         .meta = { text, FW_META_MAX },
                         .meta_count = 1,
                         .array_count = FW_RESULT_ARRAYS_MAX,
                         .arrays = { (const char *)list, list_size } };
    assert_int_equal(fw_header_pack(&result, packed, sizeof packed, &size), FW_OK);
    assert_true(size <= FW_HEADER_MAX);

    list_size = 0;
    for (int i = 0; i < FW_STREAMS_MAX; i++) {
        snprintf(name, sizeof name, "%0128d", i);
        assert_int_equal(fw_stream_pack(name, list + list_size, sizeof list - list_size, &size), FW_OK);
        list_size += size;
    }
    const fw_header end = { .kind = FW_KIND_END,
                            .stream_count = FW_STREAMS_MAX,
                            .streams = { (const char *)list, list_size } };
    assert_int_equal(fw_header_pack(&end, packed, sizeof packed, &size), FW_OK);
}

static void every_cut_is_refused(void **state) {
    (void)state;
    const fw_header frame = { .kind = FW_KIND_FRAME, .item = SPAN("a.jpg"), .format = rgb(), .time = 1 };
    size_t whole = pack(&frame);
    for (size_t size = 0; size < whole; size++) {
        uint8_t *cut = malloc(size ? size : 1);
        assert_non_null(cut);
        memcpy(cut, packed, size);
        fw_header read;
        fw_reason reason;
        assert_int_equal(fw_header_unpack(cut, size, &read, &reason), FW_BAD_MESSAGE);
        assert_int_equal(reason, FW_REASON_MSGPACK);
        free(cut);
    }
}

static void another_version_is_named(void **state) {
    (void)state;
    static const uint8_t later[] = "\x81\xa1v\x02";
    fw_header read;
    fw_reason reason;
    assert_int_equal(fw_header_unpack(later, sizeof later - 1, &read, &reason), FW_BAD_MESSAGE);
    assert_int_equal(reason, FW_REASON_VERSION);
    assert_non_null(strstr(fw_cause(), "version 2"));
}

static void reasons_have_names(void **state) {
    (void)state;
    for (fw_reason i = FW_REASON_PARTS; i < FW_REASON_COUNT; i++)
        assert_true(strlen(fw_reason_text(i)) > 0 && strcmp(fw_reason_text(i), "none") != 0);
    assert_string_equal(fw_reason_text(FW_REASON_COUNT), "none");
    assert_string_equal(fw_verdict_text(FW_DEAD), "dead");
    assert_string_equal(fw_verdict_text(FW_VERDICT_COUNT), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_reads_back),
        cmocka_unit_test(an_encoded_frame_leaves_its_size_to_the_payload),
        cmocka_unit_test(a_format_of_later_times_stays_a_name),
        cmocka_unit_test(a_result_reads_back_with_its_arrays),
        cmocka_unit_test(an_end_reads_back_with_its_streams),
        cmocka_unit_test(packing_refuses_what_receivers_would),
        cmocka_unit_test(what_does_not_fit_is_not_written),
        cmocka_unit_test(fields_at_their_limits_fit),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(another_version_is_named),
        cmocka_unit_test(reasons_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
