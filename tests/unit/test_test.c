#include "source/source.h"

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../helpers/stamp.h"
#include "base/clock.h"

static fw_source *opened(const char *argument) {
    fw_source *source = NULL;
    assert_ok(fw_source_open(&argument, 1, NULL, &source));
    return source;
}

static fw_status refused(const char *argument) {
    fw_source *source = (fw_source *)&source;
    fw_status status = fw_source_open(&argument, 1, NULL, &source);
    assert_null(source);
    return status;
}

static void frames_are_numbered_stamped_and_counted(void **state) {
    (void)state;
    fw_source *source = opened("test:bars?size=320x200&format=bgr8&count=25");
    fw_frame *frame = NULL;
    for (uint64_t i = 0; i < 25; i++) {
        char item[8];
        snprintf(item, sizeof item, "%u", (unsigned)i);
        assert_ok(fw_source_read(source, &frame));
        assert_int_equal(fw_frame_size(frame), 320 * 200 * 3);
        assert_int_equal(fw_frame_format(frame)->pixels, FW_BGR8);
        assert_string_equal(frame->item, item);
        assert_true(stamp_whole(fw_frame_data(frame), fw_frame_size(frame), i));
        fw_frame_free(&frame);
    }
    assert_int_equal(fw_source_read(source, &frame), FW_END);
    assert_null(frame);
    assert_int_equal(fw_source_read(source, &frame), FW_END);
    assert_true(fw_source_parallel(source) && fw_source_has_items(source) && !fw_source_live(source));
    assert_string_equal(fw_source_default_stream(source), "test");
    fw_source_close(&source);
    assert_null(source);
}

static void every_pattern_comes_in_every_format_at_any_size(void **state) {
    (void)state;
    static const char *const patterns[] = { "bars", "gradient", "noise" };
    static const char *const sizes[] = { "2x2", "62x34", "640x480" };
    for (size_t p = 0; p < 3; p++)
        for (size_t s = 0; s < 3; s++)
            for (int pixels = FW_PLAIN + 1; pixels < FW_PIXELS_COUNT; pixels++) {
                char text[128];
                snprintf(text, sizeof text, "test:%s?size=%s&format=%s", patterns[p], sizes[s],
                         fw_pixels_name((fw_pixels)pixels));
                fw_source *source = opened(text);
                fw_frame *frame = NULL;
                for (uint64_t i = 0; i < 2; i++) {
                    assert_ok(fw_source_read(source, &frame));
                    assert_true(stamp_whole(fw_frame_data(frame), fw_frame_size(frame), i));
                    fw_frame_free(&frame);
                }
                fw_source_close(&source);
            }
    fw_source *source = opened("test:bars?size=1x1&format=mono8");
    fw_source_close(&source);
}

static fw_status fill_next(fw_source *source, fw_frame *frame) {
    fw_item item;
    fw_status status = fw_source_next_item(source, &item);
    if (status == FW_OK)
        status = fw_source_measure(source, &item);
    if (status == FW_OK)
        status = fw_source_fill(source, &item, frame);
    fw_source_free_item(source, &item);
    return status;
}

/* Slots in turn, and one whose content another filler has replaced: each frame is what a fresh one would be. */
static void frames_in_used_slots_are_whole(void **state) {
    (void)state;
    fw_source *source = opened("test:bars?size=640x480"), *fresh = opened("test:bars?size=640x480");
    fw_source *other = opened("test:gradient?size=640x480");
    fw_pool *pool = NULL;
    fw_slot *slots[3];
    fw_frame *frames[3], *expected = NULL;
    fw_format format = { .width = 640, .height = 480, .pixels = FW_RGB8 };
    assert_ok(fw_format_complete(&format));
    assert_ok(fw_pool_open((size_t)8 << 20, false, &pool));
    for (int i = 0; i < 3; i++) {
        assert_ok(fw_pool_loan(pool, format.size, 0, &slots[i]));
        assert_ok(fw_frame_new(&format, slots[i], &frames[i]));
    }
    for (int i = 0; i < 60; i++) {
        fw_frame *frame = frames[i * 7 % 5 % 3];
        if (i == 20)
            assert_ok(fill_next(other, frame));
        if (i == 40) { /* a filler that does not know the custom clears the mark */
            memset(frame->data, 0x55, format.size);
            frame->slot->left_by = 0;
        }
        assert_ok(fill_next(source, frame));
        assert_ok(fw_source_read(fresh, &expected));
        assert_memory_equal(frame->data, expected->data, format.size);
        fw_frame_free(&expected);
    }
    for (int i = 0; i < 3; i++)
        fw_frame_drop(&frames[i]);
    fw_pool_close(&pool);
    fw_source_close(&other);
    fw_source_close(&fresh);
    fw_source_close(&source);
}

static void impossible_values_are_refused_in_a_sentence(void **state) {
    (void)state;
    assert_fails(refused("test:bar"), FW_INVALID, "there are test:bars, test:gradient and test:noise");
    assert_fails(refused("test:"), FW_INVALID, "test:bars");
    assert_fails(refused("test:bars?rate=5"), FW_INVALID,
                 "no parameter rate; it has size=640x480, format=rgb8, count=0");
    assert_fails(refused("test:bars?size=big"), FW_INVALID, "like 640x480");
    assert_fails(refused("test:bars?size=0x5"), FW_INVALID, "like 640x480");
    assert_fails(refused("test:bars?count=-1"), FW_INVALID, "whole number");
    assert_fails(refused("test:bars?count=1&count=2"), FW_INVALID, "twice");
    assert_fails(refused("test:bars?format=rgb9"), FW_INVALID, "rgb9");
    assert_fails(refused("test:bars?format="), FW_INVALID, "format");
    assert_fails(refused("test:bars?size=3x3&format=nv12"), FW_INVALID, "even");
    assert_fails(refused("test:bars?size=4294967295x4294967295"), FW_INVALID, "bytes");
    assert_fails(refused("test:bars?size=30000x30000"), FW_INVALID, "limit");
}

static void stop_ends_it_for_good(void **state) {
    (void)state;
    fw_source *source = opened("test:noise?size=8x8&format=mono8");
    fw_frame *frame = NULL;
    assert_ok(fw_source_read(source, &frame));
    fw_frame_free(&frame);
    fw_source_stop(source);
    assert_int_equal(fw_source_read(source, &frame), FW_CLOSED);
    assert_int_equal(fw_source_read(source, &frame), FW_CLOSED);
    fw_source_close(&source);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_numbered_stamped_and_counted),
        cmocka_unit_test(every_pattern_comes_in_every_format_at_any_size),
        cmocka_unit_test(frames_in_used_slots_are_whole),
        cmocka_unit_test(impossible_values_are_refused_in_a_sentence),
        cmocka_unit_test(stop_ends_it_for_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
