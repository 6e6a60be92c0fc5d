/* The chain of a TIFF's directories (one a page), read without libtiff, which would walk it anew for each page.
 * TIFF 6.0, section 2; BigTIFF as libtiff describes it.
 */
#ifndef FW_IMAGE_TIFF_PAGES_H
#define FW_IMAGE_TIFF_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/codec.h"

#define FW_TIFF_PAGES_MAX ((size_t)1 << 24)

typedef struct fw_tiff_header {
    bool big_endian, big; /* big: BigTIFF, of 64-bit offsets */
    size_t size;          /* of the header: 8 or 16 */
    uint64_t first;       /* offset of the first directory */
} fw_tiff_header;

/* FW_BAD_INPUT if it is cut off, or not one. */
fw_status fw_tiff_read_header(const fw_image *image, fw_tiff_header *header);

/* As fw_codec.pages: FW_BAD_INPUT if the pages form a loop, FW_TOO_LARGE beyond FW_TIFF_PAGES_MAX. */
fw_status fw_tiff_pages(const fw_image *image, uint64_t **offsets_p, size_t *count_p);

/* Width and height as the directory at offset says them among its first entries (they are in order of tags, so these
 * come early); 0 where it does not. FW_BAD_INPUT if it is cut off. */
fw_status fw_tiff_page_size(const fw_image *image, uint64_t offset, uint64_t *width_p, uint64_t *height_p);

#endif
