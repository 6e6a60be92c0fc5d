#include "pictures.h"

static const fw_codec *codec_of(const char *head, size_t size) {
    bytes exact = copy_of(head, size);
    const fw_codec *codec = fw_codec_for(exact.data, exact.size);
    free(exact.data);
    return codec;
}

static void a_codec_is_found_by_the_first_bytes(void **state) {
    (void)state;
    assert_ptr_equal(codec_of("\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1", 16), &fw_codec_jpeg);
    assert_ptr_equal(codec_of("\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", 16), &fw_codec_png);
    assert_ptr_equal(codec_of("II*\0\x08\0\0\0", 8), &fw_codec_tiff);
    assert_ptr_equal(codec_of("MM\0*\0\0\0\x08", 8), &fw_codec_tiff);
    assert_ptr_equal(codec_of("II+\0\x08\0\0\0", 8), &fw_codec_tiff);
    assert_ptr_equal(codec_of("MM\0+\0\x08\0\0", 8), &fw_codec_tiff);
    assert_ptr_equal(codec_of("P6 1 1 255\nabc", 14), &fw_codec_pnm);
    assert_ptr_equal(codec_of("P1#x", 4), &fw_codec_pnm);
    assert_ptr_equal(codec_of("\x93NUMPY\1\0v\0{'desc", 16), &fw_codec_npy);
}

static void what_is_no_image_is_named_where_it_can_be(void **state) {
    (void)state;
    const struct {
        const char *head;
        size_t size;
        const char *cause;
    } cases[] = {
        { "", 0, "the file is empty" },
        { "\xff\xd8", 2, "not an image by its first bytes" },
        { "P7 1", 4, "not an image by its first bytes; JPEG, PNG, TIFF, PNM and NPY are read" },
        { "P5x", 3, "not an image by its first bytes" },
        { "hello, world", 12, "not an image by its first bytes" },
        { "GIF89a..........", 16, "a GIF file; JPEG" },
        { "RIFF\1\2\3\4WEBPVP8 ", 16, "a WebP file; JPEG" },
        { "\0\0\0\x18"
          "ftypheic\0\0\0\0",
          16, "a HEIF or AVIF file" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_null(codec_of(cases[i].head, cases[i].size));
        if (!strstr(fw_cause(), cases[i].cause))
            fail_msg("\"%s\" lacks \"%s\"", fw_cause(), cases[i].cause);
    }
}

static void extensions_tell_what_to_list(void **state) {
    (void)state;
    const char *const images[] = { "a.jpg", "A.JPEG", "dir.x/b.Tif", "c.tar.png",
                                   "d.ppm", "d.npy",  "x.ome.tiff",  "./e.pgm" };
    const char *const others[] = { "a", "a.txt", ".jpg", "dir.jpg/readme", "jpg", "a.jpg~", "a.", "dir/.png", "" };
    for (size_t i = 0; i < sizeof images / sizeof *images; i++)
        assert_true(fw_codec_has_extension(images[i]));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(fw_codec_has_extension(others[i]));
}

static void limits_have_defaults(void **state) {
    (void)state;
    fw_limits limits = { 0 };
    fw_limits_default(&limits);
    assert_int_equal(limits.pixels, 268435456);
    assert_int_equal(limits.scans, 500);
    assert_int_equal(limits.bytes, 4294967296);
    limits = (fw_limits){ .pixels = 1, .scans = 2, .bytes = 3 };
    fw_limits_default(&limits);
    assert_true(limits.pixels == 1 && limits.scans == 2 && limits.bytes == 3);
}

static void limits_hold_for_images_and_arrays(void **state) {
    (void)state;
    fw_limits limits = { 0 };
    fw_limits_default(&limits);
    fw_format image = { .width = 16384, .height = 16384, .pixels = FW_RGB8 };
    assert_ok(fw_format_complete(&image));
    assert_ok(fw_limits_check(&limits, &image));
    image = (fw_format){ .width = 16385, .height = 16384, .pixels = FW_RGB8 };
    assert_ok(fw_format_complete(&image));
    assert_fails(fw_limits_check(&limits, &image), FW_TOO_LARGE, "claims 16385 x 16384 pixels (limit 268 Mpx)");
    image = (fw_format){ .width = 16384, .height = 16384, .pixels = FW_RGBA16 };
    assert_ok(fw_format_complete(&image));
    limits.bytes = image.size - 1;
    assert_fails(fw_limits_check(&limits, &image), FW_TOO_LARGE, "takes 2.1 GB decoded (limit 2.1 GB)");
    fw_format array = { .dtype = FW_F64, .ndim = 3, .shape = { 100, 100, 100 } };
    assert_ok(fw_format_complete(&array));
    assert_ok(fw_limits_check(&limits, &array));
    limits.bytes = 7999999;
    assert_fails(fw_limits_check(&limits, &array), FW_TOO_LARGE, "takes 8.0 MB decoded");
    assert_fails(fw_limits_check_size(&limits, UINT64_MAX, 2), FW_TOO_LARGE, "claims 18446744073709551615 x 2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_codec_is_found_by_the_first_bytes),
        cmocka_unit_test(what_is_no_image_is_named_where_it_can_be),
        cmocka_unit_test(extensions_tell_what_to_list),
        cmocka_unit_test(limits_have_defaults),
        cmocka_unit_test(limits_hold_for_images_and_arrays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
