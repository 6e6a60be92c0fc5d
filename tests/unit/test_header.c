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

static void a_leased_frame_reads_back(void **state) {
    (void)state;
    fw_header frame = { .kind = FW_KIND_FRAME, .seq = 7, .format = rgb(), .attempt = 3, .lost = 9, .guarded = true };
    fw_header read = pack_and_unpack(&frame);
    assert_true(read.attempt == 3 && read.lost == 9 && read.guarded && !read.place.said);
    frame = (fw_header){ .kind = FW_KIND_FRAME,
                         .format = rgb(),
                         .place = { .said = true, .region = 1, .slot = 2, .gen = 3, .offset = 64, .length = 5 } };
    read = pack_and_unpack(&frame);
    assert_true(read.attempt == 1 && read.lost == 0 && !read.guarded);
    assert_memory_equal(&read.place, &frame.place, sizeof frame.place);
    frame.place.copy = true;
    assert_true(pack_and_unpack(&frame).place.copy);
}

static void a_hello_reads_back_with_what_it_holds(void **state) {
    (void)state;
    uint8_t held_list[64], slot_list[64];
    size_t held_size[2], slot_size[2];
    const fw_held_frame held[] = { { 1, UINT64_MAX, true }, { 2, 3, false } };
    const fw_filling slots[] = { { .region = UINT64_MAX, .slot = UINT32_MAX, .gen = 1 }, { .slot = 5, .gen = 6 } };
    for (int i = 0; i < 2; i++) {
        size_t at = i ? held_size[0] : 0, slot_at = i ? slot_size[0] : 0;
        assert_int_equal(fw_held_pack(&held[i], held_list + at, sizeof held_list - at, &held_size[i]), FW_OK);
        assert_int_equal(fw_filling_pack(&slots[i], slot_list + slot_at, sizeof slot_list - slot_at, &slot_size[i]),
                         FW_OK);
    }
    const fw_header hello = { .kind = FW_KIND_HELLO,
                              .instance = 5,
                              .role = FW_ROLE_OBSERVER,
                              .worker = SPAN("host/1"),
                              .host = SPAN("boot"),
                              .credit = 0,
                              .queue = 4,
                              .results = true,
                              .supervisor = 6,
                              .held_count = 2,
                              .held = { (const char *)held_list, held_size[0] + held_size[1] },
                              .slot_count = 2,
                              .slots = { (const char *)slot_list, slot_size[0] + slot_size[1] } };
    fw_header read = pack_and_unpack(&hello);
    assert_true(read.instance == 5 && read.role == FW_ROLE_OBSERVER && read.credit == 0 && read.queue == 4);
    assert_true(read.results && read.supervisor == 6 && read.held_count == 2 && read.slot_count == 2);
    assert_text(read.worker, "host/1");
    assert_text(read.host, "boot");
    fw_held_frame frame;
    fw_filling slot;
    for (int i = 0; i < 2; i++) {
        assert_true(fw_held_next(&read.held, &frame) && fw_filling_next(&read.slots, &slot));
        assert_true(frame.epoch == held[i].epoch && frame.seq == held[i].seq && frame.started == held[i].started);
        assert_true(slot.region == slots[i].region && slot.slot == slots[i].slot && slot.gen == slots[i].gen);
    }
    assert_false(fw_held_next(&read.held, &frame) || fw_filling_next(&read.slots, &slot));
}

static void a_welcome_has_limits_though_none_are_said(void **state) {
    (void)state;
    static const uint8_t token[FW_TOKEN_SIZE] = "0123456789abcde";
    fw_header welcome = { .kind = FW_KIND_WELCOME, .instance = 1, .sender = 2 };
    fw_header read = pack_and_unpack(&welcome);
    assert_true(read.deadline == FW_DEADLINE_DEFAULT && read.grace == FW_GRACE_DEFAULT);
    assert_true(read.value_max == FW_VALUE_MAX && read.array_max == FW_RESULT_ARRAY_MAX &&
                read.result_max == FW_RESULT_MAX);
    assert_null(read.token);
    welcome.deadline = 3;
    welcome.value_max = 4;
    welcome.door = SPAN("a.door");
    welcome.token = token;
    read = pack_and_unpack(&welcome);
    assert_true(read.deadline == 3 && read.value_max == 4);
    assert_text(read.door, "a.door");
    assert_memory_equal(read.token, token, sizeof token);
}

static void stats_read_back_with_their_workers(void **state) {
    (void)state;
    uint8_t list[256];
    size_t size;
    const fw_receiver_stats worker = {
        .worker = SPAN("host/1"), .credit = 1, .unfinished = 2, .started = 3, .done = 4, .lost = 5
    };
    assert_int_equal(fw_worker_pack(&worker, list, sizeof list, &size), FW_OK);
    fw_meta counts = { 0 };
    assert_int_equal(fw_meta_int(&counts, "captured", 5), FW_OK);
    const fw_header stats = { .kind = FW_KIND_STATS,
                              .meta_count = counts.count,
                              .meta = { (const char *)counts.packed, counts.size },
                              .worker_count = 1,
                              .workers = { (const char *)list, size } };
    fw_header read = pack_and_unpack(&stats);
    assert_int_equal(read.meta.size, counts.size);
    assert_memory_equal(read.meta.data, counts.packed, counts.size);
    fw_receiver_stats found;
    assert_true(fw_worker_next(&read.workers, &found));
    assert_text(found.worker, "host/1");
    assert_int_equal(found.role, FW_ROLE_WORKER);
    assert_true(found.credit == 1 && found.unfinished == 2 && found.started == 3 && found.done == 4 && found.lost == 5);
    assert_false(fw_worker_next(&read.workers, &found));
    fw_meta_free(&counts);
}

