#include "image/codec.h"

#include <setjmp.h>
#include <stdio.h> /* before jpeglib.h, which needs FILE */
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

#include "base/status.h"
#include "base/version.h"
#include "image/bytes.h"
#include "image/exif.h"

/* Where libjpeg's failures come out. errors is first: cinfo->err points to it. */
typedef struct fault {
    struct jpeg_error_mgr errors;
    jmp_buf escape;
    fw_status status;
} fault;

typedef struct reader {
    fault fault;
    struct jpeg_decompress_struct jpeg;
    struct jpeg_progress_mgr progress;
    size_t size;    /* of the file */
    unsigned scans; /* limit */
    uint8_t *row;   /* CMYK: one row of it */
} reader;

static void leave(j_common_ptr cinfo, fw_status status) {
    fault *self = (fault *)cinfo->err;
    self->status = status;
    longjmp(self->escape, 1);
}

static void fail_as_libjpeg_says(j_common_ptr cinfo) {
    char text[JMSG_LENGTH_MAX];
    cinfo->err->format_message(cinfo, text);
    switch (cinfo->err->msg_code) {
    case JERR_OUT_OF_MEMORY:
        leave(cinfo, fw_fail(FW_NO_MEMORY, "no memory for the JPEG codec"));
        break;
    case JERR_SOF_UNSUPPORTED:
    case JERR_BAD_PRECISION:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_ARITH_NOTIMPL:
    case JERR_NOTIMPL:
        leave(cinfo, fw_fail(FW_UNSUPPORTED, "a kind of JPEG that is not read (%s)", text));
        break;
    default:
        break;
    }
    if (cinfo->is_decompressor) {
        const reader *self = cinfo->client_data;
        size_t at = self->jpeg.src ? self->size - self->jpeg.src->bytes_in_buffer : 0;
        leave(cinfo, fw_fail(FW_BAD_INPUT, "damaged near byte %zu (%s)", at, text));
    }
    leave(cinfo, fw_fail(FW_INVALID, "cannot be written as JPEG (%s)", text));
}

static void fail_on_warnings(j_common_ptr cinfo, int level) {
    if (level < 0)
        fail_as_libjpeg_says(cinfo);
}

static void print_nothing(j_common_ptr cinfo) {
    (void)cinfo;
}

static struct jpeg_error_mgr *faults_of(fault *self) {
    jpeg_std_error(&self->errors);
    self->errors.error_exit = fail_as_libjpeg_says;
    self->errors.emit_message = fail_on_warnings;
    self->errors.output_message = print_nothing;
    return &self->errors;
}

static boolean fail_at_end_of_file(j_decompress_ptr cinfo) {
    const reader *self = cinfo->client_data;
    leave((j_common_ptr)cinfo, fw_ends_early(self->size));
    return FALSE;
}

static void fail_on_many_scans(j_common_ptr cinfo) {
    const reader *self = cinfo->client_data;
    if (self->jpeg.input_scan_number > (int)self->scans)
        leave(cinfo, fw_fail(FW_TOO_LARGE, "has more than %u scans, which take very long to decode", self->scans));
}

static bool jpeg_knows(const uint8_t *head, size_t size) {
    return size >= 3 && memcmp(head, "\xff\xd8\xff", 3) == 0;
}

/* The EXIF block is in an APP1 segment, before the first scan. */
static int orientation(const uint8_t *bytes, size_t size) {
    enum { APP1 = 0xe1, SOS = 0xda };
    size_t at = 2;
    while (size - at >= 4 && bytes[at] == 0xff && bytes[at + 1] != SOS) {
        size_t length = (size_t)fw_number(bytes + at + 2, 2, true);
        if (bytes[at + 1] == 0xff) { /* a fill byte */
            at++;
            continue;
        }
        if (length < 2 || length > size - at - 2)
            return 0;
        if (bytes[at + 1] == APP1 && length >= 8 && memcmp(bytes + at + 4, "Exif\0\0", 6) == 0)
            return fw_exif_orientation(bytes + at + 10, length - 8);
        at += 2 + length;
    }
    return 0;
}

/* Huffman codes take at least a bit, and each block has one for its DC and, unless progressive, one more:
 * a file shorter than that lies about its size, which is known before any memory is taken. */
static bool too_few_bytes(const struct jpeg_decompress_struct *jpeg, size_t size) {
    uint64_t bits = 0;
    for (int i = 0; i < jpeg->num_components; i++) {
        const jpeg_component_info *component = &jpeg->comp_info[i];
        bits += (uint64_t)component->width_in_blocks * component->height_in_blocks * (jpeg->progressive_mode ? 1 : 2);
    }
    return !jpeg->arith_code && bits / 8 > size;
}

