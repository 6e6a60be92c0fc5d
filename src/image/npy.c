/* NumPy's array files, versions 1 to 3; https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 *
 * (H, W) of uint8 or uint16 is mono8 or mono16; all else is a plain array, (H, W, 3) too, since the file does not say whether
 * that is RGB, BGR or no colour at all. Fortran order becomes C order, big-endian becomes little-endian.
 */
#include "image/codec.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "image/bytes.h"

typedef struct reader {
    size_t data;    /* where the elements start */
    size_t element; /* bytes */
    size_t number;  /* bytes of what has a byte order: half a complex element */
    bool swapped, fortran;
} reader;

static bool npy_knows(const uint8_t *head, size_t size) {
    return size >= 6 && memcmp(head, "\x93NUMPY", 6) == 0;
}

/* The header's text: a Python dict of three keys. */
typedef struct scanner {
    const char *at, *end;
} scanner;

static void skip_space(scanner *text) {
    while (text->at < text->end && (*text->at == ' ' || (*text->at >= '\t' && *text->at <= '\r')))
        text->at++;
}

static bool take(scanner *text, char wanted) {
    skip_space(text);
    if (text->at == text->end || *text->at != wanted)
        return false;
    text->at++;
    return true;
}

static bool take_word(scanner *text, const char *word) {
    skip_space(text);
    size_t length = strlen(word);
    if ((size_t)(text->end - text->at) < length || memcmp(text->at, word, length) != 0)
        return false;
    text->at += length;
    return true;
}

/* 'text' or "text", without escapes. */
static bool take_string(scanner *text, char *out, size_t room) {
    skip_space(text);
    char quote = text->at < text->end ? *text->at : 0;
    if (quote != '\'' && quote != '"')
        return false;
    const char *first = ++text->at;
    while (text->at < text->end && *text->at != quote)
        text->at++;
    size_t length = (size_t)(text->at - first);
    if (text->at == text->end || length >= room)
        return false;
    memcpy(out, first, length);
    out[length] = 0;
    text->at++;
    return true;
}

static bool take_number(scanner *text, uint64_t *value_p) {
    skip_space(text);
    const char *first = text->at;
    uint64_t value = 0;
    for (; text->at < text->end && *text->at >= '0' && *text->at <= '9'; text->at++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *text->at - '0', &value))
            return false;
    *value_p = value;
    return text->at != first;
}

static fw_status read_dtype(scanner *text, reader *self, fw_dtype *dtype_p) {
    char name[24];
    skip_space(text);
    if (text->at < text->end && *text->at == '[')
        return fw_fail(FW_UNSUPPORTED, "a structured array; save its fields as arrays of their own");
    if (!take_string(text, name, sizeof name))
        return fw_fail(FW_BAD_INPUT, "damaged NPY header (its descr is not a type)");
    if (strchr(name, 'O'))
        return fw_fail(FW_UNSUPPORTED, "an array of Python objects, which only pickle can read");

    /* The wire's names are the little-endian ones of these. */
    char little[sizeof name];
    size_t skip = name[0] == '<' || name[0] == '>' || name[0] == '|' || name[0] == '=' ? 1 : 0;
    unsigned long size = name[skip] ? strtoul(name + skip + 1, NULL, 10) : 0;
    snprintf(little, sizeof little, "%c%.*s", size > 1 ? '<' : '|', (int)(sizeof little - 2), name + skip);
    if (fw_dtype_parse(little, dtype_p) != FW_OK)
        return fw_fail(FW_UNSUPPORTED, "an array of type %s; bool, integers, floats and complex floats are read", name);
    self->element = size;
    self->number = name[skip] == 'c' ? size / 2 : size;
    self->swapped = name[0] == '>' && self->number > 1;
    return FW_OK;
}

static fw_status read_shape(scanner *text, fw_format *format) {
    if (!take(text, '('))
        return fw_fail(FW_BAD_INPUT, "damaged NPY header (its shape is not a tuple)");
    while (!take(text, ')')) {
        uint64_t length;
        if (!take_number(text, &length))
            return fw_fail(FW_BAD_INPUT, "damaged NPY header (its shape is not made of numbers)");
        if (format->ndim == FW_MAX_DIMS)
            return fw_fail(FW_UNSUPPORTED, "an array of more than %d dimensions", FW_MAX_DIMS);
        format->shape[format->ndim++] = length;
        take(text, 'L'); /* Python 2 wrote it */
        if (!take(text, ',')) {
            if (take(text, ')'))
                break;
            return fw_fail(FW_BAD_INPUT, "damaged NPY header (its shape does not end)");
        }
    }
    return FW_OK;
}

