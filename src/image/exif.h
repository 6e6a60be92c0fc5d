/* EXIF: the one fact of it that changes what a picture shows. */
#ifndef FW_IMAGE_EXIF_H
#define FW_IMAGE_EXIF_H

#include <stddef.h>
#include <stdint.h>

/* The orientation (1-8; Exif 2.32, 4.6.4) in an EXIF block, which is a TIFF header and its first directory.
 * 0: none, or the block is damaged. */
int fw_exif_orientation(const uint8_t *block, size_t size);

#endif