static fw_status read_header(fw_image *image) {
    reader *self = image->state;
    struct jpeg_decompress_struct *jpeg = &self->jpeg;

    jpeg->client_data = self;
    jpeg_create_decompress(jpeg); /* keeps err and client_data */
    self->progress.progress_monitor = fail_on_many_scans;
    jpeg->progress = &self->progress;
    jpeg_mem_src(jpeg, image->bytes, image->size);
    jpeg->src->fill_input_buffer = fail_at_end_of_file;
    jpeg_read_header(jpeg, TRUE);

    fw_status status = fw_limits_check_size(&image->limits, jpeg->image_width, jpeg->image_height);
    if (status != FW_OK)
        return status;
    if (too_few_bytes(jpeg, image->size))
        return fw_too_few(image->size, jpeg->image_width, jpeg->image_height);

    image->format = (fw_format){ .width = jpeg->image_width, .height = jpeg->image_height, .pixels = FW_RGB8 };
    switch (jpeg->num_components) {
    case 1:
        jpeg->out_color_space = JCS_GRAYSCALE;
        image->format.pixels = FW_MONO8;
        break;
    case 3:
        jpeg->out_color_space = JCS_RGB;
        break;
    case 4:
        jpeg->out_color_space = JCS_CMYK;
        self->row = malloc((size_t)4 * jpeg->image_width);
        if (!self->row)
            return fw_fail(FW_NO_MEMORY, "no memory for a row of %u pixels", jpeg->image_width);
        break;
    default:
        return fw_fail(FW_UNSUPPORTED, "a JPEG of %d components; 1, 3 and 4 are read", jpeg->num_components);
    }
    return fw_image_finish_format(image);
}

static void jpeg_close(fw_image *image) {
    reader *self = image->state;
    if (!self)
        return;
    jpeg_destroy_decompress(&self->jpeg);
    free(self->row);
    free(self);
    image->state = NULL;
}

static fw_status jpeg_open(fw_image *image, fw_meta *meta) {
    fw_limits_default(&image->limits);
    reader *self = calloc(1, sizeof *self);
    if (!self)
        return fw_fail(FW_NO_MEMORY, "no memory for the JPEG codec");
    image->state = self;
    self->size = image->size;
    self->scans = image->limits.scans;
    self->jpeg.err = faults_of(&self->fault);

    fw_status status = setjmp(self->fault.escape) ? self->fault.status : read_header(image);
    if (status == FW_OK) {
        int turn = orientation(image->bytes, image->size);
        status = turn ? fw_meta_int(meta, "orientation", turn) : FW_OK;
    }
    if (status != FW_OK)
        jpeg_close(image);
    return status;
}

/* Without a colour profile, as the plain product of ink coverages. Adobe's files store them inverted. */
static void cmyk_to_rgb(uint8_t *out, const uint8_t *cmyk, size_t width, bool inverted) {
    unsigned flip = inverted ? 0 : 255;
    for (size_t i = 0; i < width; i++, out += 3, cmyk += 4) {
        unsigned k = cmyk[3] ^ flip;
        for (int c = 0; c < 3; c++)
            out[c] = (uint8_t)(((cmyk[c] ^ flip) * k + 127) / 255);
    }
}

static void read_rows(reader *self, const fw_format *format, uint8_t *out) {
    struct jpeg_decompress_struct *jpeg = &self->jpeg;
    size_t stride = format->size / format->height;

    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        enum { ROWS = 16 }; /* as many as libjpeg may have ready at a time */
        JSAMPROW rows[ROWS];
        JDIMENSION at = jpeg->output_scanline;
        if (self->row) {
            rows[0] = self->row;
            jpeg_read_scanlines(jpeg, rows, 1);
            cmyk_to_rgb(out + at * stride, self->row, jpeg->output_width, jpeg->saw_Adobe_marker);
            continue;
        }
        JDIMENSION left = jpeg->output_height - at;
        JDIMENSION count = left < ROWS ? left : ROWS;
        for (JDIMENSION i = 0; i < count; i++)
            rows[i] = out + (at + i) * stride;
        jpeg_read_scanlines(jpeg, rows, count);
    }
    jpeg_finish_decompress(jpeg); /* reads on to the end of the image: a file cut off behind its pixels fails too */
}

static fw_status jpeg_decode(fw_image *image, uint8_t *out) {
    reader *self = image->state;
    if (setjmp(self->fault.escape))
        return self->fault.status;
    read_rows(self, &image->format, out);
    return FW_OK;
}

typedef struct writer {
    fault fault;
    struct jpeg_compress_struct jpeg;
    struct jpeg_destination_mgr to;
} writer;

static void start_nothing(j_compress_ptr cinfo) {
    (void)cinfo;
}

static boolean fail_when_full(j_compress_ptr cinfo) {
    leave((j_common_ptr)cinfo, fw_fail(FW_TOO_LARGE, "the JPEG is larger than the memory it was given"));
    return FALSE;
}

