#include "pictures.h"

#include <tiffio.h>

/* A file in memory that libtiff writes into. */
typedef struct memory {
    bytes file;
    size_t at;
} memory;

static tmsize_t read_memory(thandle_t handle, void *out, tmsize_t wanted) {
    memory *self = handle;
    size_t left = self->at < self->file.size ? self->file.size - self->at : 0;
    size_t count = (size_t)wanted < left ? (size_t)wanted : left;
    memcpy(out, self->file.data + self->at, count);
    self->at += count;
    return (tmsize_t)count;
}

static tmsize_t write_memory(thandle_t handle, void *data, tmsize_t size) {
    memory *self = handle;
    size_t end = self->at + (size_t)size;
    if (end > self->file.size) {
        self->file.data = realloc(self->file.data, end);
        assert_non_null(self->file.data);
        if (self->at > self->file.size)
            memset(self->file.data + self->file.size, 0, self->at - self->file.size);
        self->file.size = end;
    }
    memcpy(self->file.data + self->at, data, (size_t)size);
    self->at = end;
    return size;
}

static toff_t seek_memory(thandle_t handle, toff_t offset, int whence) {
    memory *self = handle;
    self->at = offset + (whence == SEEK_CUR ? self->at : whence == SEEK_END ? self->file.size : 0);
    return self->at;
}

static int close_memory(thandle_t handle) {
    (void)handle;
    return 0;
}

static toff_t size_of_memory(thandle_t handle) {
    return ((memory *)handle)->file.size;
}

typedef struct style {
    uint32_t width, height;
    uint16_t bits, samples, format, photometric, compression;
    uint32_t tile, rows; /* tile's side, or rows a strip; 0: all in one strip */
    bool separate;
    const char *mode; /* "w", "wb" (big-endian), "w8" (BigTIFF) */
    uint32_t pages;
    const char *description;
} style;

/* Sample i of plane p as a number below 2^bits; floats hold the same numbers. */
static uint32_t value_at(uint32_t x, uint32_t y, unsigned channel, unsigned bits) {
    uint32_t value = x * 7 + y * 13 + channel * 29 + (x * y << 4);
    return bits >= 24 ? value * 2654435761u : value & ((1u << bits) - 1);
}

