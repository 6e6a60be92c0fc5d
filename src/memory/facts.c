/* What a received frame says of itself. */
#include <string.h>

#include "base/status.h"
#include "memory/frame.h"
#include "wire/reader.h"

#define NESTING 16 /* more than a header may have */

const char *fw_frame_stream(const fw_frame *self) {
    return self->stream ? self->stream : "";
}

uint64_t fw_frame_epoch(const fw_frame *self) {
    return self->header.epoch;
}

uint64_t fw_frame_seq(const fw_frame *self) {
    return self->header.seq;
}

uint32_t fw_frame_attempt(const fw_frame *self) {
    return self->header.attempt;
}

const char *fw_frame_item(const fw_frame *self) {
    return self->item ? self->item : "";
}

int64_t fw_frame_time(const fw_frame *self) {
    return self->header.time;
}

int64_t fw_frame_monotonic(const fw_frame *self) {
    return self->header.monotonic;
}

const char *fw_frame_transport(const fw_frame *self) {
    return self->transport ? self->transport : "";
}

/* The value of a key: its first token, which is the whole of it for texts and numbers. */
static bool find(const fw_frame *self, const char *key, fw_token *value) {
    fw_reader reader = fw_reader_of(self->header.meta.data, self->header.meta.size);
    fw_token name;
    size_t size = strlen(key);
    bool found = false;
    while (!found && reader.at < reader.end && fw_read(&reader, &name)) {
        found = name.kind == FW_TOKEN_TEXT && name.size == size && memcmp(name.data, key, size) == 0;
        fw_reader rest = reader;
        if (found ? !fw_read(&rest, value) : !fw_skip(&reader, NESTING, FW_HEADER_RULES))
            return false;
    }
    return found;
}

static fw_status no_such(const char *key, const char *kind) {
    return fw_fail(FW_NOT_FOUND, "the frame's meta has no %s that is %s", key, kind);
}

fw_status fw_frame_get_text(const fw_frame *self, const char *key, char *text, size_t room) {
    fw_token value;
    if (!find(self, key, &value) || value.kind != FW_TOKEN_TEXT)
        return no_such(key, "text");
    if (value.size >= room)
        return fw_fail(FW_TOO_LARGE, "the text of %s in the frame's meta takes %u bytes and a NUL", key, value.size);
    memcpy(text, value.data, value.size);
    text[value.size] = '\0';
    return FW_OK;
}

fw_status fw_frame_get_int(const fw_frame *self, const char *key, int64_t *value_p) {
    fw_token value;
    if (!find(self, key, &value) || (value.kind != FW_TOKEN_INT && value.kind != FW_TOKEN_UINT) ||
        (value.kind == FW_TOKEN_UINT && value.uint > INT64_MAX))
        return no_such(key, "an integer of 64 bits");
    *value_p = value.kind == FW_TOKEN_INT ? value.sint : (int64_t)value.uint;
    return FW_OK;
}

fw_status fw_frame_get_float(const fw_frame *self, const char *key, double *value_p) {
    fw_token value;
    if (!find(self, key, &value))
        return no_such(key, "a number");
    if (value.kind == FW_TOKEN_FLOAT)
        *value_p = value.real;
    else if (value.kind == FW_TOKEN_INT)
        *value_p = (double)value.sint;
    else if (value.kind == FW_TOKEN_UINT)
        *value_p = (double)value.uint;
    else
        return no_such(key, "a number");
    return FW_OK;
}
