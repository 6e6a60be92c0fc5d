/* TIFF and BigTIFF, page by page; tiff_kind.h says what each becomes. Orientation is in meta, never applied. */
#include "image/codec.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tiffio.h>

#include "base/status.h"
#include "base/version.h"
#include "image/bytes.h"
#include "image/tiff_kind.h"
#include "image/tiff_pages.h"
#include "image/tiff_rows.h"
#include "wire/format.h"

typedef struct reader {
    TIFF *tiff;
    fw_image file;    /* as it was opened: where the bytes are */
    uint64_t at;      /* libtiff's place in the file */
    uint8_t head[16]; /* the file's first bytes as libtiff sees them: this page is the first */
    size_t head_size;
    bool past_end;   /* libtiff asked for bytes behind the end */
    bool complained; /* an error, or in decoding a warning */
    bool decoding;
    char complaint[160]; /* the first one */

    fw_tiff_tags tags;
    uint32_t block_width, block_height; /* a block is a strip or a tile */
    bool tiled;
    bool through_rgba; /* libtiff converts the colours */
    fw_tiff_rows rows;
    uint8_t palette[3 * 256];
} reader;

static tmsize_t read_bytes(thandle_t handle, void *out, tmsize_t wanted) {
    reader *self = handle;
    size_t count = fw_image_read(&self->file, self->at, out, (size_t)wanted);
    if (count < (size_t)wanted)
        self->past_end = true;
    for (size_t i = 0; i < count && self->at + i < self->head_size; i++)
        ((uint8_t *)out)[i] = self->head[self->at + i];
    self->at += count;
    return (tmsize_t)count;
}

static tmsize_t write_nothing(thandle_t handle, void *bytes, tmsize_t size) {
    (void)handle, (void)bytes, (void)size;
    return 0;
}

static toff_t seek(thandle_t handle, toff_t offset, int whence) {
    reader *self = handle;
    self->at = offset + (whence == SEEK_CUR ? self->at : whence == SEEK_END ? self->file.size : 0);
    return self->at;
}

static int close_nothing(thandle_t handle) {
    (void)handle;
    return 0;
}

static toff_t size_of(thandle_t handle) {
    return ((reader *)handle)->file.size;
}

FW_PRINTF(4, 0)
static int on_error(TIFF *tiff, void *arg, const char *module, const char *format, va_list args) {
    (void)tiff, (void)module;
    reader *self = arg;
    if (!self->complained)
        vsnprintf(self->complaint, sizeof self->complaint, format, args);
    self->complained = true;
    return 1;
}

/* Unknown tags and the like are harmless; what a decoder warns of is a hole in the picture. */
FW_PRINTF(4, 0)
static int on_warning(TIFF *tiff, void *arg, const char *module, const char *format, va_list args) {
    reader *self = arg;
    return self->decoding && !strstr(format, "Old-style LZW") ? on_error(tiff, arg, module, format, args) : 1;
}

static fw_status fail_as_libtiff_says(const reader *self) {
    if (self->past_end)
        return fw_ends_early(self->file.size);
    const char *text = self->complaint + strspn(self->complaint, ": "); /* where the file's name would be */
    return fw_fail(FW_BAD_INPUT, "damaged TIFF (%s)", *text ? text : "unreadable");
}

static bool tiff_knows(const uint8_t *head, size_t size) {
    return size >= 4 && (memcmp(head, "II*\0", 4) == 0 || memcmp(head, "MM\0*", 4) == 0 ||
                         memcmp(head, "II+\0", 4) == 0 || memcmp(head, "MM\0+", 4) == 0);
}

static void tiff_close(fw_image *image) {
    reader *self = image->state;
    if (!self)
        return;
    if (self->tiff)
        TIFFClose(self->tiff);
    free(self);
    image->state = NULL;
}

