#include "pictures.h"

#include <stdio.h>

#include <jpeglib.h>

/* A smooth picture, so that JPEG keeps it almost as it is. */
static uint8_t smooth(uint32_t x, uint32_t y, unsigned channel) {
    return (uint8_t)((x + y) / 2 % 80 + 60 + channel * 20);
}

typedef struct style {
    uint32_t width, height;
    int components;
    J_COLOR_SPACE from, to;
    bool progressive, arithmetic;
    int restart;
} style;

static bytes encode(style how) {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *data = NULL;
    unsigned long size = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &data, &size);
    jpeg.image_width = how.width;
    jpeg.image_height = how.height;
    jpeg.input_components = how.components;
    jpeg.in_color_space = how.from;
    jpeg_set_defaults(&jpeg);
    jpeg_set_colorspace(&jpeg, how.to);
    jpeg_set_quality(&jpeg, 95, TRUE);
    if (how.progressive)
        jpeg_simple_progression(&jpeg);
    jpeg.arith_code = how.arithmetic;
    jpeg.restart_interval = (unsigned)how.restart;
    jpeg_start_compress(&jpeg, TRUE);
    uint8_t *row = malloc((size_t)how.width * (size_t)how.components);
    for (uint32_t y = 0; y < how.height; y++) {
        for (uint32_t i = 0; i < how.width * (uint32_t)how.components; i++)
            row[i] = smooth(i / (uint32_t)how.components, y, i % (uint32_t)how.components);
        JSAMPROW rows[] = { row };
        jpeg_write_scanlines(&jpeg, rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    free(row);
    return (bytes){ data, size };
}

static bytes colour(uint32_t width, uint32_t height) {
    return encode((style){ width, height, 3, JCS_RGB, JCS_YCbCr });
}

static void assert_looks_smooth(const picture *result, unsigned channels) {
    for (uint32_t y = 0; y < result->format.height; y++)
        for (uint32_t x = 0; x < result->format.width; x++)
            for (unsigned c = 0; c < channels; c++)
                assert_in_range(result->pixels[(y * result->format.width + x) * channels + c],
                                (unsigned)smooth(x, y, c) - 8, (unsigned)smooth(x, y, c) + 8);
}

static void grey_is_mono8(void **state) {
    (void)state;
    bytes file = encode((style){ 67, 41, 1, JCS_GRAYSCALE, JCS_GRAYSCALE });
    picture result = decode(&fw_codec_jpeg, file);
    assert_image(&result, FW_MONO8, 67, 41);
    assert_looks_smooth(&result, 1);
    drop(&result);
    free(file.data);
}

static void colour_is_rgb8_in_every_coding(void **state) {
    (void)state;
    const style styles[] = {
        { 67, 41, 3, JCS_RGB, JCS_YCbCr },
        { 67, 41, 3, JCS_RGB, JCS_RGB },
        { 67, 41, 3, JCS_RGB, JCS_YCbCr, .progressive = true },
        { 67, 41, 3, JCS_RGB, JCS_YCbCr, .arithmetic = true },
        { 67, 41, 3, JCS_RGB, JCS_YCbCr, .restart = 2 },
        { 1, 1, 3, JCS_RGB, JCS_YCbCr },
    };
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
        bytes file = encode(styles[i]);
        picture result = decode(&fw_codec_jpeg, file);
        assert_image(&result, FW_RGB8, styles[i].width, styles[i].height);
        assert_looks_smooth(&result, 3);
        drop(&result);
        free(file.data);
    }
}

static void inks_become_rgb8(void **state) {
    (void)state;
    /* libjpeg marks them as Adobe's, whose values are inverted: 255 is no ink. */
    const J_COLOR_SPACE to[] = { JCS_CMYK, JCS_YCCK };
    for (int i = 0; i < 2; i++) {
        bytes file = encode((style){ 33, 17, 4, JCS_CMYK, to[i] });
        picture result = decode(&fw_codec_jpeg, file);
        assert_image(&result, FW_RGB8, 33, 17);
        unsigned expected = (unsigned)smooth(5, 5, 0) * smooth(5, 5, 3) / 255;
        assert_in_range(result.pixels[(5 * 33 + 5) * 3], expected - 12, expected + 12);
        drop(&result);
        free(file.data);
    }
}

