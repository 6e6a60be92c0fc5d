#include "pictures.h"

#include <zlib.h>

static uint8_t noise_at(size_t i) {
    return (uint8_t)(i * 2654435761u >> 13);
}

typedef struct style {
    uint32_t width, height;
    uint8_t depth, type;
    bool interlaced, palette_alpha, key;
} style;

/* spng encodes no interlaced rows by itself, so raw rows go in as they stand in the file, behind a stored zlib stream. */
static void put(bytes *file, const void *data, size_t size) {
    size_t room = 64; /* always the next power of two, so that a row at a time costs no copy each */
    while (room < file->size)
        room *= 2;
    if (!file->data || file->size + size > room) {
        while (room < file->size + size)
            room *= 2;
        file->data = realloc(file->data, room);
        assert_non_null(file->data);
    }
    memcpy(file->data + file->size, data, size);
    file->size += size;
}

static void put_u32(bytes *file, uint32_t value) {
    uint8_t big[] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value };
    put(file, big, 4);
}

static void put_chunk(bytes *file, const char *type, const void *data, size_t size) {
    put_u32(file, (uint32_t)size);
    size_t start = file->size;
    put(file, type, 4);
    put(file, data, size);
    put_u32(file, (uint32_t)crc32(0, file->data + start, (uInt)(size + 4)));
}

static unsigned channels_of(uint8_t type) {
    return type == 2 ? 3 : type == 4 ? 2 : type == 6 ? 4 : 1;
}

static void put_row(bytes *rows, const style *how, const uint8_t *row, uint32_t from, uint32_t step) {
    unsigned bits = channels_of(how->type) * how->depth;
    size_t count = (how->width - from + step - 1) / step;
    uint8_t *packed = calloc(1, count * bits / 8 + 2);
    for (size_t i = 0; i < count; i++)
        for (unsigned b = 0; b < bits; b++) {
            size_t source = (from + i * step) * bits + b, target = 8 + i * bits + b;
            packed[target / 8] |= (uint8_t)((row[source / 8] >> (7 - source % 8) & 1) << (7 - target % 8));
        }
    put(rows, packed, (count * bits + 7) / 8 + 1);
    free(packed);
}

static bytes encode(style how, const uint8_t *pixels, size_t stride) {
    bytes rows = { 0 }, file = { 0 };
    static const unsigned x0[] = { 0, 4, 0, 2, 0, 1, 0 }, dx[] = { 8, 8, 4, 4, 2, 2, 1 };
    static const unsigned y0[] = { 0, 0, 4, 0, 2, 0, 1 }, dy[] = { 8, 8, 8, 4, 4, 2, 2 };
    for (int pass = 0; pass < (how.interlaced ? 7 : 1); pass++) {
        unsigned x = how.interlaced ? x0[pass] : 0, xs = how.interlaced ? dx[pass] : 1;
        unsigned y = how.interlaced ? y0[pass] : 0, ys = how.interlaced ? dy[pass] : 1;
        for (; x < how.width && y < how.height; y += ys)
            put_row(&rows, &how, pixels + y * stride, x, xs);
    }
    put(&file, "\x89PNG\r\n\x1a\n", 8);
    uint8_t header[13] = { 0,
                           0,
                           (uint8_t)(how.width >> 8),
                           (uint8_t)how.width,
                           0,
                           0,
                           (uint8_t)(how.height >> 8),
                           (uint8_t)how.height,
                           how.depth,
                           how.type,
                           0,
                           0,
                           how.interlaced };
    put_chunk(&file, "IHDR", header, sizeof header);
    if (how.type == 3) {
        uint8_t palette[768], alpha[256];
        for (int i = 0; i < 256; i++) {
            palette[3 * i] = (uint8_t)i;
            palette[3 * i + 1] = (uint8_t)(255 - i);
            palette[3 * i + 2] = (uint8_t)(i / 2);
            alpha[i] = (uint8_t)(i * 3);
        }
        put_chunk(&file, "PLTE", palette, (size_t)3 << how.depth);
        if (how.palette_alpha)
            put_chunk(&file, "tRNS", alpha, (size_t)1 << how.depth);
    } else if (how.key) {
        put_chunk(&file, "tRNS", "\0\1\0\1\0\1", how.type == 2 ? 6 : 2);
    }
    uLongf room = compressBound(rows.size);
    uint8_t *packed = malloc(room);
    compress(packed, &room, rows.data, rows.size);
    put_chunk(&file, "IDAT", packed, room);
    put_chunk(&file, "IEND", "", 0);
    free(packed);
    free(rows.data);
    return file;
}