static void put_sample(uint8_t *row, size_t index, const style *how, uint32_t value) {
    if (how->format == SAMPLEFORMAT_IEEEFP && how->bits == 32) {
        float number = (float)value;
        memcpy(row + 4 * index, &number, 4);
    } else if (how->format == SAMPLEFORMAT_IEEEFP && how->bits == 64) {
        double number = value;
        memcpy(row + 8 * index, &number, 8);
    } else if (how->bits == 32) {
        memcpy(row + 4 * index, &value, 4);
    } else if (how->bits == 16) {
        uint16_t number = (uint16_t)value;
        memcpy(row + 2 * index, &number, 2);
    } else {
        for (unsigned b = 0; b < how->bits; b++) {
            size_t bit = index * how->bits + b;
            if (value >> (how->bits - 1 - b) & 1)
                row[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
        }
    }
}

static void fill_rows(uint8_t *out, const style *how, uint32_t x, uint32_t y, uint32_t width, uint32_t height,
                      unsigned plane) {
    unsigned samples = how->separate ? 1 : how->samples;
    size_t stride = (width * samples * how->bits + 7) / 8;
    memset(out, 0, stride * height);
    for (uint32_t j = 0; j < height; j++)
        for (uint32_t i = 0; i < width; i++)
            for (unsigned c = 0; c < samples; c++)
                put_sample(out + j * stride, i * samples + c, how,
                           value_at(x + i, y + j, how->separate ? plane : c, how->bits));
}

static void put_page(TIFF *tiff, const style *how) {
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, how->width);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, how->height);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, how->bits);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, how->samples);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, how->photometric);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, how->compression ? how->compression : COMPRESSION_NONE);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, how->separate ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
    if (how->description)
        TIFFSetField(tiff, TIFFTAG_IMAGEDESCRIPTION, how->description);
    if (how->format)
        TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, how->format);
    if (how->photometric == PHOTOMETRIC_YCBCR) {
        TIFFSetField(tiff, TIFFTAG_YCBCRSUBSAMPLING, 2, 2);
        if (how->compression == COMPRESSION_JPEG)
            TIFFSetField(tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    }
    if (how->photometric == PHOTOMETRIC_PALETTE) {
        uint16_t colours[3][256];
        for (int i = 0; i < 256; i++) {
            colours[0][i] = (uint16_t)(i << 8);
            colours[1][i] = (uint16_t)((255 - i) << 8);
            colours[2][i] = (uint16_t)(i / 2 << 8);
        }
        TIFFSetField(tiff, TIFFTAG_COLORMAP, colours[0], colours[1], colours[2]);
    }
    uint8_t *block = malloc((size_t)16 * how->samples * (how->width + how->tile) * (how->height + how->tile));
    uint32_t planes = how->separate ? how->samples : 1;
    if (how->tile) {
        TIFFSetField(tiff, TIFFTAG_TILEWIDTH, how->tile);
        TIFFSetField(tiff, TIFFTAG_TILELENGTH, how->tile);
    } else {
        TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, how->rows ? how->rows : how->height);
    }
    uint32_t width = how->tile ? how->tile : how->width, rows = how->tile   ? how->tile
                                                                : how->rows ? how->rows
                                                                            : how->height;
    for (uint32_t p = 0; p < planes; p++)
        for (uint32_t y = 0; y < how->height; y += rows)
            for (uint32_t x = 0; x < how->width; x += width) {
                uint32_t lines = how->tile || how->height - y > rows ? rows : how->height - y;
                fill_rows(block, how, x, y, width, lines, p);
                if (how->tile)
                    assert_true(TIFFWriteEncodedTile(tiff, TIFFComputeTile(tiff, x, y, 0, (uint16_t)p), block,
                                                     TIFFTileSize(tiff)) > 0);
                else
                    assert_true(TIFFWriteEncodedStrip(tiff, TIFFComputeStrip(tiff, y, (uint16_t)p), block,
                                                      TIFFVStripSize(tiff, lines)) > 0);
            }
    free(block);
}

static bytes encode(style how) {
    memory file = { 0 };
    TIFF *tiff = TIFFClientOpen("", how.mode ? how.mode : "w", &file, read_memory, write_memory, seek_memory,
                                close_memory, size_of_memory, NULL, NULL);
    assert_non_null(tiff);
    for (uint32_t page = 0; page < (how.pages ? how.pages : 1); page++) {
        put_page(tiff, &how);
        assert_true(TIFFWriteDirectory(tiff));
        how.width++; /* so that the pages differ */
    }
    TIFFClose(tiff);
    return file.file;
}

static double sample_of(const picture *result, size_t index, fw_dtype dtype) {
    const uint8_t *at = result->pixels;
    float single;
    double number;
    switch (dtype) {
    case FW_U8:
        return at[index];
    case FW_U16:
        return at[2 * index] | at[2 * index + 1] << 8;
    case FW_I16:
        return (int16_t)(at[2 * index] | at[2 * index + 1] << 8);
    case FW_U32:
        return at[4 * index] | (uint32_t)at[4 * index + 1] << 8 | (uint32_t)at[4 * index + 2] << 16 |
               (uint32_t)at[4 * index + 3] << 24;
    case FW_F32:
        memcpy(&single, at + 4 * index, 4);
        return single;
    default:
        memcpy(&number, at + 8 * index, 8);
        return number;
    }
}