/* Let libtiff open the file with this page as its first: it would walk the whole chain to find it otherwise. */
static fw_status open_page(fw_image *image, const fw_tiff_header *header, uint64_t offset) {
    reader *self = image->state;
    self->file = *image;
    self->head_size = header->size;
    if (fw_image_read(image, 0, self->head, header->size) < header->size)
        return fw_ends_early(image->size);
    size_t half = header->size > 8 ? 8 : 4; /* the offset is the second half: 8 bytes in a BigTIFF */
    for (size_t i = 0; i < half; i++)
        self->head[half + i] = (uint8_t)(offset >> 8 * (header->big_endian ? half - 1 - i : i));

    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options)
        return fw_fail(FW_NO_MEMORY, "no memory for the TIFF codec");
    uint64_t most = image->limits.bytes < INT64_MAX / 2 ? image->limits.bytes : INT64_MAX / 2;
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)most + (1 << 24)); /* its own tables are small */
    TIFFOpenOptionsSetErrorHandlerExtR(options, on_error, self);
    TIFFOpenOptionsSetWarningHandlerExtR(options, on_warning, self);
    /* m: no memory map; c: strips as they are, so that one read fills many rows */
    self->tiff = TIFFClientOpenExt("", "rmc", self, read_bytes, write_nothing, seek, close_nothing, size_of, NULL, NULL,
                                   options);
    TIFFOpenOptionsFree(options);
    return self->tiff && !self->past_end ? FW_OK : fail_as_libtiff_says(self);
}

static uint16_t short_tag(TIFF *tiff, uint32_t tag, uint16_t otherwise) {
    uint16_t value = otherwise;
    return TIFFGetFieldDefaulted(tiff, tag, &value) ? value : otherwise;
}

static fw_status read_layout(fw_image *image) {
    reader *self = image->state;
    TIFF *tiff = self->tiff;
    TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &self->tags.width);
    TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &self->tags.height);
    fw_status status = fw_limits_check_size(&image->limits, self->tags.width, self->tags.height);
    if (status != FW_OK)
        return status;
    self->tags.samples = short_tag(tiff, TIFFTAG_SAMPLESPERPIXEL, 1);
    self->tags.bits = short_tag(tiff, TIFFTAG_BITSPERSAMPLE, 1);
    self->tags.sample_format = short_tag(tiff, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT);
    self->tags.photometric = short_tag(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
    self->tags.compression = short_tag(tiff, TIFFTAG_COMPRESSION, COMPRESSION_NONE);
    self->tags.separate =
        self->tags.samples > 1 && short_tag(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG) == PLANARCONFIG_SEPARATE;
    if (self->tags.compression == COMPRESSION_OJPEG || !TIFFIsCODECConfigured(self->tags.compression))
        return fw_fail(FW_UNSUPPORTED, "a TIFF of compression %u, which is not read; LZW, Deflate, JPEG and others are",
                       self->tags.compression);

    self->tiled = TIFFIsTiled(tiff);
    if (self->tiled) {
        TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &self->block_width);
        TIFFGetField(tiff, TIFFTAG_TILELENGTH, &self->block_height);
    } else {
        self->block_width = self->tags.width;
        TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &self->block_height);
        if (self->block_height > self->tags.height)
            self->block_height = self->tags.height;
    }
    if (self->block_width == 0 || self->block_height == 0)
        return fw_fail(FW_BAD_INPUT, "damaged TIFF (its strips or tiles have no pixels)");
    return FW_OK;
}

static fw_status read_palette(reader *self) {
    uint16_t *red, *green, *blue;
    if (self->tags.bits > 8 || !TIFFGetField(self->tiff, TIFFTAG_COLORMAP, &red, &green, &blue))
        return fw_fail(FW_UNSUPPORTED, "a TIFF palette of %u bits, or without colours; up to 8 bits are read",
                       self->tags.bits);
    size_t count = (size_t)1 << self->tags.bits;
    unsigned shift = 0; /* 8 bits a colour is what some old writers put there */
    for (size_t i = 0; i < count; i++)
        if (red[i] > 255 || green[i] > 255 || blue[i] > 255)
            shift = 8;
    for (size_t i = 0; i < count; i++) {
        self->palette[3 * i] = (uint8_t)(red[i] >> shift);
        self->palette[3 * i + 1] = (uint8_t)(green[i] >> shift);
        self->palette[3 * i + 2] = (uint8_t)(blue[i] >> shift);
    }
    self->rows.palette = self->palette;
    return FW_OK;
}