static bytes noise(style how, uint8_t **pixels_p, size_t *stride_p) {
    *stride_p = (how.width * channels_of(how.type) * how.depth + 7) / 8;
    *pixels_p = malloc(*stride_p * how.height);
    for (size_t i = 0; i < *stride_p * how.height; i++)
        (*pixels_p)[i] = noise_at(i);
    return encode(how, *pixels_p, *stride_p);
}

static unsigned sample_at(const uint8_t *row, size_t index, unsigned depth) {
    if (depth == 16)
        return (unsigned)row[2 * index] << 8 | row[2 * index + 1];
    size_t bit = index * depth;
    return row[bit / 8] >> (8 - depth - bit % 8) & ((1u << depth) - 1);
}

/* What each channel of each pixel should be, by the definition of the PNG colour types. */
static unsigned expected(const style *how, const uint8_t *row, uint32_t x, unsigned channel) {
    unsigned depth = how->depth, channels = channels_of(how->type), most = depth == 16 ? 65535 : 255;
    if (how->type == 3) {
        unsigned i = sample_at(row, x, depth);
        const unsigned colours[] = { i, 255 - i, i / 2, i * 3 & 255 };
        return colours[channel];
    }
    if (how->type == 4)
        return sample_at(row, 2 * x + (channel == 3), depth);
    if (channel == 3 && how->key) {
        for (unsigned c = 0; c < channels; c++)
            if (sample_at(row, x * channels + c, depth) != 1)
                return most;
        return 0;
    }
    unsigned value = sample_at(row, x * channels + (channels == 1 ? 0 : channel), depth);
    return depth < 8 ? value * 255 / ((1u << depth) - 1) : value;
}

static void every_kind_of_png_has_its_pixels(void **state) {
    (void)state;
    static const struct {
        style style;
        fw_pixels pixels;
        unsigned channels;
    } cases[] = {
        { { 37, 19, 1, 0 }, FW_MONO8, 1 },
        { { 37, 19, 2, 0 }, FW_MONO8, 1 },
        { { 37, 19, 4, 0 }, FW_MONO8, 1 },
        { { 37, 19, 8, 0 }, FW_MONO8, 1 },
        { { 37, 19, 16, 0 }, FW_MONO16, 1 },
        { { 37, 19, 8, 2 }, FW_RGB8, 3 },
        { { 37, 19, 16, 2 }, FW_RGB16, 3 },
        { { 37, 19, 1, 3 }, FW_RGB8, 3 },
        { { 37, 19, 4, 3 }, FW_RGB8, 3 },
        { { 37, 19, 8, 3 }, FW_RGB8, 3 },
        { { 37, 19, 8, 3, .palette_alpha = true }, FW_RGBA8, 4 },
        { { 37, 19, 2, 3, .palette_alpha = true }, FW_RGBA8, 4 },
        { { 37, 19, 8, 4 }, FW_RGBA8, 4 },
        { { 37, 19, 16, 4 }, FW_RGBA16, 4 },
        { { 37, 19, 8, 6 }, FW_RGBA8, 4 },
        { { 37, 19, 16, 6 }, FW_RGBA16, 4 },
        { { 37, 19, 8, 0, .key = true }, FW_RGBA8, 4 },
        { { 37, 19, 2, 0, .key = true }, FW_RGBA8, 4 },
        { { 37, 19, 16, 0, .key = true }, FW_RGBA16, 4 },
        { { 37, 19, 8, 2, .key = true }, FW_RGBA8, 4 },
    };
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        style how = cases[i / 2].style;
        how.interlaced = i % 2;
        uint8_t *pixels;
        size_t stride;
        bytes file = noise(how, &pixels, &stride);
        picture result = decode(&fw_codec_png, file);
        assert_image(&result, cases[i / 2].pixels, how.width, how.height);
        for (uint32_t y = 0; y < how.height; y++)
            for (uint32_t x = 0; x < how.width; x++)
                for (unsigned c = 0; c < cases[i / 2].channels; c++) {
                    size_t at = (y * how.width + x) * cases[i / 2].channels + c;
                    unsigned got = how.depth == 16 ? result.pixels[2 * at] | (unsigned)result.pixels[2 * at + 1] << 8
                                                   : result.pixels[at];
                    if (got != expected(&how, pixels + y * stride, x, c))
                        fail_msg("case %zu, pixel %u,%u channel %u: %u, not %u", i / 2, x, y, c, got,
                                 expected(&how, pixels + y * stride, x, c));
                }
        drop(&result);
        free(file.data);
        free(pixels);
    }
}

