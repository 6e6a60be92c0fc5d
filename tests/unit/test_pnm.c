#include "pictures.h"

static bytes text(const char *data) {
    return (bytes){ (uint8_t *)(uintptr_t)data, strlen(data) };
}

static void assert_pixels(bytes file, fw_pixels pixels, uint32_t width, uint32_t height, const void *wanted) {
    picture result = decode(&fw_codec_pnm, file);
    assert_image(&result, pixels, width, height);
    assert_memory_equal(result.pixels, wanted, result.format.size);
    drop(&result);
}

static void plain_files_are_read(void **state) {
    (void)state;
    assert_pixels(text("P1\n# a bitmap\n3 2\n101\n0 1 0\n"), FW_MONO8, 3, 2, "\0\xff\0\xff\0\xff");
    assert_pixels(text("P2 2 2 255 0 128\n255 7"), FW_MONO8, 2, 2, "\0\x80\xff\x07");
    assert_pixels(text("P2 2 1 65535 513 65535\n"), FW_MONO16, 2, 1, "\x01\x02\xff\xff");
    assert_pixels(text("P3#c\r2#c\n1\n255\n1 2 3 # c\n 4 5 6"), FW_RGB8, 2, 1, "\1\2\3\4\5\6");
    assert_pixels(text("P3 1 1 65535 258 1 2"), FW_RGB16, 1, 1, "\2\1\1\0\2\0");
}

static void raw_files_are_read(void **state) {
    (void)state;
    assert_pixels((bytes){ (uint8_t *)(uintptr_t) "P4 10 2\n\xaa\x40\x55\x80", 12 }, FW_MONO8, 10, 2,
                  "\0\xff\0\xff\0\xff\0\xff\xff\0\xff\0\xff\0\xff\0\xff\0\0\xff");
    assert_pixels(text("P5 2 2 255\nabcd"), FW_MONO8, 2, 2, "abcd");
    assert_pixels(text("P5 2 1 65535\nabcd"), FW_MONO16, 2, 1, "badc");
    assert_pixels(text("P6\n2 1\n255\nabcdef"), FW_RGB8, 2, 1, "abcdef");
    assert_pixels(text("P6 1 1 65535\nabcdef"), FW_RGB16, 1, 1, "badcfe");
    assert_pixels(text("P5 2 1 255\n# "), FW_MONO8, 2, 1, "# "); /* behind the one space all is pixels */
}

static void an_odd_maximum_stays_and_is_said(void **state) {
    (void)state;
    picture result = decode(&fw_codec_pnm, text("P2 2 1 100 0 100"));
    assert_image(&result, FW_MONO8, 2, 1);
    assert_memory_equal(result.pixels, "\0d", 2);
    assert_true(has_small_int(&result.meta, "maxval", 100));
    drop(&result);
    result = decode(&fw_codec_pnm, (bytes){ (uint8_t *)(uintptr_t) "P5 1 1 4095\n\x0f\xff", 14 });
    assert_image(&result, FW_MONO16, 1, 1);
    assert_memory_equal(result.pixels, "\xff\x0f", 2);
    assert_int_equal(result.meta.count, 1);
    drop(&result);
}

static void samples_above_the_maximum_are_refused(void **state) {
    (void)state;
    const fw_limits none = { 0 };
    assert_refused(&fw_codec_pnm, text("P2 2 2 100 0 100 1 101"), none, FW_BAD_INPUT,
                   "a sample of 101 in row 1, where the header says at most 100");
    assert_refused(&fw_codec_pnm, text("P5 2 1 99\nad"), none, FW_BAD_INPUT, "a sample of 100 in row 0");
    assert_refused(&fw_codec_pnm, text("P5 1 1 4095\n\x10\x01"), none, FW_BAD_INPUT, "a sample of 4097");
    assert_refused(&fw_codec_pnm, text("P3 1 1 300 301 0 0"), none, FW_BAD_INPUT, "a sample of 301");
}

