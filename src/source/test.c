/* Frames made by arithmetic: for trying things out, for tests and for benchmarks. See docs/test-source.md. */
#include "source/source.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "source/picture.h"
#include "source/registry.h"
#include "source/stamp.h"

typedef struct test_source {
    fw_picture picture;
    uint64_t count, next;
    uint64_t mark; /* what slots say that this source drew in last */
} test_source;

static fw_status parse_kind(const fw_spec *spec, fw_picture_kind *kind_p) {
    static const char *const names[] = { "bars", "gradient", "noise" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(spec->rest, names[i]) == 0) {
            *kind_p = (fw_picture_kind)i;
            return FW_OK;
        }
    return fw_fail(FW_INVALID, "test:%s: no such pattern; there are test:bars, test:gradient and test:noise",
                   spec->rest);
}

static fw_status check_size(const fw_spec *spec, fw_limits limits, fw_format *format) {
    fw_limits_default(&limits);
    fw_status status = fw_format_complete(format);
    if (status == FW_OK)
        status = fw_limits_check(&limits, format);
    if (status == FW_OK)
        return FW_OK;
    return fw_fail(FW_INVALID, "test:%s: size=%" PRIu32 "x%" PRIu32 ": %s", spec->rest, format->width, format->height,
                   fw_cause());
}

static fw_status test_open(const fw_source_request *request, void **state_p) {
    static atomic_uint_least64_t opened;
    const fw_spec *spec = request->spec;
    fw_picture_kind kind = FW_PICTURE_BARS;
    fw_format format = { 0 };
    uint64_t count = 0;
    fw_status status = parse_kind(spec, &kind);
    if (status == FW_OK)
        status = fw_parse_size(fw_param_text(spec, &fw_source_test, "size"), &format.width, &format.height);
    if (status == FW_OK)
        status = fw_pixels_parse(fw_param_text(spec, &fw_source_test, "format"), &format.pixels);
    if (status == FW_OK)
        status = fw_parse_count(fw_param_text(spec, &fw_source_test, "count"), &count);
    if (status == FW_OK)
        status = check_size(spec, request->options->limits, &format);
    if (status != FW_OK)
        return status;
    test_source *self = calloc(1, sizeof *self);
    if (self == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory for a test source");
    status = fw_picture_open(&self->picture, kind, &format);
    if (status != FW_OK) {
        free(self);
        return status;
    }
    self->count = count;
    self->mark = atomic_fetch_add(&opened, 1) + 1;
    *state_p = self;
    return FW_OK;
}

static fw_status test_next(void *state, fw_item *item) {
    test_source *self = state;
    if (self->count != 0 && self->next == self->count)
        return FW_END;
    self->next++;
    if (asprintf(&item->name, "%llu", (unsigned long long)item->number) < 0) {
        item->name = NULL;
        return fw_fail(FW_NO_MEMORY, "no memory for the name of a test frame");
    }
    return FW_OK;
}

static fw_status test_measure(void *state, fw_item *item) {
    const test_source *self = state;
    item->format = self->picture.format;
    return FW_OK;
}

static fw_status test_fill(void *state, fw_item *item, fw_frame *frame) {
    const test_source *self = state;
    fw_slot *slot = frame->slot;
    if (slot != NULL && slot->left_by == self->mark)
        fw_picture_redraw(&self->picture, frame->data, slot->left_seq, item->number);
    else
        fw_picture_draw(&self->picture, frame->data, item->number);
    fw_stamp_write(frame->data, self->picture.format.size, item->number);
    if (slot != NULL) {
        slot->left_by = self->mark;
        slot->left_seq = item->number;
    }
    return FW_OK;
}

static void test_free_item(void *state, fw_item *item) {
    (void)state;
    (void)item;
}

static fw_status test_rewind(void *state) {
    test_source *self = state;
    self->next = 0;
    return FW_OK;
}

static void test_stop(void *state) {
    (void)state;
}

static void test_close(void *state) {
    test_source *self = state;
    fw_picture_close(&self->picture);
    free(self);
}

const fw_source_class fw_source_test = {
    .info = {
        .scheme = "test",
        .usage = "test:bars|gradient|noise",
        .help = "Test pictures: colour bars or a ramp with a moving band and the frame's number, or noise; "
                "each frame is stamped so that a reader can check that it is whole",
        .params = (const fw_param[]){
            { "size", FW_PARAM_SIZE, "640x480", "width and height in pixels" },
            { "format", FW_PARAM_PIXELS, "rgb8", "the pixel format: mono8, rgb16, bayer_rggb8, nv12, ..." },
            { "count", FW_PARAM_COUNT, "0", "how many frames; 0: without end" },
            { NULL, FW_PARAM_TEXT, NULL, NULL } },
    },
    .parallel = true,
    .quick = true,
    .alike = true,
    .has_items = true,
    .open = test_open, .next = test_next, .measure = test_measure, .fill = test_fill,
    .free_item = test_free_item, .rewind = test_rewind, .stop = test_stop, .close = test_close,
};
