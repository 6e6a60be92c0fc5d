#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/format.h"

static void an_image_gets_its_shape(const char *pixels, const char *dtype, uint32_t ndim, uint64_t rows,
                                    uint64_t columns, uint64_t channels, size_t size) {
    fw_format format = { .width = 6, .height = 4 };
    assert_int_equal(fw_pixels_parse(pixels, &format.pixels), FW_OK);
    assert_int_equal(fw_format_complete(&format), FW_OK);
    assert_string_equal(fw_dtype_name(format.dtype), dtype);
    assert_int_equal(format.ndim, ndim);
    assert_int_equal(format.shape[0], rows);
    assert_int_equal(format.shape[1], columns);
    if (ndim == 3)
        assert_int_equal(format.shape[2], channels);
    assert_int_equal(format.size, size);

    fw_format again = format;
    assert_int_equal(fw_format_complete(&again), FW_OK);
    assert_memory_equal(&again, &format, sizeof format);

    fw_format from_shape = { .pixels = format.pixels, .ndim = ndim };
    memcpy(from_shape.shape, format.shape, sizeof format.shape);
    assert_int_equal(fw_format_complete(&from_shape), FW_OK);
    assert_int_equal(from_shape.width, 6);
    assert_int_equal(from_shape.height, 4);
}

static void images_get_dtype_shape_and_size(void **state) {
    (void)state;
    an_image_gets_its_shape("mono8", "|u1", 2, 4, 6, 0, 24);
    an_image_gets_its_shape("mono16", "<u2", 2, 4, 6, 0, 48);
    an_image_gets_its_shape("bayer_grbg16", "<u2", 2, 4, 6, 0, 48);
    an_image_gets_its_shape("rgb8", "|u1", 3, 4, 6, 3, 72);
    an_image_gets_its_shape("bgra16", "<u2", 3, 4, 6, 4, 192);
    an_image_gets_its_shape("uyvy", "|u1", 3, 4, 6, 2, 48);
    an_image_gets_its_shape("nv12", "|u1", 2, 6, 6, 0, 36);
}

static void plain_arrays_get_their_size(void **state) {
    (void)state;
    fw_format format = { .dtype = FW_C128, .ndim = 8, .shape = { 1, 2, 1, 3, 1, 1, 1, 5 }, .width = 9, .height = 9 };
    assert_int_equal(fw_format_complete(&format), FW_OK);
    assert_int_equal(format.size, 2 * 3 * 5 * 16);
    assert_int_equal(format.width, 0);
}

static void encoded_payloads_say_their_size(void **state) {
    (void)state;
    fw_format format = { .width = 6, .height = 4, .pixels = FW_RGB8, .encoding = FW_JPEG };
    assert_int_equal(fw_format_complete(&format), FW_INVALID);
    format.size = 11;
    assert_int_equal(fw_format_complete(&format), FW_OK);
    assert_int_equal(format.size, 11);
}

static void assert_refused(fw_format format, const char *cause) {
    fw_format before = format;
    assert_int_equal(fw_format_complete(&format), FW_INVALID);
    if (!strstr(fw_cause(), cause))
        fail_msg("\"%s\" does not say \"%s\"", fw_cause(), cause);
    assert_memory_equal(&format, &before, sizeof format);
}