static void write_rows(writer *self, const fw_format *format, J_COLOR_SPACE colours, int components,
                       const uint8_t *pixels, int quality) {
    struct jpeg_compress_struct *jpeg = &self->jpeg;
    size_t stride = (size_t)format->width * (size_t)components;

    jpeg_create_compress(jpeg);
    jpeg->dest = &self->to;
    jpeg->image_width = format->width;
    jpeg->image_height = format->height;
    jpeg->input_components = components;
    jpeg->in_color_space = colours;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, quality, TRUE);
    jpeg_start_compress(jpeg, TRUE);
    while (jpeg->next_scanline < jpeg->image_height) {
        enum { ROWS = 16 };
        JSAMPROW rows[ROWS];
        JDIMENSION left = jpeg->image_height - jpeg->next_scanline;
        JDIMENSION count = left < ROWS ? left : ROWS;
        for (JDIMENSION i = 0; i < count; i++)
            rows[i] = (JSAMPROW)(uintptr_t)(pixels + (jpeg->next_scanline + i) * stride); /* libjpeg only reads it */
        jpeg_write_scanlines(jpeg, rows, count);
    }
    jpeg_finish_compress(jpeg);
}

static fw_status compress(writer *self, const fw_format *format, J_COLOR_SPACE colours, int components,
                          const uint8_t *pixels, int quality) {
    self->jpeg.err = faults_of(&self->fault);
    if (setjmp(self->fault.escape))
        return self->fault.status;
    write_rows(self, format, colours, components, pixels, quality);
    return FW_OK;
}

fw_status fw_jpeg_compress(const fw_format *format, const uint8_t *pixels, int quality, uint8_t *out, size_t room,
                           size_t *size_p) {
    static const struct {
        fw_pixels pixels;
        J_COLOR_SPACE colours;
        int components;
    } kinds[] = {
        { FW_MONO8, JCS_GRAYSCALE, 1 }, { FW_RGB8, JCS_EXT_RGB, 3 },   { FW_BGR8, JCS_EXT_BGR, 3 },
        { FW_RGBA8, JCS_EXT_RGBX, 4 },  { FW_BGRA8, JCS_EXT_BGRX, 4 },
    };
    size_t kind = 0;
    while (kind < sizeof kinds / sizeof *kinds && kinds[kind].pixels != format->pixels)
        kind++;
    if (kind == sizeof kinds / sizeof *kinds || format->encoding != FW_RAW)
        return fw_fail(FW_UNSUPPORTED, "%s cannot be written as JPEG; mono8, rgb8, bgr8, rgba8 and bgra8 can",
                       format->encoding != FW_RAW ? "an encoded payload"
                       : format->pixels           ? fw_pixels_name(format->pixels)
                                                  : "a plain array");
    if (format->width > JPEG_MAX_DIMENSION || format->height > JPEG_MAX_DIMENSION)
        return fw_fail(FW_UNSUPPORTED, "%u x %u pixels cannot be written as JPEG, which ends at %ld a side",
                       format->width, format->height, JPEG_MAX_DIMENSION);
    if (quality < 1 || quality > 100)
        return fw_fail(FW_INVALID, "a JPEG quality is a number from 1 to 100, not %d", quality);

    writer self = { .to = { .next_output_byte = out,
                            .free_in_buffer = room,
                            .init_destination = start_nothing,
                            .empty_output_buffer = fail_when_full,
                            .term_destination = start_nothing } };
    fw_status status = compress(&self, format, kinds[kind].colours, kinds[kind].components, pixels, quality);
    *size_p = room - self.to.free_in_buffer;
    jpeg_destroy_compress(&self.jpeg);
    return status;
}

size_t fw_jpeg_bound(const fw_format *format) {
    /* As libjpeg-turbo's own tjBufSize(): 2 bytes a sample of whole MCUs (16 x 16 at 4:2:0, 8 x 8 in grey), and headers. */
    bool grey = format->pixels == FW_MONO8;
    size_t mcu = grey ? 8 : 16;
    size_t width = (format->width + mcu - 1) / mcu * mcu;
    size_t height = (format->height + mcu - 1) / mcu * mcu;
    return width * height * (grey ? 2 : 3) + 2048;
}

const fw_codec fw_codec_jpeg = {
    .name = "jpeg",
    .extensions = (const char *const[]){ "jpg", "jpeg", "jpe", "jfif", NULL },
    .knows = jpeg_knows,
    .open = jpeg_open,
    .decode = jpeg_decode,
    .close = jpeg_close,
};

#define TEXT_OF(macro)  AS_TYPED(macro)
#define AS_TYPED(token) #token

void fw_jpeg_version(fw_text *text) { /* the library does not say its own: this is what was built with */
    fw_text_format(text, "libjpeg-turbo %s", TEXT_OF(LIBJPEG_TURBO_VERSION));
}
