/* Test pictures, in every pixel format.
 *
 * bars and gradient are a ground (colour bars; a ramp from black to white) with a band of the mirrored ground that
 * moves down two rows a frame, and the frame's number as ten digits at the top left where there is room. So from one
 * number to the next only a few rows change, and fw_picture_redraw() costs microseconds. noise is new in every byte.
 */
#ifndef FW_SOURCE_PICTURE_H
#define FW_SOURCE_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#include <framewire/frame.h>

typedef enum fw_picture_kind { FW_PICTURE_BARS, FW_PICTURE_GRADIENT, FW_PICTURE_NOISE } fw_picture_kind;

/* A part of the picture whose rows lie one below the other: all of it, or NV12's luma and chroma. */
typedef struct fw_plane {
    size_t offset; /* of its first row in the frame */
    size_t row_size;
    uint32_t subsampling; /* picture rows to one of its rows */
    const char *channels; /* see layouts in picture.c */
    uint8_t *ground[2];   /* an even and an odd row */
    uint8_t *band[2];
    uint8_t ink[2][8]; /* a black pixel, a white one: the same in every column and row */
} fw_plane;

typedef struct fw_picture {
    fw_picture_kind kind;
    fw_format format;
    fw_plane planes[2];
    uint32_t plane_count;
    uint32_t digit_scale; /* pixels to a dot of a digit; 0: no digits */
    uint32_t top;         /* the band moves below this row */
    uint32_t band_rows;
    uint8_t *templates; /* all rows of the planes */
} fw_picture;

/* format: complete and raw, of any pixel format but FW_PLAIN. Errors: FW_NO_MEMORY; nothing is to be closed then. */
fw_status fw_picture_open(fw_picture *self, fw_picture_kind kind, const fw_format *format);

/* Draw all of it. Any thread. */
void fw_picture_draw(const fw_picture *self, uint8_t *out, uint64_t number);

/* Draw over what this same picture left in out with the number `before`. Any thread. */
void fw_picture_redraw(const fw_picture *self, uint8_t *out, uint64_t before, uint64_t number);

void fw_picture_close(fw_picture *self);

#endif