static fw_status choose_format(reader *self, fw_format *format) {
    const fw_tiff_tags *tags = &self->tags;
    self->through_rgba = fw_tiff_needs_rgba(tags);
    if (self->through_rgba) {
        char why[1024] = "";
        if (!TIFFRGBAImageOK(self->tiff, why))
            return fw_fail(FW_UNSUPPORTED, "a kind of TIFF that is not read (%s)", why);
        *format = (fw_format){ .width = tags->width, .height = tags->height, .pixels = FW_RGB8 };
        return FW_OK;
    }
    fw_status status = fw_tiff_kind(tags, format, &self->rows);
    if (status == FW_OK && tags->photometric == FW_TIFF_YCBCR)
        TIFFSetField(self->tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    if (status == FW_OK && tags->photometric == FW_TIFF_PALETTE && format->pixels == FW_RGB8)
        status = read_palette(self);
    return status;
}

static size_t block_row_size(const reader *self) {
    uint64_t samples = (uint64_t)self->block_width * (self->tags.separate ? 1 : self->tags.samples);
    return (size_t)((samples * self->tags.bits + 7) / 8);
}

/* The block that is read at once must be what libtiff thinks it is, and no bomb. */
static fw_status check_blocks(const reader *self, const fw_format *format) {
    uint64_t size = self->tiled ? TIFFTileSize64(self->tiff) : TIFFStripSize64(self->tiff);
    uint64_t wanted = size;
    if (!self->through_rgba && __builtin_mul_overflow(block_row_size(self), self->block_height, &wanted))
        wanted = 0;
    if (size == 0 || size != wanted)
        return fw_fail(FW_BAD_INPUT, "damaged TIFF (its strips or tiles do not fit its samples)");
    if (size / 4 > format->size && size > (uint64_t)64 << 20)
        return fw_fail(FW_TOO_LARGE, "has tiles of %u x %u pixels (%s), far larger than the image", self->block_width,
                       self->block_height, fw_size_say(size).text);
    if (self->tags.compression == COMPRESSION_NONE &&
        format->size / 32 > self->file.size) /* a bit may become 3 bytes */
        return fw_too_few(self->file.size, self->tags.width, self->tags.height);
    return FW_OK;
}

static fw_status note_resolution(reader *self, fw_meta *meta) {
    float x = 0, y = 0;
    if (!TIFFGetField(self->tiff, TIFFTAG_XRESOLUTION, &x) || !TIFFGetField(self->tiff, TIFFTAG_YRESOLUTION, &y))
        return FW_OK;
    uint16_t unit = short_tag(self->tiff, TIFFTAG_RESOLUTIONUNIT, RESUNIT_INCH);
    const char *name = unit == RESUNIT_INCH ? "inch" : unit == RESUNIT_CENTIMETER ? "cm" : "none";
    fw_status status = fw_meta_float(meta, "x_resolution", x);
    if (status == FW_OK)
        status = fw_meta_float(meta, "y_resolution", y);
    return status == FW_OK ? fw_meta_text(meta, "resolution_unit", name, strlen(name)) : status;
}

static fw_status note_facts(reader *self, fw_meta *meta) {
    enum { DESCRIPTION_MAX = 8192 }; /* more, such as OME-XML of a whole experiment, would crowd the header */
    fw_status status = note_resolution(self, meta);
    const char *text = NULL;
    if (status == FW_OK && TIFFGetField(self->tiff, TIFFTAG_IMAGEDESCRIPTION, &text) && *text &&
        strlen(text) <= DESCRIPTION_MAX)
        status = fw_meta_text(meta, "description", text, strlen(text));
    uint16_t orientation = 0;
    if (status == FW_OK && TIFFGetField(self->tiff, TIFFTAG_ORIENTATION, &orientation) && orientation >= 1 &&
        orientation <= 8)
        status = fw_meta_int(meta, "orientation", orientation);
    if (status == FW_OK && !self->through_rgba && self->tags.bits > 8 && self->tags.bits < 16)
        status = fw_meta_int(meta, "maxval", (1 << self->tags.bits) - 1);
    return status;
}

static fw_status read_header(fw_image *image, fw_meta *meta) {
    fw_tiff_header header;
    fw_status status = fw_tiff_read_header(image, &header);
    if (status != FW_OK)
        return status;
    uint64_t offset = image->page_offset ? image->page_offset : header.first, width, height;
    status = fw_tiff_page_size(image, offset, &width, &height);
    if (status == FW_OK)
        status = fw_limits_check_size(&image->limits, width, height);
    if (status == FW_OK)
        status = open_page(image, &header, offset);
    if (status == FW_OK)
        status = read_layout(image);
    if (status == FW_OK)
        status = choose_format(image->state, &image->format);
    if (status == FW_OK)
        status = fw_image_finish_format(image);
    if (status == FW_OK)
        status = check_blocks(image->state, &image->format);
    return status == FW_OK ? note_facts(image->state, meta) : status;
}

static fw_status tiff_open(fw_image *image, fw_meta *meta) {
    fw_limits_default(&image->limits);
    image->state = calloc(1, sizeof(reader));
    if (!image->state)
        return fw_fail(FW_NO_MEMORY, "no memory for the TIFF codec");
    fw_status status = read_header(image, meta);
    if (status != FW_OK)
        tiff_close(image);
    return status;
}

static fw_status read_block(reader *self, uint32_t x, uint32_t y, uint16_t plane, uint8_t *out, size_t size) {
    tmsize_t got =
        self->tiled ? TIFFReadEncodedTile(self->tiff, TIFFComputeTile(self->tiff, x, y, 0, plane), out, (tmsize_t)size)
                    : TIFFReadEncodedStrip(self->tiff, TIFFComputeStrip(self->tiff, y, plane), out, (tmsize_t)size);
    return got == (tmsize_t)size && !self->complained ? FW_OK : fail_as_libtiff_says(self);
}

/* The rows of a block that is in memory, each to its place in the frame. row: room for one. */
static void store_block(const reader *self, const fw_format *format, const uint8_t *block, uint8_t *row, uint32_t x,
                        uint32_t y, uint16_t plane, uint8_t *out) {
    uint32_t columns = self->tags.width - x < self->block_width ? self->tags.width - x : self->block_width;
    uint32_t lines = self->tags.height - y < self->block_height ? self->tags.height - y : self->block_height;
    size_t stride = format->size / self->tags.height, pixel = stride / self->tags.width,
           in_stride = block_row_size(self);
    for (uint32_t line = 0; line < lines; line++) {
        uint8_t *to = out + (y + line) * stride + x * pixel;
        if (self->tags.separate) {
            fw_tiff_unpack(&self->rows, row, block + line * in_stride, columns);
            fw_tiff_scatter(to + plane * self->rows.sample, row, columns, self->rows.sample, pixel);
        } else {
            fw_tiff_unpack(&self->rows, to, block + line * in_stride, (size_t)columns * self->tags.samples);
        }
    }
}

static fw_status decode_blocks(reader *self, const fw_format *format, uint8_t *out) {
    size_t row_size = block_row_size(self), stride = format->size / self->tags.height;
    bool straight = !self->tiled && !self->tags.separate && row_size == stride &&
                    self->tags.bits % 8 == 0; /* rows as the frame has them */
    uint8_t *block = NULL, *row = NULL;
    if (!straight) {
        block = malloc(row_size * self->block_height);
        row = malloc((size_t)self->block_width * self->rows.sample);
    }
    fw_status status =
        straight || (block && row) ? FW_OK : fw_fail(FW_NO_MEMORY, "no memory for a strip or tile of the TIFF");

    for (uint16_t plane = 0; plane < (self->tags.separate ? self->tags.samples : 1) && status == FW_OK; plane++)
        for (uint64_t y = 0; y < self->tags.height && status == FW_OK; y += self->block_height)
            for (uint64_t x = 0; x < self->tags.width && status == FW_OK; x += self->block_width) {
                uint32_t lines = self->block_height;
                if (!self->tiled && self->tags.height - y < lines)
                    lines = (uint32_t)(self->tags.height - y);
                uint8_t *to = straight ? out + y * stride : block;
                status = read_block(self, (uint32_t)x, (uint32_t)y, plane, to, row_size * lines);
                if (status != FW_OK)
                    break;
                if (straight)
                    fw_tiff_unpack(&self->rows, to, to, (size_t)lines * self->tags.width * self->tags.samples);
                else
                    store_block(self, format, block, row, (uint32_t)x, (uint32_t)y, plane, out);
            }
    free(block);
    free(row);
    return status;
}

/* A band of rows at a time, as stored: no turning by the orientation tag. */
static fw_status decode_through_rgba(reader *self, uint8_t *out) {
    TIFFRGBAImage rgba;
    char why[1024] = "";
    if (!TIFFRGBAImageBegin(&rgba, self->tiff, 1, why))
        return fw_fail(FW_BAD_INPUT, "damaged TIFF (%s)", *why ? why : self->complaint);
    rgba.req_orientation = rgba.orientation;
    uint32_t band = self->block_height < self->tags.height ? self->block_height : self->tags.height;
    uint32_t *pixels = reallocarray(NULL, (size_t)self->tags.width * band, sizeof *pixels);
    fw_status status = pixels ? FW_OK : fw_fail(FW_NO_MEMORY, "no memory for %u rows of the TIFF", band);

    for (uint64_t y = 0; y < self->tags.height && status == FW_OK; y += band) {
        uint32_t lines = self->tags.height - y < band ? (uint32_t)(self->tags.height - y) : band;
        rgba.row_offset = (int)y;
        if (!TIFFRGBAImageGet(&rgba, pixels, self->tags.width, lines) || self->complained) {
            status = fail_as_libtiff_says(self);
            break;
        }
        for (size_t i = 0; i < (size_t)self->tags.width * lines; i++, out += 3) {
            out[0] = (uint8_t)TIFFGetR(pixels[i]);
            out[1] = (uint8_t)TIFFGetG(pixels[i]);
            out[2] = (uint8_t)TIFFGetB(pixels[i]);
        }
    }
    free(pixels);
    TIFFRGBAImageEnd(&rgba);
    return status;
}

static fw_status tiff_decode(fw_image *image, uint8_t *out) {
    reader *self = image->state;
    self->decoding = true;
    self->complained = false;
    return self->through_rgba ? decode_through_rgba(self, out) : decode_blocks(self, &image->format, out);
}

const fw_codec fw_codec_tiff = {
    .name = "tiff",
    .extensions = (const char *const[]){ "tif", "tiff", "btf", "tf8", NULL },
    .seeks = true,
    .knows = tiff_knows,
    .open = tiff_open,
    .decode = tiff_decode,
    .close = tiff_close,
    .pages = fw_tiff_pages,
};

void fw_tiff_version(fw_text *text) {
    const char *whole = TIFFGetVersion(), *number = strstr(whole, "Version "); /* "LIBTIFF, Version 4.5.0\n..." */
    number = number ? number + strlen("Version ") : whole;
    fw_text_format(text, "libtiff %.*s", (int)strcspn(number, "\n"), number);
}