static fw_status read_dict(scanner text, reader *self, fw_format *format) {
    bool has_dtype = false, has_order = false, has_shape = false;
    bool more = take(&text, '{');
    while (more && !take(&text, '}')) {
        char key[24];
        fw_status status = FW_OK;
        if (!take_string(&text, key, sizeof key) || !take(&text, ':'))
            break;
        if (strcmp(key, "descr") == 0 && !has_dtype) {
            status = read_dtype(&text, self, &format->dtype);
            has_dtype = true;
        } else if (strcmp(key, "shape") == 0 && !has_shape) {
            status = read_shape(&text, format);
            has_shape = true;
        } else if (strcmp(key, "fortran_order") == 0 && !has_order) {
            self->fortran = take_word(&text, "True");
            has_order = self->fortran || take_word(&text, "False");
        } else {
            break;
        }
        if (status != FW_OK)
            return status;
        more = take(&text, ',');
    }
    if (!has_dtype || !has_order || !has_shape)
        return fw_fail(FW_BAD_INPUT, "damaged NPY header (it needs descr, fortran_order and shape, and nothing else)");
    return FW_OK;
}

static fw_status read_header(fw_image *image, reader *self) {
    const uint8_t *bytes = image->bytes;
    if (image->size < 10)
        return fw_ends_early(image->size);
    unsigned version = bytes[6];
    if (version < 1 || version > 3)
        return fw_fail(FW_UNSUPPORTED, "NPY version %u; 1 to 3 are read", version);
    size_t start = version == 1 ? 10 : 12;
    if (image->size < start)
        return fw_ends_early(image->size);
    size_t length = (size_t)fw_number(bytes + 8, start - 8, false);
    if (length > image->size - start)
        return fw_ends_early(image->size);
    self->data = start + length;

    fw_format *format = &image->format;
    *format = (fw_format){ 0 };
    const char *text = (const char *)bytes + start;
    fw_status status = read_dict((scanner){ text, text + length }, self, format);
    if (status != FW_OK)
        return status;
    if (format->ndim == 0)
        return fw_fail(FW_UNSUPPORTED, "an array without dimensions, a single number, is no frame");
    bool deep = format->dtype == FW_U16;
    if (format->ndim == 2 && (deep || format->dtype == FW_U8) && format->shape[0] <= UINT32_MAX &&
        format->shape[1] <= UINT32_MAX)
        *format = (fw_format){ .width = (uint32_t)format->shape[1],
                               .height = (uint32_t)format->shape[0],
                               .pixels = deep ? FW_MONO16 : FW_MONO8 };
    status = fw_image_finish_format(image);
    if (status != FW_OK)
        return status;
    if (format->size > image->size - self->data)
        return fw_ends_early(image->size);
    return FW_OK;
}

static fw_status npy_open(fw_image *image, fw_meta *meta) {
    (void)meta;
    fw_limits_default(&image->limits);
    reader self = { 0 };
    fw_status status = read_header(image, &self);
    if (status != FW_OK)
        return status;
    image->state = malloc(sizeof self);
    if (!image->state)
        return fw_fail(FW_NO_MEMORY, "no memory for the NPY codec");
    memcpy(image->state, &self, sizeof self);
    return FW_OK;
}

/* Elements that lie stride elements apart, packed. memcpy of a size known here is one move. */
static void gather(uint8_t *out, const uint8_t *in, uint64_t count, uint64_t stride, size_t element) {
#define GATHER(SIZE)                                              \
    case SIZE:                                                    \
        for (uint64_t i = 0; i < count; i++)                      \
            memcpy(out + i * SIZE, in + i * stride * SIZE, SIZE); \
        break;
    switch (element) {
        GATHER(1)
        GATHER(2)
        GATHER(4)
        GATHER(8)
        GATHER(16)
    }
#undef GATHER
}

static void fortran_to_c(uint8_t *out, const uint8_t *in, const fw_format *format, size_t element) {
    uint64_t stride[FW_MAX_DIMS], index[FW_MAX_DIMS] = { 0 };
    uint32_t last = format->ndim - 1;
    stride[0] = 1;
    for (uint32_t d = 1; d <= last; d++)
        stride[d] = stride[d - 1] * format->shape[d - 1];

    uint64_t rows = format->size / element / format->shape[last];
    for (uint64_t row = 0; row < rows; row++) {
        uint64_t from = 0;
        for (uint32_t d = 0; d < last; d++)
            from += index[d] * stride[d];
        gather(out, in + from * element, format->shape[last], stride[last], element);
        out += format->shape[last] * element;
        for (uint32_t d = last; d > 0 && ++index[d - 1] == format->shape[d - 1]; d--)
            index[d - 1] = 0;
    }
}

static fw_status npy_decode(fw_image *image, uint8_t *out) {
    const reader *self = image->state;
    const fw_format *format = &image->format;
    if (self->fortran && format->ndim > 1 && format->size > 0)
        fortran_to_c(out, image->bytes + self->data, format, self->element);
    else
        memcpy(out, image->bytes + self->data, format->size);
    if (self->swapped)
        fw_swap(out, format->size / self->number, self->number);
    return FW_OK;
}

static void npy_close(fw_image *image) {
    free(image->state);
    image->state = NULL;
}

const fw_codec fw_codec_npy = {
    .name = "npy",
    .extensions = (const char *const[]){ "npy", NULL },
    .knows = npy_knows,
    .open = npy_open,
    .decode = npy_decode,
    .close = npy_close,
};
