#include "check.h"

#include <stdlib.h>

#include "base/clock.h"
#include "memory/frame.h"

static fw_format complete(fw_format format) {
    assert_ok(fw_format_complete(&format));
    return format;
}

static fw_frame *frame_of(fw_format format) {
    format = complete(format);
    fw_frame *frame = NULL;
    assert_ok(fw_frame_new(&format, NULL, &frame));
    return frame;
}

#define RGB                                         \
    (fw_format) {                                   \
        .width = 33, .height = 5, .pixels = FW_RGB8 \
    }
#define JPEG                                                                          \
    (fw_format) {                                                                     \
        .width = 33, .height = 5, .pixels = FW_RGB8, .encoding = FW_JPEG, .size = 100 \
    }

static void a_frame_of_its_own_memory_is_aligned_and_said_whole(void **state) {
    (void)state;
    fw_time before = fw_now();
    int64_t unix_before = fw_unix_now();
    fw_frame *frame = frame_of(RGB);
    assert_int_equal((uintptr_t)fw_frame_data(frame) % 64, 0);
    assert_int_equal(fw_frame_size(frame), 33 * 5 * 3);
    memset(fw_frame_data(frame), 1, fw_frame_size(frame));
    const fw_format *format = fw_frame_format(frame);
    assert_int_equal(format->ndim, 3);
    assert_int_equal(format->shape[1], 33);
    assert_int_equal(format->dtype, FW_U8);
    assert_int_equal(frame->header.kind, FW_KIND_FRAME);
    assert_true(frame->header.monotonic >= before && frame->header.monotonic <= fw_now());
    assert_true(frame->header.time >= unix_before && frame->header.time <= fw_unix_now());
    fw_frame_free(&frame);
    assert_null(frame);
    fw_frame_free(&frame);
}

static void a_frame_over_a_slot_gives_it_back(void **state) {
    (void)state;
    fw_pool *pool = NULL;
    fw_slot *slot = NULL;
    fw_frame *frame = NULL;
    assert_ok(fw_pool_open(64 << 10, false, &pool));
    fw_format format = complete(RGB);
    assert_ok(fw_pool_loan(pool, format.size, 0, &slot));
    assert_ok(fw_frame_new(&format, slot, &frame));
    assert_ptr_equal(fw_frame_data(frame), slot->data);
    assert_int_equal(fw_frame_size(frame), format.size);
    size_t out;
    fw_pool_used(pool, &out);
    assert_int_equal(out, 1);
    fw_frame_drop(&frame);
    fw_pool_used(pool, &out);
    assert_int_equal(out, 0);
    fw_pool_close(&pool);
}

static void pixels_are_copied_in_from_rows_that_are_padded(void **state) {
    (void)state;
    uint8_t padded[5 * 128], packed[5 * 99];
    for (size_t i = 0; i < sizeof padded; i++)
        padded[i] = (uint8_t)(i * 7);
    for (size_t y = 0; y < 5; y++)
        memcpy(packed + y * 99, padded + y * 128, 99);
    fw_frame *frame = frame_of(RGB);
    assert_ok(fw_frame_copy(frame, padded, 128));
    assert_memory_equal(fw_frame_data(frame), packed, sizeof packed);
    assert_ok(fw_frame_copy(frame, padded, 0));
    assert_memory_equal(fw_frame_data(frame), padded, sizeof packed);
    assert_fails(fw_frame_copy(frame, packed, 98), FW_INVALID, "rows of 99 bytes cannot lie 98 bytes apart");
    assert_memory_equal(fw_frame_data(frame), padded, sizeof packed);
    fw_frame_drop(&frame);
    frame = frame_of(JPEG);
    assert_ok(fw_frame_copy(frame, padded, 0));
    assert_memory_equal(fw_frame_data(frame), padded, 100);
    fw_frame_drop(&frame);
}

static void only_what_is_encoded_may_come_out_smaller(void **state) {
    (void)state;
    fw_frame *frame = frame_of(JPEG);
    assert_ok(fw_frame_set_size(frame, 40));
    assert_int_equal(fw_frame_size(frame), 40);
    assert_ok(fw_frame_set_size(frame, 100));
    assert_fails(fw_frame_set_size(frame, 101), FW_INVALID, "101 bytes are more than the 100");
    assert_int_equal(fw_frame_size(frame), 100);
    fw_frame_drop(&frame);
    frame = frame_of(RGB);
    assert_fails(fw_frame_set_size(frame, 1), FW_INVALID, "raw");
    assert_int_equal(fw_frame_size(frame), 33 * 5 * 3);
    fw_frame_drop(&frame);
}

static void an_item_is_copied_and_checked(void **state) {
    (void)state;
    fw_frame *frame = frame_of(RGB);
    char item[4098] = "sub/a.tif#3";
    assert_ok(fw_frame_set_item(frame, item));
    item[0] = 'X';
    assert_int_equal(frame->header.item.size, 11);
    assert_memory_equal(frame->header.item.data, "sub/a.tif#3", 11);
    memset(item, 'x', 4097);
    assert_fails(fw_frame_set_item(frame, item), FW_INVALID, "4096");
    assert_fails(fw_frame_set_item(frame, "gr\xFC"), FW_INVALID, "UTF-8");
    assert_memory_equal(frame->header.item.data, "sub/a.tif#3", 11);
    item[4096] = '\0';
    assert_ok(fw_frame_set_item(frame, item));
    assert_int_equal(frame->header.item.size, 4096);
    fw_frame_drop(&frame);
}

static void facts_are_packed_as_they_are_set(void **state) {
    (void)state;
    fw_frame *frame = frame_of(RGB);
    fw_frame_set_time(frame, -5);
    assert_int_equal(frame->header.time, -5);
    assert_ok(fw_frame_set_text(frame, "file", "a.tif"));
    assert_ok(fw_frame_set_int(frame, "page", 3));
    assert_ok(fw_frame_set_float(frame, "gain", 1.5));
    assert_int_equal(frame->meta.count, 3);
    assert_memory_equal(frame->meta.packed,
                        "\xa4"
                        "file"
                        "\xa5"
                        "a.tif"
                        "\xa4"
                        "page"
                        "\x03",
                        17);
    char long_text[60000];
    memset(long_text, 'x', sizeof long_text);
    long_text[sizeof long_text - 1] = '\0';
    assert_int_equal(fw_frame_set_text(frame, "long", long_text), FW_TOO_LARGE);
    assert_int_equal(frame->meta.count, 3);
    fw_frame_drop(&frame);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_of_its_own_memory_is_aligned_and_said_whole),
        cmocka_unit_test(a_frame_over_a_slot_gives_it_back),
        cmocka_unit_test(pixels_are_copied_in_from_rows_that_are_padded),
        cmocka_unit_test(only_what_is_encoded_may_come_out_smaller),
        cmocka_unit_test(an_item_is_copied_and_checked),
        cmocka_unit_test(facts_are_packed_as_they_are_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