static void bad_headers_are_refused(void **state) {
    (void)state;
    const struct {
        const char *file, *cause;
    } cases[] = {
        { "P5 2 x 255\nabcd", "something other than a number at byte 5" },
        { "P5 2 -1 255\nabcd", "something other than a number at byte 5" },
        { "P5 99999999999 1 255\n", "impossibly large" },
        { "P5 2 2 0\nabcd", "a largest sample of 0" },
        { "P5 2 2 65536\nabcdefgh", "a largest sample of 65536" },
        { "P5 2 2 255xabcd", "no space behind the header" },
        { "P5 0 2 255\n", "at least 1" },
        { "P1 2 1\n02", "something other than 0 or 1 at byte 8" },
        { "P2 2 1 255 1 z", "something other than a number" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(&fw_codec_pnm, text(cases[i].file), (fw_limits){ 0 }, FW_BAD_INPUT, cases[i].cause);
}

static void a_file_that_is_cut_is_refused(void **state) {
    (void)state;
    const char *files[] = { "P1 3 2\n101010", "P4 9 2\nabcd", "P5 3 3 255\nabcdefghi", "P6 2 1 65535\nabcdefghijkl" };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        assert_every_cut_is_refused(&fw_codec_pnm, text(files[i]), 1);
    assert_refused(&fw_codec_pnm, text("P2 3 1 255\n1 2 "), (fw_limits){ 0 }, FW_BAD_INPUT, "the file ends after");
    assert_refused(&fw_codec_pnm, text("P5 16000 16000 255\nabc"), (fw_limits){ 0 }, FW_BAD_INPUT,
                   "the file ends after 22 bytes, too few for the 16000 x 16000 pixels");
}

static void bombs_are_refused(void **state) {
    (void)state;
    assert_refused(&fw_codec_pnm, text("P6 4294967295 4294967295 65535\n"), (fw_limits){ 0 }, FW_TOO_LARGE,
                   "claims 4294967295 x 4294967295 pixels");
    assert_refused(&fw_codec_pnm, text("P5 3 3 255\nabcdefghi"), (fw_limits){ .pixels = 8 }, FW_TOO_LARGE,
                   "limit 8 px");
}

static void a_damaged_file_never_crashes(void **state) {
    (void)state;
    damage_everywhere(&fw_codec_pnm, text("P1 3 2 \n101010"), 1);
    damage_everywhere(&fw_codec_pnm, text("P2 3 2 99\n1 2 3 4 5 6"), 1);
    damage_everywhere(&fw_codec_pnm, text("P6 3 2 300\nabcdefghijklmnopqrstuvwxyz0123456789"), 1);
}

static void raw_images_behind_each_other_are_pages(void **state) {
    (void)state;
    bytes file = text("P5 2 1 255\nabP6 1 1 255\ncde\nP4 1 1\n\x80");
    uint64_t *offsets;
    size_t count;
    assert_ok(fw_codec_pnm.pages(&(fw_image){ .bytes = file.data, .size = file.size }, &offsets, &count));
    assert_int_equal(count, 3);
    const fw_pixels pixels[] = { FW_MONO8, FW_RGB8, FW_MONO8 };
    const char *wanted[] = { "ab", "cde", "\0" };
    for (size_t i = 0; i < count; i++) {
        picture result = decode_page(&fw_codec_pnm, file, (fw_limits){ 0 }, offsets[i]);
        assert_image(&result, pixels[i], i == 0 ? 2 : 1, 1);
        assert_memory_equal(result.pixels, wanted[i], result.format.size);
        drop(&result);
    }
    free(offsets);

    file = text("P5 2 1 255\nabP5 2 1 255\nc"); /* the second is cut: it is listed, and its decoding says so */
    assert_ok(fw_codec_pnm.pages(&(fw_image){ .bytes = file.data, .size = file.size }, &offsets, &count));
    assert_int_equal(count, 2);
    picture result = decode_page(&fw_codec_pnm, file, (fw_limits){ 0 }, offsets[1]);
    assert_int_equal(result.status, FW_BAD_INPUT);
    drop(&result);
    free(offsets);

    file = text("P2 1 1 9 5 P2 1 1 9 6"); /* a plain file has one */
    assert_ok(fw_codec_pnm.pages(&(fw_image){ .bytes = file.data, .size = file.size }, &offsets, &count));
    assert_int_equal(count, 1);
    free(offsets);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_files_are_read),
        cmocka_unit_test(raw_files_are_read),
        cmocka_unit_test(an_odd_maximum_stays_and_is_said),
        cmocka_unit_test(samples_above_the_maximum_are_refused),
        cmocka_unit_test(bad_headers_are_refused),
        cmocka_unit_test(a_file_that_is_cut_is_refused),
        cmocka_unit_test(bombs_are_refused),
        cmocka_unit_test(a_damaged_file_never_crashes),
        cmocka_unit_test(raw_images_behind_each_other_are_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