static bytes small(bool interlaced) {
    uint8_t *pixels;
    size_t stride;
    bytes file = noise((style){ 20, 15, 8, 2, .interlaced = interlaced }, &pixels, &stride);
    free(pixels);
    return file;
}

static void a_file_that_is_cut_is_refused(void **state) {
    (void)state;
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        bytes file = small(interlaced);
        assert_every_cut_is_refused(&fw_codec_png, file, 3);
        free(file.data);
    }
}

static void no_damage_goes_unseen(void **state) {
    (void)state;
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        bytes file = small(interlaced);
        assert_int_equal(damage_everywhere(&fw_codec_png, file, 1), 0);
        free(file.data);
    }
}

static void a_bomb_is_refused_from_its_header(void **state) {
    (void)state;
    bytes file = { 0 };
    put(&file, "\x89PNG\r\n\x1a\n", 8);
    put_chunk(&file, "IHDR", "\0\0\xff\xff\0\0\xff\xff\x08\x06\0\0\0", 13);
    bytes huge = copy_of(file.data, file.size);
    assert_refused(&fw_codec_png, huge, (fw_limits){ 0 }, FW_TOO_LARGE, "claims 65535 x 65535 pixels (limit 268 Mpx)");
    free(huge.data);
    file.size = 8;
    put_chunk(&file, "IHDR", "\0\0\x3f\xff\0\0\x3f\xff\x08\x06\0\0\0", 13);
    assert_refused(&fw_codec_png, file, (fw_limits){ 0 }, FW_BAD_INPUT, "too few for the 16383 x 16383 pixels");
    free(file.data);
}

static void texts_that_unpack_to_gigabytes_are_refused(void **state) {
    (void)state;
    size_t size = 17 << 20;
    uint8_t *zeros = calloc(1, size);
    memset(zeros, 'x', size);
    uLongf room = compressBound(size);
    uint8_t *text = malloc(room + 8);
    memcpy(text, "Comment\0\0", 9);
    assert_int_equal(compress2(text + 9, &room, zeros, size, 1), Z_OK);
    free(zeros);

    bytes whole = small(false), file = { 0 };
    put(&file, whole.data, 8 + 25);
    put_chunk(&file, "zTXt", text, room + 9);
    put(&file, whole.data + 33, whole.size - 33);
    picture result = decode(&fw_codec_png, file);
    assert_true(result.status != FW_OK || result.format.size == 20 * 15 * 3); /* refused, or left packed */
    drop(&result);
    free(text);
    free(file.data);
    free(whole.data);
}

static void limits_are_checked_before_decoding(void **state) {
    (void)state;
    bytes file = small(false);
    assert_refused(&fw_codec_png, file, (fw_limits){ .pixels = 299 }, FW_TOO_LARGE,
                   "claims 20 x 15 pixels (limit 299 px)");
    assert_refused(&fw_codec_png, file, (fw_limits){ .bytes = 899 }, FW_TOO_LARGE, "takes 900 bytes decoded");
    free(file.data);
}

static void a_large_image_in_one_chunk_is_read(void **state) {
    (void)state;
    uint8_t *pixels;
    size_t stride;
    bytes file = noise((style){ 2600, 2200, 8, 2 }, &pixels, &stride); /* noise: 17 MB in one IDAT */
    picture result = decode(&fw_codec_png, file);
    assert_image(&result, FW_RGB8, 2600, 2200);
    assert_memory_equal(result.pixels, pixels, result.format.size);
    drop(&result);
    free(file.data);
    free(pixels);
}

static void orientation_travels_in_meta(void **state) {
    (void)state;
    static const uint8_t exif[] = "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x03\0\0\0\0\0\0";
    bytes whole = small(false), file = { 0 };
    put(&file, whole.data, 8 + 25);
    put_chunk(&file, "eXIf", exif, sizeof exif);
    put(&file, whole.data + 33, whole.size - 33);
    picture result = decode(&fw_codec_png, file);
    assert_image(&result, FW_RGB8, 20, 15);
    assert_true(has_small_int(&result.meta, "orientation", 3));
    drop(&result);
    free(file.data);
    free(whole.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_png_has_its_pixels),
        cmocka_unit_test(a_file_that_is_cut_is_refused),
        cmocka_unit_test(no_damage_goes_unseen),
        cmocka_unit_test(a_bomb_is_refused_from_its_header),
        cmocka_unit_test(texts_that_unpack_to_gigabytes_are_refused),
        cmocka_unit_test(limits_are_checked_before_decoding),
        cmocka_unit_test(a_large_image_in_one_chunk_is_read),
        cmocka_unit_test(orientation_travels_in_meta),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