static void assert_holds(bytes file, const style *how, fw_pixels pixels, fw_dtype dtype) {
    picture result = decode(&fw_codec_tiff, file);
    if (result.status != FW_OK)
        fail_msg("%u bits, %u samples, compression %u: %s", how->bits, how->samples, how->compression, result.cause);
    assert_int_equal(result.format.pixels, pixels);
    assert_int_equal(result.format.dtype, dtype);
    unsigned channels = how->photometric == PHOTOMETRIC_PALETTE ? 3 : how->samples;
    assert_int_equal(result.format.shape[0], how->height);
    assert_int_equal(result.format.shape[1], how->width);
    for (uint32_t y = 0; y < how->height; y++)
        for (uint32_t x = 0; x < how->width; x++)
            for (unsigned c = 0; c < channels; c++) {
                uint32_t stored = value_at(x, y, how->photometric == PHOTOMETRIC_PALETTE ? 0 : c, how->bits),
                         most = how->bits < 32 ? (1u << how->bits) - 1 : UINT32_MAX;
                if (how->photometric == PHOTOMETRIC_MINISWHITE && pixels != FW_PLAIN)
                    stored = most - stored;
                if (how->photometric == PHOTOMETRIC_PALETTE)
                    stored = c == 0 ? stored : c == 1 ? 255 - stored : stored / 2;
                else if (how->bits < 8)
                    stored = stored * 255 / most;
                double wanted = dtype == FW_I16 ? (int16_t)stored : dtype == FW_F32 ? (double)(float)stored : stored;
                double got = sample_of(&result, ((size_t)y * how->width + x) * channels + c, dtype);
                if (got != wanted)
                    fail_msg("%u bits, %u samples, compression %u, sample %u of %u,%u: %f, not %f", how->bits,
                             how->samples, how->compression, c, x, y, got, wanted);
            }
    drop(&result);
}

static const struct {
    style style;
    fw_pixels pixels;
    fw_dtype dtype;
} kinds[] = {
    { { .bits = 1, .samples = 1, .photometric = PHOTOMETRIC_MINISBLACK }, FW_MONO8, FW_U8 },
    { { .bits = 1, .samples = 1, .photometric = PHOTOMETRIC_MINISWHITE }, FW_MONO8, FW_U8 },
    { { .bits = 2, .samples = 1, .photometric = PHOTOMETRIC_MINISBLACK }, FW_MONO8, FW_U8 },
    { { .bits = 4, .samples = 1, .photometric = PHOTOMETRIC_MINISWHITE }, FW_MONO8, FW_U8 },
    { { .bits = 8, .samples = 1, .photometric = PHOTOMETRIC_MINISBLACK }, FW_MONO8, FW_U8 },
    { { .bits = 8, .samples = 1, .photometric = PHOTOMETRIC_MINISWHITE }, FW_MONO8, FW_U8 },
    { { .bits = 12, .samples = 1, .photometric = PHOTOMETRIC_MINISBLACK }, FW_MONO16, FW_U16 },
    { { .bits = 16, .samples = 1, .photometric = PHOTOMETRIC_MINISBLACK }, FW_MONO16, FW_U16 },
    { { .bits = 16, .samples = 1, .photometric = PHOTOMETRIC_MINISWHITE }, FW_MONO16, FW_U16 },
    { { .bits = 32, .samples = 1, .photometric = PHOTOMETRIC_MINISBLACK }, FW_PLAIN, FW_U32 },
    { { .bits = 16, .samples = 1, .photometric = PHOTOMETRIC_MINISBLACK, .format = SAMPLEFORMAT_INT },
      FW_PLAIN,
      FW_I16 },
    { { .bits = 32, .samples = 1, .photometric = PHOTOMETRIC_MINISBLACK, .format = SAMPLEFORMAT_IEEEFP },
      FW_PLAIN,
      FW_F32 },
    { { .bits = 64, .samples = 1, .photometric = PHOTOMETRIC_MINISBLACK, .format = SAMPLEFORMAT_IEEEFP },
      FW_PLAIN,
      FW_F64 },
    { { .bits = 32, .samples = 3, .photometric = PHOTOMETRIC_RGB, .format = SAMPLEFORMAT_IEEEFP }, FW_PLAIN, FW_F32 },
    { { .bits = 8, .samples = 2, .photometric = PHOTOMETRIC_MINISBLACK }, FW_PLAIN, FW_U8 },
    { { .bits = 8, .samples = 3, .photometric = PHOTOMETRIC_RGB }, FW_RGB8, FW_U8 },
    { { .bits = 16, .samples = 3, .photometric = PHOTOMETRIC_RGB }, FW_RGB16, FW_U16 },
    { { .bits = 8, .samples = 4, .photometric = PHOTOMETRIC_RGB }, FW_RGBA8, FW_U8 },
    { { .bits = 16, .samples = 4, .photometric = PHOTOMETRIC_RGB }, FW_RGBA16, FW_U16 },
    { { .bits = 8, .samples = 5, .photometric = PHOTOMETRIC_RGB }, FW_PLAIN, FW_U8 },
    { { .bits = 8, .samples = 3, .photometric = PHOTOMETRIC_CIELAB }, FW_PLAIN, FW_U8 },
    { { .bits = 4, .samples = 1, .photometric = PHOTOMETRIC_PALETTE }, FW_RGB8, FW_U8 },
    { { .bits = 8, .samples = 1, .photometric = PHOTOMETRIC_PALETTE }, FW_RGB8, FW_U8 },
};