static void a_file_that_is_cut_is_refused(void **state) {
    (void)state;
    const style styles[] = {
        { 64, 48, 3, JCS_RGB, JCS_YCbCr },
        { 64, 48, 3, JCS_RGB, JCS_YCbCr, .progressive = true },
        { 64, 48, 1, JCS_GRAYSCALE, JCS_GRAYSCALE },
    };
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
        bytes file = encode(styles[i]);
        assert_every_cut_is_refused(&fw_codec_jpeg, file, 7);
        free(file.data);
    }
    bytes file = colour(640, 480);
    assert_true(file.size > 9000);
    file.size = 8700;
    assert_refused(&fw_codec_jpeg, file, (fw_limits){ 0 }, FW_BAD_INPUT,
                   "the file ends after 8 KB, in the middle of the image");
    free(file.data);
}

static void a_file_that_ends_behind_its_pixels_but_not_with_its_end_is_refused(void **state) {
    (void)state;
    bytes file = colour(64, 48);
    memcpy(file.data + file.size - 2, "\xff\xfe", 2); /* a comment in the place of the end */
    assert_refused(&fw_codec_jpeg, file, (fw_limits){ 0 }, FW_BAD_INPUT, "the file ends after");
    free(file.data);
}

static void what_libjpeg_only_warns_of_is_refused(void **state) {
    (void)state;
    bytes file = colour(64, 48);
    size_t at = file.size * 3 / 4;
    memcpy(file.data + at, "\xff\xd9", 2); /* the end comes early: libjpeg would fill the rest with grey */
    assert_refused(&fw_codec_jpeg, file, (fw_limits){ 0 }, FW_BAD_INPUT, "(Corrupt JPEG data: premature end");
    free(file.data);
}

static void a_damaged_file_never_crashes(void **state) {
    (void)state;
    bytes file = colour(48, 32);
    damage_everywhere(&fw_codec_jpeg, file, 1);
    free(file.data);
    file = encode((style){ 48, 32, 3, JCS_RGB, JCS_YCbCr, .progressive = true });
    damage_everywhere(&fw_codec_jpeg, file, 3);
    free(file.data);
}

static void set_size(bytes file, uint32_t width, uint32_t height) {
    for (size_t at = 0; at + 9 < file.size; at++)
        if (file.data[at] == 0xff && file.data[at + 1] >= 0xc0 && file.data[at + 1] <= 0xc2) {
            file.data[at + 5] = (uint8_t)(height >> 8);
            file.data[at + 6] = (uint8_t)height;
            file.data[at + 7] = (uint8_t)(width >> 8);
            file.data[at + 8] = (uint8_t)width;
            return;
        }
    fail_msg("no frame header");
}

static void a_small_file_that_claims_to_be_huge_is_refused_from_its_header(void **state) {
    (void)state;
    bytes file = colour(8, 8);
    set_size(file, 65500, 65500);
    assert_refused(&fw_codec_jpeg, file, (fw_limits){ 0 }, FW_TOO_LARGE, "claims 65500 x 65500 pixels (limit 268 Mpx)");
    set_size(file, 16000, 16000);
    assert_refused(&fw_codec_jpeg, file, (fw_limits){ 0 }, FW_BAD_INPUT, "too few for the 16000 x 16000 pixels");
    free(file.data);
}

static void limits_are_checked_before_decoding(void **state) {
    (void)state;
    bytes file = colour(64, 48);
    picture result = decode_page(&fw_codec_jpeg, file, (fw_limits){ .pixels = 64 * 48 }, 0);
    assert_image(&result, FW_RGB8, 64, 48);
    drop(&result);
    assert_refused(&fw_codec_jpeg, file, (fw_limits){ .pixels = 64 * 48 - 1 }, FW_TOO_LARGE,
                   "claims 64 x 48 pixels (limit 3071 px)");
    assert_refused(&fw_codec_jpeg, file, (fw_limits){ .bytes = 64 * 48 * 3 - 1 }, FW_TOO_LARGE,
                   "takes 9 KB decoded (limit 9 KB)");
    free(file.data);
}

/* A progressive grey picture whose second scan comes again and again. */
static bytes many_scans(size_t scans) {
    bytes file = encode((style){ 64, 64, 1, JCS_GRAYSCALE, JCS_GRAYSCALE, .progressive = true });
    size_t starts[3] = { 0 }, found = 0;
    for (size_t at = 2; at + 1 < file.size && found < 3; at++)
        if (file.data[at] == 0xff && file.data[at + 1] == 0xda)
            starts[found++] = at;
    assert_int_equal(found, 3);
    size_t length = starts[2] - starts[1];
    bytes bomb = { malloc(file.size + scans * length), 0 };
    memcpy(bomb.data, file.data, starts[1]);
    bomb.size = starts[1];
    for (size_t i = 0; i < scans; i++, bomb.size += length)
        memcpy(bomb.data + bomb.size, file.data + starts[1], length);
    memcpy(bomb.data + bomb.size, "\xff\xd9", 2);
    bomb.size += 2;
    free(file.data);
    return bomb;
}

