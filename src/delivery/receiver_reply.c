/* Results: what workers say of frames. */
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/text.h"
#include "delivery/receiver.h"
#include "wire/format.h"
#include "wire/writer.h"

#define MAP_HEAD_MAX 5

/* A result, ready to be sent. */
typedef struct answer {
    fw_header header;
    fw_part payloads[1 + FW_RESULT_ARRAYS_MAX];
    size_t count;
    uint8_t *value; /* malloc'ed, or NULL */
    uint8_t *names; /* the list of arrays, packed; malloc'ed, or NULL */
} answer;

static const uint8_t nil = 0xc0;

/* The value that was put into the frame: a map, or nil. */
static fw_status own_value(const fw_frame *frame, answer *out) {
    const fw_meta *meta = &frame->meta;
    out->payloads[0] = (fw_part){ &nil, 1 };
    if (meta->count == 0)
        return FW_OK;
    out->value = malloc(MAP_HEAD_MAX + meta->size);
    if (out->value == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory for a result of %zu bytes", meta->size);
    fw_writer writer = { .out = out->value, .room = MAP_HEAD_MAX + meta->size };
    fw_write_map(&writer, meta->count);
    fw_write_packed(&writer, meta->packed, meta->size);
    out->payloads[0] = (fw_part){ out->value, writer.size };
    return FW_OK;
}

/* The most bytes that an array's name, dtype and shape take in the header's list. */
#define ARRAY_ROOM 512

static fw_status name_arrays(const fw_reply *reply, answer *out) {
    if (reply->array_count > FW_RESULT_ARRAYS_MAX)
        return fw_fail(FW_TOO_LARGE, "a result of %zu arrays: at most %d", reply->array_count, FW_RESULT_ARRAYS_MAX);
    out->names = malloc(reply->array_count * ARRAY_ROOM);
    if (out->names == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory for a result's arrays");
    size_t used = 0;
    for (size_t i = 0; i < reply->array_count; i++) {
        const fw_reply_array *given = &reply->arrays[i];
        fw_array array = { .name = { given->name, strlen(given->name) }, .format = given->format };
        size_t size, element = fw_dtype_size(given->format.dtype);
        fw_status status = fw_array_pack(&array, out->names + used, ARRAY_ROOM, &size);
        if (status != FW_OK)
            return status;
        used += size;
        size_t bytes = element;
        for (uint32_t axis = 0; axis < given->format.ndim; axis++)
            if (__builtin_mul_overflow(bytes, given->format.shape[axis], &bytes))
                return fw_fail(FW_TOO_LARGE, "array %s is larger than memory can be", given->name);
        out->payloads[out->count++] = (fw_part){ given->data, bytes };
    }
    out->header.array_count = (uint32_t)reply->array_count;
    out->header.arrays = (fw_span){ (const char *)out->names, used };
    return FW_OK;
}

static void start_answer(const fw_got *got, fw_verdict verdict, answer *out) {
    const fw_header *frame = &got->frame.header;
    *out = (answer){
        .header = { .kind = FW_KIND_RESULT,
                    .epoch = frame->epoch,
                    .seq = frame->seq,
                    .verdict = verdict,
                    .attempt = frame->attempt,
                    .worker = { got->receiver->name, strlen(got->receiver->name) } },
        .count = 1,
    };
    out->payloads[0] = (fw_part){ &nil, 1 };
    if (got->leased) { /* the hub knows what the frame is */
        out->header.instance = got->receiver->instance;
        return;
    }
    out->header.item = frame->item;
    out->header.time = frame->time;
    out->header.monotonic = frame->monotonic;
    out->header.meta = frame->meta;
    out->header.meta_count = frame->meta_count;
    out->header.format = frame->format;
}

/* What the other side would refuse is found here. */
static fw_status check(fw_receiver *self, const fw_got *got, const answer *it) {
    size_t size;
    fw_status status = fw_header_pack(&it->header, self->header, sizeof self->header, &size);
    if (status != FW_OK)
        return status;
    fw_part parts[FW_PARTS_MAX] = { { got->frame.stream, strlen(got->frame.stream) }, { self->header, size } };
    memcpy(parts + FW_PARTS_BEFORE_PAYLOAD, it->payloads, it->count * sizeof *parts);
    fw_header header;
    fw_reason reason;
    return fw_message_check(parts, FW_PARTS_BEFORE_PAYLOAD + it->count, &header, &reason) == FW_OK ? FW_OK : FW_INVALID;
}

static fw_status make(fw_receiver *self, const fw_got *got, const fw_reply *reply, answer *out) {
    start_answer(got, FW_DONE, out);
    fw_status status = FW_OK;
    if (reply != NULL && reply->value != NULL)
        out->payloads[0] = (fw_part){ reply->value, reply->value_size };
    else
        status = own_value(&got->frame, out);
    if (status == FW_OK && reply != NULL && reply->array_count > 0)
        status = name_arrays(reply, out);
    bool plain = reply == NULL || (reply->value == NULL && reply->array_count == 0);
    return status == FW_OK && !plain ? check(self, got, out) : status;
}

static fw_got *take(fw_frame **frame_p) {
    fw_got *got = (fw_got *)*frame_p;
    *frame_p = NULL;
    return got;
}

/* Under the lock: the frame is the caller's no more. */
static void let_go(fw_receiver *self, fw_got *got) {
    fw_feed *feed = got->feed;
    if (!self->closing)
        feed->kind->let_go(feed, got);
    fw_got_free(got);
    if (!self->closing)
        fw_receiver_leave(self, feed);
}

static fw_status deliver(fw_receiver *self, fw_got *got, const answer *it) {
    if (self->closing)
        return fw_fail(FW_CLOSED, "the receiver is closed");
    if (self->options.role == FW_OBSERVER)
        return fw_fail(FW_CLOSED, "an observer has no say: its frames are only freed");
    return got->feed->kind->answer(got->feed, got, &it->header, it->payloads, it->count);
}

fw_status fw_receiver_reply(fw_receiver *self, fw_frame **frame_p, const fw_reply *reply) {
    fw_got *got = take(frame_p);
    answer it;
    pthread_mutex_lock(&self->lock);
    fw_status made = make(self, got, reply, &it), sent = made;
    if (made == FW_OK) {
        sent = deliver(self, got, &it);
    } else {
        char why[FW_ESCAPE_MAX];
        size_t size = fw_escape(why, sizeof why, fw_cause(), strlen(fw_cause()));
        free(it.value);
        free(it.names);
        start_answer(got, FW_ERROR, &it);
        it.header.error = (fw_span){ why, size };
        sent = deliver(self, got, &it);
        if (sent == FW_OK)
            self->counts.errors++;
    }
    self->counts.results += sent == FW_OK;
    let_go(self, got);
    pthread_mutex_unlock(&self->lock);
    free(it.value);
    free(it.names);
    fw_receiver_unref(self);
    return made != FW_OK ? made : sent;
}

fw_status fw_receiver_fail(fw_receiver *self, fw_frame **frame_p, const char *error) {
    fw_got *got = take(frame_p);
    answer it;
    pthread_mutex_lock(&self->lock);
    start_answer(got, FW_ERROR, &it);
    char text[FW_ERROR_MAX];
    it.header.error = (fw_span){ text, fw_escape(text, sizeof text, error, strlen(error)) };
    fw_status status = deliver(self, got, &it);
    self->counts.results += status == FW_OK;
    self->counts.errors += status == FW_OK;
    let_go(self, got);
    pthread_mutex_unlock(&self->lock);
    fw_receiver_unref(self);
    return status;
}

void fw_receiver_return(fw_receiver *self, fw_frame **frame_p) {
    if (*frame_p == NULL)
        return;
    fw_got *got = take(frame_p);
    pthread_mutex_lock(&self->lock);
    self->counts.returned += self->options.role == FW_WORKER && !self->closing;
    let_go(self, got);
    pthread_mutex_unlock(&self->lock);
    fw_receiver_unref(self);
}

fw_status fw_receiver_progress(fw_receiver *self, const fw_frame *frame) {
    const fw_got *got = (const fw_got *)frame;
    pthread_mutex_lock(&self->lock);
    fw_status status = FW_OK;
    if (self->closing) {
        status = fw_fail(FW_CLOSED, "the receiver is closed");
    } else {
        got->feed->kind->progress(got->feed, got);
        fw_receiver_leave(self, got->feed);
    }
    pthread_mutex_unlock(&self->lock);
    return status;
}