static void every_kind_has_its_samples_in_every_layout(void **state) {
    (void)state;
    const struct {
        uint32_t tile, rows;
        bool separate;
        const char *mode;
    } layouts[] = {
        { 0, 0, false, "w" }, { 0, 5, false, "wb" }, { 16, 0, false, "w8" }, { 0, 4, true, "w" }, { 16, 0, true, "wb" }
    };
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
            style how = kinds[k].style;
            how.width = 37;
            how.height = 22;
            how.tile = layouts[i].tile;
            how.rows = layouts[i].rows;
            how.separate = layouts[i].separate && how.samples > 1;
            how.mode = layouts[i].mode;
            bytes file = encode(how);
            assert_holds(file, &how, kinds[k].pixels, kinds[k].dtype);
            free(file.data);
        }
}

static void every_lossless_compression_is_read(void **state) {
    (void)state;
    const uint16_t methods[] = { COMPRESSION_LZW,  COMPRESSION_ADOBE_DEFLATE, COMPRESSION_PACKBITS,
                                 COMPRESSION_LZMA, COMPRESSION_ZSTD,          COMPRESSION_CCITTFAX4 };
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (!TIFFIsCODECConfigured(methods[i]))
            continue; /* libtiff may be built without some */
        bool fax = methods[i] == COMPRESSION_CCITTFAX4;
        style how = { .width = 50,
                      .height = 30,
                      .bits = fax ? 1 : 16,
                      .samples = fax ? 1 : 3,
                      .rows = 7,
                      .compression = methods[i],
                      .photometric = fax ? PHOTOMETRIC_MINISWHITE : PHOTOMETRIC_RGB };
        bytes file = encode(how);
        assert_holds(file, &how, fax ? FW_MONO8 : FW_RGB16, fax ? FW_U8 : FW_U16);
        assert_every_cut_is_refused(&fw_codec_tiff, file, 97);
        free(file.data);
    }
}

static void colour_spaces_become_rgb8(void **state) {
    (void)state;
    const style styles[] = {
        { .bits = 8, .samples = 3, .photometric = PHOTOMETRIC_YCBCR, .compression = COMPRESSION_JPEG },
        { .bits = 8, .samples = 3, .photometric = PHOTOMETRIC_YCBCR, .compression = COMPRESSION_JPEG, .tile = 16 },
        { .bits = 8, .samples = 3, .photometric = PHOTOMETRIC_RGB, .compression = COMPRESSION_JPEG, .rows = 8 },
        { .bits = 8, .samples = 4, .photometric = PHOTOMETRIC_SEPARATED },
        { .bits = 8, .samples = 4, .photometric = PHOTOMETRIC_SEPARATED, .rows = 5 },
        { .bits = 8, .samples = 4, .photometric = PHOTOMETRIC_SEPARATED, .tile = 16 },
    };
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
        style how = styles[i];
        how.width = 40;
        how.height = 24;
        bytes file = encode(how);
        picture result = decode(&fw_codec_tiff, file);
        assert_image(&result, FW_RGB8, 40, 24);
        if (how.photometric == PHOTOMETRIC_SEPARATED) /* as libtiff converts it, in the order of the file */
            for (uint32_t y = 0; y < 24; y++)
                for (uint32_t x = 0; x < 40; x++) {
                    uint32_t k = 255 - value_at(x, y, 3, 8), wanted = k * (255 - value_at(x, y, 0, 8)) / 255;
                    assert_int_equal(result.pixels[(y * 40 + x) * 3], wanted);
                }
        drop(&result);
        assert_every_cut_is_refused(&fw_codec_tiff, file, 61);
        free(file.data);
    }
}