static void too_many_scans_are_refused(void **state) {
    (void)state;
    bytes bomb = many_scans(2000);
    /* A repeated scan is a warning already; what counts is that no bomb gets through. */
    picture result = decode(&fw_codec_jpeg, bomb);
    assert_true(result.status == FW_TOO_LARGE || result.status == FW_BAD_INPUT);
    drop(&result);
    free(bomb.data);

    bytes file = encode((style){ 64, 64, 3, JCS_RGB, JCS_YCbCr, .progressive = true }); /* of 10 scans */
    assert_refused(&fw_codec_jpeg, file, (fw_limits){ .scans = 9 }, FW_TOO_LARGE, "more than 9 scans");
    result = decode_page(&fw_codec_jpeg, file, (fw_limits){ .scans = 10 }, 0);
    assert_image(&result, FW_RGB8, 64, 64);
    drop(&result);
    free(file.data);
}

static bytes with_exif(const uint8_t *tiff, size_t size) {
    bytes file = colour(8, 8);
    bytes result = { malloc(file.size + size + 10), file.size + size + 10 };
    memcpy(result.data, file.data, 2);
    memcpy(result.data + 2, "\xff\xe1", 2);
    result.data[4] = (uint8_t)((size + 8) >> 8);
    result.data[5] = (uint8_t)(size + 8);
    memcpy(result.data + 6, "Exif\0\0", 6);
    memcpy(result.data + 12, tiff, size);
    memcpy(result.data + 12 + size, file.data + 2, file.size - 2);
    free(file.data);
    return result;
}

static void orientation_travels_in_meta(void **state) {
    (void)state;
    static const uint8_t little[] =
        "II*\0\x08\0\0\0\x02\0\x0f\x01\x02\0\x04\0\0\0abc\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0";
    static const uint8_t big[] = "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x08\0\0\0\0\0";
    bytes file = with_exif(little, sizeof little);
    picture result = decode(&fw_codec_jpeg, file);
    assert_image(&result, FW_RGB8, 8, 8);
    assert_true(has_small_int(&result.meta, "orientation", 6));
    drop(&result);
    for (size_t at = 0; at < 60; at++) { /* a damaged EXIF block costs its facts, not the image */
        uint8_t old = file.data[12 + at % sizeof little];
        file.data[12 + at % sizeof little] ^= 0xff;
        result = decode(&fw_codec_jpeg, file);
        assert_image(&result, FW_RGB8, 8, 8);
        drop(&result);
        file.data[12 + at % sizeof little] = old;
    }
    free(file.data);

    file = with_exif(big, sizeof big);
    result = decode(&fw_codec_jpeg, file);
    assert_true(has_small_int(&result.meta, "orientation", 8));
    drop(&result);
    free(file.data);

    file = colour(8, 8);
    result = decode(&fw_codec_jpeg, file);
    assert_int_equal(result.meta.count, 0);
    drop(&result);
    free(file.data);
}

static void other_kinds_of_jpeg_are_named(void **state) {
    (void)state;
    bytes file = colour(8, 8);
    for (size_t at = 0; at + 1 < file.size; at++)
        if (file.data[at] == 0xff && file.data[at + 1] == 0xc0) {
            file.data[at + 1] = 0xc3; /* lossless */
            break;
        }
    assert_refused(&fw_codec_jpeg, file, (fw_limits){ 0 }, FW_UNSUPPORTED, "a kind of JPEG that is not read");
    free(file.data);

    file = encode((style){ 8, 8, 2, JCS_UNKNOWN, JCS_UNKNOWN });
    assert_refused(&fw_codec_jpeg, file, (fw_limits){ 0 }, FW_UNSUPPORTED, "a JPEG of 2 components");
    free(file.data);
}

