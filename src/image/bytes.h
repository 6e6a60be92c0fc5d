/* What several codecs need of bytes: numbers in either byte order, and the sentences about files that end early. */
#ifndef FW_IMAGE_BYTES_H
#define FW_IMAGE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <framewire/status.h>

/* A number of 1, 2, 4 or 8 bytes. */
uint64_t fw_number(const uint8_t *bytes, size_t size, bool big_endian);

/* Reverse the bytes of each of count numbers (size 1, 2, 4 or 8), in place. */
void fw_swap(uint8_t *bytes, size_t count, size_t size);

/* The same, but only on a machine whose own order is not little-endian: for what a library gives in host order. */
void fw_host_to_little(uint8_t *bytes, size_t count, size_t size);

/* "541 bytes", "41 KB", "6.2 MB" */
typedef struct fw_size_text {
    char text[32];
} fw_size_text;
fw_size_text fw_size_say(uint64_t bytes);

/* FW_BAD_INPUT: "the file ends after 41 KB, in the middle of the image". */
fw_status fw_ends_early(size_t size);

/* FW_BAD_INPUT: "the file ends after 541 bytes, too few for the 16000 x 16000 pixels that it claims". */
fw_status fw_too_few(size_t size, uint64_t width, uint64_t height);

#endif