static void each_page_is_found_by_its_offset(void **state) {
    (void)state;
    const char *modes[] = { "w", "wb", "w8", "wb8" };
    for (size_t m = 0; m < 4; m++) {
        style how = { .width = 5,
                      .height = 4,
                      .bits = 8,
                      .samples = 1,
                      .photometric = PHOTOMETRIC_MINISBLACK,
                      .pages = 300,
                      .mode = modes[m] };
        bytes file = encode(how);
        uint64_t *offsets;
        size_t count;
        assert_ok(fw_codec_tiff.pages(&(fw_image){ .bytes = file.data, .size = file.size }, &offsets, &count));
        assert_int_equal(count, 300);
        for (uint32_t page = 0; page < 300; page += 23) {
            picture result = decode_page(&fw_codec_tiff, file, (fw_limits){ 0 }, offsets[page]);
            assert_image(&result, FW_MONO8, 5 + page, 4);
            assert_int_equal(result.pixels[3], value_at(3, 0, 0, 8));
            drop(&result);
        }
        free(offsets);
        free(file.data);
    }
}

static size_t next_field(bytes file, uint64_t directory) { /* of a little-endian classic file */
    return directory + 2 + 12 * (size_t)(file.data[directory] | file.data[directory + 1] << 8);
}

static void a_loop_of_pages_is_refused(void **state) {
    (void)state;
    style how = { .width = 5, .height = 4, .bits = 8, .samples = 1, .photometric = PHOTOMETRIC_MINISBLACK, .pages = 7 };
    for (size_t back = 0; back < 7; back++) {
        bytes file = encode(how);
        uint64_t *offsets, *none;
        size_t count;
        assert_ok(fw_codec_tiff.pages(&(fw_image){ .bytes = file.data, .size = file.size }, &offsets, &count));
        for (int i = 0; i < 4; i++)
            file.data[next_field(file, offsets[6]) + i] = (uint8_t)(offsets[back] >> 8 * i);
        assert_fails(fw_codec_tiff.pages(&(fw_image){ .bytes = file.data, .size = file.size }, &none, &count),
                     FW_BAD_INPUT, "its pages form a loop");
        /* the page itself is whole all the same */
        picture result = decode_page(&fw_codec_tiff, file, (fw_limits){ 0 }, offsets[2]);
        assert_image(&result, FW_MONO8, 7, 4);
        drop(&result);
        free(offsets);
        free(file.data);
    }
}

static void where_the_chain_breaks_the_last_page_says_so(void **state) {
    (void)state;
    style how = { .width = 5, .height = 4, .bits = 8, .samples = 1, .photometric = PHOTOMETRIC_MINISBLACK, .pages = 3 };
    bytes file = encode(how);
    uint64_t *offsets;
    size_t count;
    assert_ok(fw_codec_tiff.pages(&(fw_image){ .bytes = file.data, .size = file.size }, &offsets, &count));
    assert_int_equal(count, 3);
    file.size = offsets[2] + 20;
    free(offsets);
    assert_ok(fw_codec_tiff.pages(&(fw_image){ .bytes = file.data, .size = file.size }, &offsets, &count));
    assert_int_equal(count, 3);
    picture result = decode_page(&fw_codec_tiff, file, (fw_limits){ 0 }, offsets[1]);
    assert_image(&result, FW_MONO8, 6, 4);
    drop(&result);
    result = decode_page(&fw_codec_tiff, file, (fw_limits){ 0 }, offsets[2]);
    assert_int_equal(result.status, FW_BAD_INPUT);
    assert_non_null(strstr(result.cause, "the file ends after"));
    drop(&result);
    free(offsets);
    free(file.data);
}