static void what_makes_no_sense_is_refused_with_the_cause(void **state) {
    (void)state;
    assert_refused((fw_format){ 0 }, "needs pixels");
    assert_refused((fw_format){ .width = 4, .pixels = FW_MONO8 }, "at least 1");
    assert_refused((fw_format){ .width = 5, .height = 4, .pixels = FW_YUYV }, "the width must be even");
    assert_refused((fw_format){ .width = 4, .height = 5, .pixels = FW_NV12 }, "width and height must be even");
    assert_refused((fw_format){ .width = 4, .height = 4, .pixels = FW_MONO16, .dtype = FW_U8 }, "has dtype <u2");
    assert_refused((fw_format){ .width = 4, .height = 4, .pixels = FW_RGB8, .ndim = 2, .shape = { 4, 4 } }, "shape");
    assert_refused((fw_format){ .pixels = FW_RGB8, .ndim = 1, .shape = { 4 } }, "shape");
    assert_refused((fw_format){ .pixels = FW_NV12, .ndim = 2, .shape = { 4, 4 } }, "shape");
    assert_refused((fw_format){ .width = 4, .height = 4, .pixels = FW_MONO8, .size = 15 }, "16 bytes");
    assert_refused((fw_format){ .dtype = FW_U8, .ndim = 9 }, "at most 8");
    assert_refused((fw_format){ .dtype = FW_U8, .ndim = 2, .shape = { 4, 0 } }, "at least 1");
    assert_refused((fw_format){ .ndim = 1, .shape = { 4 } }, "needs a dtype");
    assert_refused((fw_format){ .dtype = FW_DTYPE_COUNT, .ndim = 1, .shape = { 4 } }, "enumeration");
    assert_refused((fw_format){ .dtype = FW_U8, .ndim = 1, .shape = { UINT64_C(1) << 63 } }, "2^63");
    assert_refused((fw_format){ .dtype = FW_C128, .ndim = 1, .shape = { UINT64_C(1) << 60 } }, "2^63");
    assert_refused((fw_format){ .dtype = FW_U8, .ndim = 2, .shape = { UINT64_C(1) << 32, UINT64_C(1) << 32 } }, "2^63");
}

static void sizes_do_not_depend_on_where_the_zero_stands(void **state) {
    (void)state;
    size_t size = 1;
    const uint64_t empty[] = { 3, 0, 5 }, huge[] = { 0, UINT64_C(1) << 62, 4 },
                   also_huge[] = { UINT64_C(1) << 62, 4, 0 };
    assert_int_equal(fw_shape_size(FW_F32, 3, empty, &size), FW_OK);
    assert_int_equal(size, 0);
    assert_int_equal(fw_shape_size(FW_F32, 3, huge, &size), FW_INVALID);
    assert_int_equal(fw_shape_size(FW_F32, 3, also_huge, &size), FW_INVALID);
    assert_int_equal(fw_shape_size(FW_F32, 0, NULL, &size), FW_OK);
    assert_int_equal(size, 4);
}

static void every_name_reads_back(void **state) {
    (void)state;
    fw_dtype dtype;
    for (fw_dtype i = FW_BOOL; i < FW_DTYPE_COUNT; i++) {
        assert_int_equal(fw_dtype_parse(fw_dtype_name(i), &dtype), FW_OK);
        assert_int_equal(dtype, i);
    }
    fw_pixels pixels;
    for (fw_pixels i = FW_PLAIN; i < FW_PIXELS_COUNT; i++) {
        assert_int_equal(fw_pixels_parse(fw_pixels_name(i), &pixels), FW_OK);
        assert_int_equal(pixels, i);
    }
    fw_encoding encoding;
    for (fw_encoding i = FW_RAW; i < FW_ENCODING_COUNT; i++) {
        assert_int_equal(fw_encoding_parse(fw_encoding_name(i), &encoding), FW_OK);
        assert_int_equal(encoding, i);
    }
    assert_int_equal(fw_dtype_parse(">u2", &dtype), FW_INVALID);
    assert_int_equal(fw_pixels_parse("RGB8", &pixels), FW_INVALID);
    assert_int_equal(fw_encoding_parse("", &encoding), FW_INVALID);
    assert_string_equal(fw_dtype_name(FW_DTYPE_COUNT), "");
    assert_string_equal(fw_pixels_name(FW_PIXELS_COUNT), "");
    assert_string_equal(fw_encoding_name(FW_ENCODING_COUNT), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_get_dtype_shape_and_size),
        cmocka_unit_test(plain_arrays_get_their_size),
        cmocka_unit_test(encoded_payloads_say_their_size),
        cmocka_unit_test(what_makes_no_sense_is_refused_with_the_cause),
        cmocka_unit_test(sizes_do_not_depend_on_where_the_zero_stands),
        cmocka_unit_test(every_name_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