static void what_is_compressed_can_be_decoded(void **state) {
    (void)state;
    static const struct {
        fw_pixels pixels;
        unsigned channels;
        int red;
    } kinds[] = { { FW_MONO8, 1, 0 }, { FW_RGB8, 3, 0 }, { FW_BGR8, 3, 2 }, { FW_RGBA8, 4, 0 }, { FW_BGRA8, 4, 2 } };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        fw_format format = { .width = 53, .height = 37, .pixels = kinds[i].pixels };
        assert_int_equal(fw_format_complete(&format), FW_OK);
        uint8_t *pixels = malloc(format.size);
        for (size_t at = 0; at < format.size; at++) {
            unsigned c = (unsigned)(at % kinds[i].channels), channel = c == 3 ? 3 : kinds[i].red == 2 ? 2 - c : c;
            pixels[at] =
                smooth((uint32_t)(at / kinds[i].channels % 53), (uint32_t)(at / kinds[i].channels / 53), channel);
        }
        size_t room = fw_jpeg_bound(&format), size = 0;
        uint8_t *out = malloc(room);
        assert_int_equal(fw_jpeg_compress(&format, pixels, 95, out, room, &size), FW_OK);
        assert_in_range(size, 100, room);
        picture result = decode(&fw_codec_jpeg, (bytes){ out, size });
        assert_image(&result, kinds[i].pixels == FW_MONO8 ? FW_MONO8 : FW_RGB8, 53, 37);
        assert_looks_smooth(&result, kinds[i].pixels == FW_MONO8 ? 1 : 3);
        drop(&result);
        assert_int_equal(fw_jpeg_compress(&format, pixels, 95, out, size - 1, &size), FW_TOO_LARGE);
        assert_int_equal(fw_jpeg_compress(&format, pixels, 0, out, room, &size), FW_INVALID);
        free(pixels);
        free(out);
    }
}

static void the_worst_picture_stays_within_the_bound(void **state) {
    (void)state;
    const fw_pixels kinds[] = { FW_MONO8, FW_RGB8 };
    for (size_t i = 0; i < 2; i++)
        for (uint32_t side = 1; side < 200; side += 33) {
            fw_format format = { .width = side, .height = side, .pixels = kinds[i] };
            assert_int_equal(fw_format_complete(&format), FW_OK);
            uint8_t *pixels = malloc(format.size);
            uint32_t noise = 1;
            for (size_t at = 0; at < format.size; at++) {
                noise = noise * 1664525 + 1013904223;
                pixels[at] = noise >> 31 ? 255 : 0;
            }
            size_t room = fw_jpeg_bound(&format), size;
            uint8_t *out = malloc(room);
            assert_int_equal(fw_jpeg_compress(&format, pixels, 100, out, room, &size), FW_OK);
            free(pixels);
            free(out);
        }
}

static void other_formats_are_not_compressed(void **state) {
    (void)state;
    uint8_t out[4096], pixels[64] = { 0 };
    size_t size;
    fw_format format = { .width = 4, .height = 4, .pixels = FW_MONO16 };
    assert_int_equal(fw_jpeg_compress(&format, pixels, 90, out, sizeof out, &size), FW_UNSUPPORTED);
    assert_non_null(strstr(fw_cause(), "mono16 cannot be written as JPEG"));
    format = (fw_format){ .width = 70000, .height = 1, .pixels = FW_MONO8 };
    assert_int_equal(fw_jpeg_compress(&format, pixels, 90, out, sizeof out, &size), FW_UNSUPPORTED);
    assert_non_null(strstr(fw_cause(), "70000 x 1"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grey_is_mono8),
        cmocka_unit_test(colour_is_rgb8_in_every_coding),
        cmocka_unit_test(inks_become_rgb8),
        cmocka_unit_test(a_file_that_is_cut_is_refused),
        cmocka_unit_test(a_file_that_ends_behind_its_pixels_but_not_with_its_end_is_refused),
        cmocka_unit_test(what_libjpeg_only_warns_of_is_refused),
        cmocka_unit_test(a_damaged_file_never_crashes),
        cmocka_unit_test(a_small_file_that_claims_to_be_huge_is_refused_from_its_header),
        cmocka_unit_test(limits_are_checked_before_decoding),
        cmocka_unit_test(too_many_scans_are_refused),
        cmocka_unit_test(orientation_travels_in_meta),
        cmocka_unit_test(other_kinds_of_jpeg_are_named),
        cmocka_unit_test(what_is_compressed_can_be_decoded),
        cmocka_unit_test(the_worst_picture_stays_within_the_bound),
        cmocka_unit_test(other_formats_are_not_compressed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