static void set_entry_of_type(bytes file, uint16_t tag, uint8_t type, uint32_t value) {
    size_t at =
        file.data[4] | file.data[5] << 8 | file.data[6] << 16; /* the first page of a little-endian classic file */
    size_t count = file.data[at] | file.data[at + 1] << 8;
    for (size_t i = 0; i < count; i++) {
        uint8_t *entry = file.data + at + 2 + 12 * i;
        if ((entry[0] | entry[1] << 8) != tag)
            continue;
        entry[2] = type;
        for (int b = 0; b < 4; b++)
            entry[8 + b] = (uint8_t)(value >> 8 * b);
        return;
    }
    fail_msg("no tag %u", tag);
}

static void set_entry(bytes file, uint16_t tag, uint32_t value) {
    set_entry_of_type(file, tag, TIFF_LONG, value);
}

static void bombs_are_refused_from_the_header(void **state) {
    (void)state;
    style how = { .width = 16,
                  .height = 16,
                  .bits = 8,
                  .samples = 1,
                  .photometric = PHOTOMETRIC_MINISBLACK,
                  .compression = COMPRESSION_ADOBE_DEFLATE };
    bytes file = encode(how);
    assert_refused(&fw_codec_tiff, file, (fw_limits){ .pixels = 255 }, FW_TOO_LARGE,
                   "claims 16 x 16 pixels (limit 255 px)");
    assert_refused(&fw_codec_tiff, file, (fw_limits){ .bytes = 255 }, FW_TOO_LARGE, "takes 256 bytes decoded");
    set_entry(file, TIFFTAG_IMAGEWIDTH, 4000000000u);
    set_entry(file, TIFFTAG_IMAGELENGTH, 4000000000u);
    assert_refused(&fw_codec_tiff, file, (fw_limits){ 0 }, FW_TOO_LARGE,
                   "claims 4000000000 x 4000000000 pixels (limit 268 Mpx)");
    free(file.data);

    how.compression = COMPRESSION_NONE;
    file = encode(how);
    set_entry(file, TIFFTAG_IMAGEWIDTH, 16000);
    set_entry(file, TIFFTAG_IMAGELENGTH, 16000);
    picture result = decode(&fw_codec_tiff, file);
    assert_int_equal(result.status, FW_BAD_INPUT);
    assert_false(result.opened); /* no memory was asked for */
    drop(&result);
    free(file.data);

    how.tile = 16;
    how.compression = COMPRESSION_ADOBE_DEFLATE;
    file = encode(how);
    set_entry(file, TIFFTAG_TILEWIDTH, 16384);
    set_entry(file, TIFFTAG_TILELENGTH, 16384);
    assert_refused(&fw_codec_tiff, file, (fw_limits){ 0 }, FW_TOO_LARGE,
                   "has tiles of 16384 x 16384 pixels (268.4 MB)");
    free(file.data);
}

static void a_file_that_is_cut_is_refused(void **state) {
    (void)state;
    const char *modes[] = { "w", "wb", "w8" };
    for (size_t m = 0; m < 3; m++) {
        style how = { .width = 20,
                      .height = 12,
                      .bits = 8,
                      .samples = 3,
                      .photometric = PHOTOMETRIC_RGB,
                      .rows = 4,
                      .mode = modes[m] };
        bytes file = encode(how);
        assert_every_cut_is_refused(&fw_codec_tiff, file, 1);
        free(file.data);
    }
}

