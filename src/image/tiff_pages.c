#include "image/tiff_pages.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "image/bytes.h"

fw_status fw_tiff_read_header(const fw_image *image, fw_tiff_header *header) {
    uint8_t bytes[16];
    size_t size = fw_image_read(image, 0, bytes, sizeof bytes);
    if (size < 8)
        return fw_ends_early(size);
    header->big_endian = bytes[0] == 'M';
    header->big = fw_number(bytes + 2, 2, header->big_endian) == 43;
    header->size = header->big ? 16 : 8;
    if (size < header->size)
        return fw_ends_early(size);
    header->first = fw_number(bytes + header->size / 2, header->size / 2, header->big_endian);
    return FW_OK;
}

/* A directory: a count, entries of a fixed size, the offset of the next one. */
typedef struct directory {
    uint64_t entries, count;
    size_t entry; /* bytes */
    uint64_t next;
} directory;

/* A number of the file; false if it ends before. */
static bool read_number(const fw_image *image, const fw_tiff_header *header, uint64_t at, size_t size,
                        uint64_t *value) {
    uint8_t bytes[8];
    if (fw_image_read(image, at, bytes, size) < size)
        return false;
    *value = fw_number(bytes, size, header->big_endian);
    return true;
}

static bool read_directory(const fw_image *image, const fw_tiff_header *header, uint64_t at, directory *self) {
    size_t count_size = header->big ? 8 : 2, next_size = header->big ? 8 : 4;
    if (at < header->size || at > image->size || image->size - at < count_size)
        return false;
    self->entry = header->big ? 20 : 12;
    if (!read_number(image, header, at, count_size, &self->count))
        return false;
    self->entries = at + count_size;
    uint64_t left = image->size - self->entries;
    if (self->count > left / self->entry || left - self->count * self->entry < next_size)
        return false;
    return read_number(image, header, self->entries + self->count * self->entry, next_size, &self->next);
}

fw_status fw_tiff_pages(const fw_image *image, uint64_t **offsets_p, size_t *count_p) {
    fw_tiff_header header;
    fw_status status = fw_tiff_read_header(image, &header);
    if (status != FW_OK)
        return status;

    uint64_t *offsets = NULL;
    size_t count = 0, room = 0;
    uint64_t at = header.first, passed = 0; /* Brent: a loop comes back to the offset kept at the last power of two */
    do {
        if (count == FW_TIFF_PAGES_MAX) {
            free(offsets);
            return fw_fail(FW_TOO_LARGE, "has more than %zu pages", FW_TIFF_PAGES_MAX);
        }
        if (count == room) {
            room = room ? 2 * room : 16;
            uint64_t *more = reallocarray(offsets, room, sizeof *offsets);
            if (!more) {
                free(offsets);
                return fw_fail(FW_NO_MEMORY, "no memory for a list of %zu pages", room);
            }
            offsets = more;
        }
        offsets[count++] = at;
        if ((count & (count - 1)) == 0)
            passed = at;
        directory page;
        if (!read_directory(image, &header, at, &page))
            break;
        at = page.next;
        if (at == passed) {
            free(offsets);
            return fw_fail(FW_BAD_INPUT, "its pages form a loop: one names an earlier one as the next");
        }
    } while (at != 0);
    *offsets_p = offsets;
    *count_p = count;
    return FW_OK;
}

fw_status fw_tiff_page_size(const fw_image *image, uint64_t offset, uint64_t *width_p, uint64_t *height_p) {
    enum { WIDTH = 256, HEIGHT = 257, ENTRIES = 64 };
    uint8_t entries[ENTRIES * 20];
    fw_tiff_header header;
    directory page;
    fw_status status = fw_tiff_read_header(image, &header);
    if (status != FW_OK)
        return status;
    if (!read_directory(image, &header, offset, &page))
        return fw_ends_early(image->size);

    *width_p = *height_p = 0;
    size_t count = page.count < ENTRIES ? (size_t)page.count : ENTRIES;
    if (fw_image_read(image, page.entries, entries, count * page.entry) < count * page.entry)
        return fw_ends_early(image->size);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *entry = entries + i * page.entry;
        uint64_t tag = fw_number(entry, 2, header.big_endian);
        if (tag != WIDTH && tag != HEIGHT)
            continue;
        static const uint8_t sizes[] = { [1] = 1, [3] = 2, [4] = 4, [16] = 8 }; /* BYTE, SHORT, LONG, LONG8 */
        uint64_t type = fw_number(entry + 2, 2, header.big_endian);
        size_t bytes_of = type < sizeof sizes ? sizes[type] : 0;
        if (bytes_of == 8 && !header.big)
            continue;
        *(tag == WIDTH ? width_p : height_p) = fw_number(entry + (header.big ? 12 : 8), bytes_of, header.big_endian);
    }
    return FW_OK;
}
