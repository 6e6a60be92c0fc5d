/* The stamp of a test frame: its number, again and again, so that a reader can tell that the frame is whole.
 *
 * 16 bytes: the number as a little-endian 64-bit integer, then its complement. They stand at every multiple of
 * 64 KiB where 16 bytes fit, and in the last 16 bytes where these do not overlap another stamp. A payload of less
 * than 16 bytes has only as much of one as fits. docs/test-source.md shows how to check it.
 */
#ifndef FW_SOURCE_STAMP_H
#define FW_SOURCE_STAMP_H

#include <stddef.h>
#include <stdint.h>

#define FW_STAMP_SIZE ((size_t)16)
#define FW_STAMP_STEP ((size_t)64 << 10)

void fw_stamp_write(uint8_t *data, size_t size, uint64_t number);

#endif