static void what_libtiff_only_warns_of_is_refused(void **state) {
    (void)state;
    style how = { .width = 64,
                  .height = 48,
                  .bits = 8,
                  .samples = 3,
                  .photometric = PHOTOMETRIC_YCBCR,
                  .compression = COMPRESSION_JPEG };
    bytes file = encode(how);
    const uint8_t *scan = memmem(file.data, file.size, "\xff\xda", 2);
    assert_non_null(scan);
    memcpy(file.data + (scan - file.data) + 200, "\xff\xd9",
           2); /* the strip's JPEG ends early, the rest would be grey */
    picture result = decode(&fw_codec_tiff, file);
    assert_int_equal(result.status, FW_BAD_INPUT);
    assert_non_null(strstr(result.cause, "damaged TIFF ("));
    drop(&result);
    free(file.data);
}

static void a_file_that_lacks_the_end_of_its_facts_is_refused(void **state) {
    (void)state;
    style how = { .width = 20,
                  .height = 12,
                  .bits = 8,
                  .samples = 1,
                  .photometric = PHOTOMETRIC_MINISBLACK,
                  .description = "cell culture, well 7" };
    bytes file = encode(how);
    picture result = decode(&fw_codec_tiff, file);
    assert_image(&result, FW_MONO8, 20, 12);
    drop(&result);
    set_entry_of_type(file, TIFFTAG_IMAGEDESCRIPTION, TIFF_ASCII, (uint32_t)file.size - 3);
    assert_refused(&fw_codec_tiff, file, (fw_limits){ 0 }, FW_BAD_INPUT, "the file ends after");
    free(file.data);
}

static void a_damaged_file_never_crashes(void **state) {
    (void)state;
    const style styles[] = {
        { .width = 20,
          .height = 12,
          .bits = 8,
          .samples = 3,
          .photometric = PHOTOMETRIC_RGB,
          .rows = 4,
          .compression = COMPRESSION_LZW },
        { .width = 20,
          .height = 12,
          .bits = 16,
          .samples = 2,
          .photometric = PHOTOMETRIC_MINISBLACK,
          .tile = 16,
          .separate = true },
        { .width = 20,
          .height = 12,
          .bits = 8,
          .samples = 3,
          .photometric = PHOTOMETRIC_YCBCR,
          .compression = COMPRESSION_JPEG },
        { .width = 20,
          .height = 12,
          .bits = 4,
          .samples = 1,
          .photometric = PHOTOMETRIC_PALETTE,
          .compression = COMPRESSION_PACKBITS,
          .mode = "wb8" },
    };
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
        bytes file = encode(styles[i]);
        damage_everywhere(&fw_codec_tiff, file, 2);
        free(file.data);
    }
}

static void high_dynamic_range_becomes_rgb8(void **state) {
    (void)state;
    memory file = { 0 };
    TIFF *tiff = TIFFClientOpen("", "w", &file, read_memory, write_memory, seek_memory, close_memory, size_of_memory,
                                NULL, NULL);
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, 8);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, 4);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, 3);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 32);
    TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_IEEEFP);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_LOGLUV);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_SGILOG);
    TIFFSetField(tiff, TIFFTAG_SGILOGDATAFMT, SGILOGDATAFMT_FLOAT);
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, 4);
    float xyz[8 * 4 * 3];
    for (int i = 0; i < 96; i++)
        xyz[i] = i < 48 ? 0.5f : 0.0f; /* grey, then black */
    assert_true(TIFFWriteEncodedStrip(tiff, 0, xyz, sizeof xyz) > 0);
    TIFFClose(tiff);
    picture result = decode(&fw_codec_tiff, file.file);
    assert_image(&result, FW_RGB8, 8, 4);
    assert_in_range(result.pixels[0], 100, 255);
    assert_int_equal(result.pixels[95], 0);
    drop(&result);
    free(file.file.data);
}

static void complex_numbers_are_a_plain_array(void **state) {
    (void)state;
    style how = { .width = 4,
                  .height = 2,
                  .bits = 64,
                  .samples = 1,
                  .photometric = PHOTOMETRIC_MINISBLACK,
                  .format = SAMPLEFORMAT_IEEEFP };
    bytes file = encode(how);
    set_entry(file, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_COMPLEXIEEEFP);
    picture result = decode(&fw_codec_tiff, file);
    assert_int_equal(result.status, FW_OK);
    assert_int_equal(result.format.dtype, FW_C64);
    assert_int_equal(result.format.size, 4 * 2 * 8);
    drop(&result);
    set_entry(file, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_COMPLEXINT);
    assert_refused(&fw_codec_tiff, file, (fw_limits){ 0 }, FW_UNSUPPORTED, "sample format 5");
    free(file.data);
}

