#include "memory/frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/status.h"
#include "base/text.h"
#include "memory/copy.h"

#define ITEM_MAX 4096

static void *memory_of_its_own(size_t size) {
    size_t rounded = size ? size : 1;
    return rounded <= PTRDIFF_MAX - 63 ? aligned_alloc(64, (rounded + 63) / 64 * 64) : NULL;
}

fw_status fw_frame_new(const fw_format *format, fw_slot *slot, fw_frame **frame_p) {
    assert(!slot || slot->room >= format->size);
    *frame_p = NULL;
    fw_frame *self = calloc(1, sizeof *self);
    void *data = slot ? slot->data : memory_of_its_own(format->size);
    if (!self || !data) {
        if (slot)
            fw_slot_release(slot);
        else
            free(data);
        free(self);
        return fw_fail(FW_NO_MEMORY, "out of memory for a frame of %zu bytes", format->size);
    }
    self->header.kind = FW_KIND_FRAME;
    self->header.format = *format;
    self->header.time = fw_unix_now();
    self->header.monotonic = fw_now();
    self->slot = slot;
    self->data = data;
    self->room = format->size;
    *frame_p = self;
    return FW_OK;
}

void fw_frame_drop(fw_frame **frame_p) {
    fw_frame *self = *frame_p;
    *frame_p = NULL;
    if (!self)
        return;
    if (self->drop) {
        self->drop(self);
        return;
    }
    if (self->slot)
        fw_slot_release(self->slot);
    else
        free(self->data);
    fw_meta_free(&self->meta);
    free(self->item);
    free(self);
}

void fw_frame_free(fw_frame **frame_p) {
    fw_frame_drop(frame_p);
}

void *fw_frame_data(fw_frame *self) {
    return self->data;
}

size_t fw_frame_size(const fw_frame *self) {
    return self->header.format.size;
}

fw_status fw_frame_copy(fw_frame *self, const void *pixels, size_t stride) {
    const fw_format *format = &self->header.format;
    size_t rows = format->encoding == FW_RAW && format->ndim > 1 ? format->shape[0] : 1;
    size_t row = rows > 0 ? format->size / rows : 0;
    if (self->drop)
        return fw_fail(FW_INVALID, "a frame that was received is for reading only");
    if (stride > 0 && stride < row)
        return fw_fail(FW_INVALID, "rows of %zu bytes cannot lie %zu bytes apart", row, stride);
    fw_copy_rows(self->data, pixels, row, rows, stride > 0 ? stride : row);
    return FW_OK;
}

const fw_format *fw_frame_format(const fw_frame *self) {
    return &self->header.format;
}

fw_status fw_frame_set_size(fw_frame *self, size_t size) {
    if (self->header.format.encoding == FW_RAW)
        return fw_fail(FW_INVALID, "the size of raw pixels follows from their format");
    if (size > self->room)
        return fw_fail(FW_INVALID, "%zu bytes are more than the %zu that were loaned", size, self->room);
    self->header.format.size = size;
    return FW_OK;
}

void fw_frame_set_time(fw_frame *self, int64_t unix_ns) {
    self->header.time = unix_ns;
}

fw_status fw_frame_set_item(fw_frame *self, const char *item) {
    size_t size = strnlen(item, ITEM_MAX + 1);
    if (self->drop)
        return fw_fail(FW_INVALID, "a frame that was received keeps its item");
    if (size > ITEM_MAX)
        return fw_fail(FW_INVALID, "an item has at most %d bytes", ITEM_MAX);
    if (!fw_utf8_valid(item, size))
        return fw_fail(FW_INVALID, "%s: an item is UTF-8", item);
    char *copy = strdup(item);
    if (!copy)
        return fw_fail(FW_NO_MEMORY, "out of memory");
    free(self->item);
    self->item = copy;
    self->header.item = (fw_span){ copy, size };
    return FW_OK;
}

fw_status fw_frame_set_text(fw_frame *self, const char *key, const char *text) {
    return fw_meta_text(&self->meta, key, text, strlen(text));
}

fw_status fw_frame_set_int(fw_frame *self, const char *key, int64_t value) {
    return fw_meta_int(&self->meta, key, value);
}

fw_status fw_frame_set_float(fw_frame *self, const char *key, double value) {
    return fw_meta_float(&self->meta, key, value);
}