static void packing_refuses_leased_headers_that_receivers_would(void **state) {
    (void)state;
    static char text[FW_WORKERS_SIZE_MAX + 1];
    const fw_header hello = { .kind = FW_KIND_HELLO, .instance = 1, .role = FW_ROLE_WORKER };
    const fw_header welcome = { .kind = FW_KIND_WELCOME, .instance = 1, .sender = 1 };
    fw_header bad[] = { hello,
                        hello,
                        hello,
                        hello,
                        hello,
                        welcome,
                        welcome,
                        welcome,
                        welcome,
                        { .kind = FW_KIND_DIED },
                        { .kind = FW_KIND_DIED, .instance = 1, .cause = { text, FW_CAUSE_MAX + 1 } },
                        { .kind = FW_KIND_START, .slot_count = FW_SLOTS_MAX + 1 },
                        { .kind = FW_KIND_RELEASE, .slot_count = FW_SLOTS_MAX + 1 },
                        { .kind = FW_KIND_STATS, .worker_count = FW_WORKERS_MAX + 1 },
                        { .kind = FW_KIND_STATS, .workers = { text, FW_WORKERS_SIZE_MAX + 1 } } };
    bad[0].instance = 0;
    bad[1].role = FW_ROLE_NONE;
    bad[2].held_count = FW_HELD_MAX + 1;
    bad[3].slot_count = FW_SLOTS_MAX + 1;
    bad[4].host = (fw_span){ text, FW_HOST_MAX + 1 };
    bad[5].sender = 0;
    bad[6].instance = 0;
    bad[7].door = SPAN("a.door");
    bad[8].door = (fw_span){ text, FW_DOOR_MAX + 1 };
    size_t size;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_true(fw_header_pack(&bad[i], packed, sizeof packed, &size));
    uint8_t few[2];
    assert_int_equal(fw_held_pack(&(fw_held_frame){ 0 }, few, sizeof few, &size), FW_TOO_LARGE);
    assert_int_equal(fw_filling_pack(&(fw_filling){ 0 }, few, sizeof few, &size), FW_TOO_LARGE);
    assert_int_equal(fw_worker_pack(&(fw_receiver_stats){ .worker = { text, 257 } }, packed, sizeof packed, &size),
                     FW_INVALID);
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

    static uint8_t held[FW_HEADER_MAX], slots[FW_HEADER_MAX];
    size_t held_size = 0, slots_size = 0;
    const fw_held_frame frame = { UINT64_MAX, UINT64_MAX, true };
    const fw_filling slot = { .region = UINT64_MAX, .slot = UINT32_MAX, .gen = UINT64_MAX };
    for (int i = 0; i < FW_HELD_MAX; i++, held_size += size)
        assert_int_equal(fw_held_pack(&frame, held + held_size, sizeof held - held_size, &size), FW_OK);
    for (int i = 0; i < FW_SLOTS_MAX; i++, slots_size += size)
        assert_int_equal(fw_filling_pack(&slot, slots + slots_size, sizeof slots - slots_size, &size), FW_OK);
    const fw_header hello = { .kind = FW_KIND_HELLO,
                              .instance = UINT64_MAX,
                              .role = FW_ROLE_SUPERVISOR,
                              .worker = { text, FW_WORKER_MAX },
                              .host = { text, FW_HOST_MAX },
                              .credit = UINT32_MAX,
                              .queue = UINT32_MAX,
                              .results = true,
                              .supervisor = UINT64_MAX,
                              .stream_count = FW_STREAMS_MAX,
                              .streams = { (const char *)list, list_size },
                              .held_count = FW_HELD_MAX,
                              .held = { (const char *)held, held_size },
                              .slot_count = FW_SLOTS_MAX,
                              .slots = { (const char *)slots, slots_size } };
    assert_int_equal(fw_header_pack(&hello, packed, sizeof packed, &size), FW_OK);
    const fw_header stats = { .kind = FW_KIND_STATS,
                              .meta_count = 1,
                              .meta = { text, FW_META_MAX },
                              .worker_count = 1,
                              .workers = { text, FW_WORKERS_SIZE_MAX } };
    assert_int_equal(fw_header_pack(&stats, packed, sizeof packed, &size), FW_OK);
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
        cmocka_unit_test(a_leased_frame_reads_back),
        cmocka_unit_test(a_hello_reads_back_with_what_it_holds),
        cmocka_unit_test(a_welcome_has_limits_though_none_are_said),
        cmocka_unit_test(stats_read_back_with_their_workers),
        cmocka_unit_test(packing_refuses_leased_headers_that_receivers_would),
        cmocka_unit_test(packing_refuses_what_receivers_would),
        cmocka_unit_test(what_does_not_fit_is_not_written),
        cmocka_unit_test(fields_at_their_limits_fit),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(another_version_is_named),
        cmocka_unit_test(reasons_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