static void facts_travel_in_meta(void **state) {
    (void)state;
    memory file = { 0 };
    TIFF *tiff = TIFFClientOpen("", "w", &file, read_memory, write_memory, seek_memory, close_memory, size_of_memory,
                                NULL, NULL);
    style how = { .width = 5, .height = 4, .bits = 12, .samples = 1, .photometric = PHOTOMETRIC_MINISBLACK };
    TIFFSetField(tiff, TIFFTAG_IMAGEDESCRIPTION, "stage 3");
    TIFFSetField(tiff, TIFFTAG_ORIENTATION, ORIENTATION_LEFTBOT);
    TIFFSetField(tiff, TIFFTAG_XRESOLUTION, 300.0);
    TIFFSetField(tiff, TIFFTAG_YRESOLUTION, 150.0);
    TIFFSetField(tiff, TIFFTAG_RESOLUTIONUNIT, RESUNIT_CENTIMETER);
    put_page(tiff, &how);
    TIFFClose(tiff);
    picture result = decode(&fw_codec_tiff, file.file);
    assert_image(&result, FW_MONO16, 5, 4);
    assert_int_equal(result.meta.count, 6);
    assert_true(has_small_int(&result.meta, "orientation", 8));
    assert_non_null(memmem(result.meta.packed, result.meta.size, "description\xa7stage 3", 19));
    assert_non_null(memmem(result.meta.packed, result.meta.size,
                           "resolution_unit\xa2"
                           "cm",
                           18));
    assert_non_null(memmem(result.meta.packed, result.meta.size, "maxval\xcd\x0f\xff", 9));
    assert_non_null(memmem(result.meta.packed, result.meta.size, "x_resolution", 12));
    drop(&result);
    free(file.file.data);
}

static void what_no_format_holds_is_refused(void **state) {
    (void)state;
    style how = { .width = 8, .height = 8, .bits = 24, .samples = 1, .photometric = PHOTOMETRIC_MINISBLACK };
    bytes file = encode(how);
    assert_refused(&fw_codec_tiff, file, (fw_limits){ 0 }, FW_UNSUPPORTED, "a TIFF of 24 bits a sample");
    free(file.data);
    how.bits = 8;
    file = encode(how);
    set_entry(file, TIFFTAG_COMPRESSION, 12345 << 0);
    picture result = decode(&fw_codec_tiff, file);
    assert_true(result.status == FW_UNSUPPORTED || result.status == FW_BAD_INPUT);
    assert_true(*result.cause);
    drop(&result);
    free(file.data);
}

static int be_quiet(void **state) {
    (void)state;
    TIFFSetWarningHandler(NULL); /* of the writing side */
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_its_samples_in_every_layout),
        cmocka_unit_test(every_lossless_compression_is_read),
        cmocka_unit_test(colour_spaces_become_rgb8),
        cmocka_unit_test(each_page_is_found_by_its_offset),
        cmocka_unit_test(a_loop_of_pages_is_refused),
        cmocka_unit_test(where_the_chain_breaks_the_last_page_says_so),
        cmocka_unit_test(bombs_are_refused_from_the_header),
        cmocka_unit_test(a_file_that_is_cut_is_refused),
        cmocka_unit_test(what_libtiff_only_warns_of_is_refused),
        cmocka_unit_test(a_file_that_lacks_the_end_of_its_facts_is_refused),
        cmocka_unit_test(a_damaged_file_never_crashes),
        cmocka_unit_test(high_dynamic_range_becomes_rgb8),
        cmocka_unit_test(complex_numbers_are_a_plain_array),
        cmocka_unit_test(facts_travel_in_meta),
        cmocka_unit_test(what_no_format_holds_is_refused),
    };
    return cmocka_run_group_tests(tests, be_quiet, NULL);
}
