#include "source/picture.h"

#include "check.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static const uint32_t sizes[][2] = { { 1, 1 },   { 2, 2 },   { 1, 7 },   { 8, 1 },    { 5, 4 },
                                     { 60, 16 }, { 61, 17 }, { 62, 64 }, { 130, 70 }, { 640, 480 } };

static bool open_picture(fw_picture *picture, fw_picture_kind kind, fw_pixels pixels, uint32_t width, uint32_t height) {
    fw_format format = { .width = width, .height = height, .pixels = pixels };
    if (fw_format_complete(&format) != FW_OK)
        return false; /* odd sizes of subsampled formats */
    assert_ok(fw_picture_open(picture, kind, &format));
    return true;
}

static void a_redrawn_picture_is_the_same_as_a_new_one(void **state) {
    (void)state;
    static const uint64_t steps[] = { 0, 1, 2, 9, 10, 11, 13, 26, 99, 100, 98, 3, 1000, 1000, UINT64_MAX, 0 };
    for (int pixels = FW_PLAIN + 1; pixels < FW_PIXELS_COUNT; pixels++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            for (int kind = 0; kind <= FW_PICTURE_NOISE; kind++) {
                fw_picture picture;
                if (!open_picture(&picture, (fw_picture_kind)kind, (fw_pixels)pixels, sizes[i][0], sizes[i][1]))
                    continue;
                size_t size = picture.format.size;
                uint8_t *kept = malloc(size), *fresh = malloc(size);
                fw_picture_draw(&picture, kept, steps[0]);
                for (size_t n = 1; n < sizeof steps / sizeof *steps; n++) {
                    fw_picture_redraw(&picture, kept, steps[n - 1], steps[n]);
                    fw_picture_draw(&picture, fresh, steps[n]);
                    if (memcmp(kept, fresh, size) != 0)
                        fail_msg("%s %ux%u kind %d: %zu", fw_pixels_name((fw_pixels)pixels), sizes[i][0], sizes[i][1],
                                 kind, n);
                }
                free(kept);
                free(fresh);
                fw_picture_close(&picture);
            }
}

static void each_number_is_another_picture(void **state) {
    (void)state;
    for (int kind = 0; kind <= FW_PICTURE_NOISE; kind++) {
        fw_picture picture;
        assert_true(open_picture(&picture, (fw_picture_kind)kind, FW_RGB8, 640, 480));
        size_t size = picture.format.size;
        uint8_t *one = malloc(size), *two = malloc(size);
        fw_picture_draw(&picture, one, 41);
        fw_picture_draw(&picture, two, 42);
        assert_memory_not_equal(one, two, size);
        fw_picture_draw(&picture, two, 41);
        assert_memory_equal(one, two, size);
        free(one);
        free(two);
        fw_picture_close(&picture);
    }
}

/* A pixel of the ground, in the last row, where the band is not at number 0. */
static void check_pixel(fw_pixels pixels, uint32_t x, const uint8_t *expected, size_t size) {
    fw_picture picture;
    assert_true(open_picture(&picture, FW_PICTURE_BARS, pixels, 80, 4));
    uint8_t *data = malloc(picture.format.size);
    fw_picture_draw(&picture, data, 0);
    size_t row = picture.planes[0].row_size;
    assert_memory_equal(data + 3 * row + x * (row / 80), expected, size);
    free(data);
    fw_picture_close(&picture);
}

static void colours_stand_in_the_order_of_the_format(void **state) {
    (void)state;
    enum { YELLOW = 10, BLUE = 60 };
    check_pixel(FW_RGB8, YELLOW, (const uint8_t[]){ 255, 255, 0 }, 3);
    check_pixel(FW_BGR8, YELLOW, (const uint8_t[]){ 0, 255, 255 }, 3);
    check_pixel(FW_RGBA8, BLUE, (const uint8_t[]){ 0, 0, 255, 255 }, 4);
    check_pixel(FW_BGRA16, BLUE, (const uint8_t[]){ 255, 255, 0, 0, 0, 0, 255, 255 }, 8);
    check_pixel(FW_MONO8, BLUE, (const uint8_t[]){ 29 }, 1);
    check_pixel(FW_MONO16, YELLOW, (const uint8_t[]){ 0xd0, 0xe2 }, 2); /* 0.886 x 65535, little-endian */
    check_pixel(FW_BAYER_RGGB8, BLUE, (const uint8_t[]){ 0, 255 }, 2);  /* row 3 is G B */
    check_pixel(FW_BAYER_BGGR8, BLUE, (const uint8_t[]){ 0, 0 }, 2);    /* G R */
    check_pixel(FW_UYVY, BLUE, (const uint8_t[]){ 240, 41 }, 2);        /* Cb Y */
    check_pixel(FW_YUYV, YELLOW, (const uint8_t[]){ 210, 16 }, 2);
    check_pixel(FW_NV12, YELLOW, (const uint8_t[]){ 210 }, 1);
}

static void a_gradient_uses_all_sixteen_bits(void **state) {
    (void)state;
    fw_picture picture;
    assert_true(open_picture(&picture, FW_PICTURE_GRADIENT, FW_MONO16, 65536, 4));
    uint8_t *data = malloc(picture.format.size);
    fw_picture_draw(&picture, data, 0);
    const uint8_t *row = data + 3 * picture.planes[0].row_size;
    for (size_t x = 0; x < 65536; x++)
        if ((size_t)(row[2 * x] | row[2 * x + 1] << 8) != x)
            fail_msg("pixel %zu is %d", x, row[2 * x] | row[2 * x + 1] << 8);
    free(data);
    fw_picture_close(&picture);
}

static void the_number_can_be_read_in_the_picture(void **state) {
    (void)state;
    static const char *const seven[8] = {
        "......", ".#####", ".....#", "....#.", "...#..", "..#...", "..#...", "..#..."
    };
    fw_picture picture;
    assert_true(open_picture(&picture, FW_PICTURE_BARS, FW_MONO8, 120, 300)); /* two pixels to a dot */
    uint8_t *data = malloc(picture.format.size);
    fw_picture_draw(&picture, data, 1234567890); /* seven is the seventh */
    for (uint32_t y = 0; y < 16; y++)
        for (uint32_t x = 0; x < 12; x++)
            assert_int_equal(data[y * 120 + 6 * 12 + x], seven[y / 2][x / 2] == '#' ? 255 : 0);
    free(data);
    fw_picture_close(&picture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_redrawn_picture_is_the_same_as_a_new_one),
        cmocka_unit_test(each_number_is_another_picture),
        cmocka_unit_test(colours_stand_in_the_order_of_the_format),
        cmocka_unit_test(a_gradient_uses_all_sixteen_bits),
        cmocka_unit_test(the_number_can_be_read_in_the_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
