/* An item's way through a worker thread. */
#include "pipeline/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "delivery/sender.h"

/* One item on its way through a worker thread. */
typedef struct fw_job {
    fw_item item;
    uint64_t ticket;
    fw_status status; /* FW_OK: goes on */
    char cause[1024]; /* of a status that was not FW_OK */
    bool skip;        /* its result is known */
    fw_frame *frame;
    uint8_t *bytes; /* its pixels, compressed; NULL: as they are */
    size_t size;
} fw_job;

static void fail_job(fw_job *self, fw_status status) {
    if (self->status != FW_OK)
        return;
    self->status = status;
    snprintf(self->cause, sizeof self->cause, "%s", fw_cause());
}

/* The sender took no frame: what is wrong with this one alone is told of it, all else is the end of the run. */
static void fail_delivery(fw_pipeline *self, fw_job *job, fw_status status) {
    bool its_own = status == FW_INVALID || (status == FW_TOO_LARGE && !fw_source_alike(self->source, &job->item));
    if (!its_own && status != FW_FULL && status != FW_CLOSED) {
        fw_pipeline_end(self, status, fw_cause());
        status = FW_CLOSED;
    } else if (its_own && job->item.name != NULL) {
        fw_fail(status, "%s: not taken: %s", job->item.name, fw_cause());
    }
    fail_job(job, status);
}

/* The next item and its ticket. NULL: there is none. */
static fw_job *take_item(fw_pipeline *self) {
    fw_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        fw_pipeline_end(self, FW_NO_MEMORY, "no memory for an item");
        return NULL;
    }
    pthread_mutex_lock(&self->take);
    bool more = !self->exhausted && !atomic_load(&self->stopping);
    if (more) {
        fw_status status = fw_source_next_item(self->source, &job->item);
        if (status == FW_END || status == FW_CLOSED) {
            more = false;
            self->exhausted = true;
        } else {
            job->ticket = self->tickets++;
            if (status != FW_OK)
                fail_job(job, status);
        }
    }
    pthread_mutex_unlock(&self->take);
    if (more)
        return job;
    free(job);
    return NULL;
}

/* Keep the pace: the moment when the next frame is due, not a pause after the last one, so that it does not drift. A
 * source that fell behind by more than a frame starts anew instead of catching up in a burst. */
static void pace(fw_pipeline *self) {
    if (self->rate <= 0)
        return;
    fw_time period = (fw_time)((double)FW_SECOND / self->rate), now = fw_now();
    if (self->next_due == 0 || now > self->next_due + period)
        self->next_due = now;
    fw_time due = self->next_due;
    self->next_due += period;
    struct timespec until = { due / FW_SECOND, due % FW_SECOND };
    pthread_mutex_lock(&self->lock);
    while (fw_now() < due && !atomic_load(&self->stopping))
        pthread_cond_timedwait(&self->changed, &self->lock, &until);
    pthread_mutex_unlock(&self->lock);
}

/* Memory for the frame, in source order. A frame that is compressed here is decoded beside the budget first: its size is
 * known only then. */
static void loan(fw_pipeline *self, fw_job *job) {
    pace(self);
    fw_status status;
    if (self->encode_jpeg && job->item.format.encoding == FW_RAW)
        status = fw_frame_new(&job->item.format, NULL, &job->frame);
    else
        status = fw_sender_loan(self->sender, &job->item.format, &job->frame);
    if (status != FW_OK)
        fail_delivery(self, job, status);
}

/* Compress into a loaned frame, which takes over what the raw one knew. By who delivers. */
static fw_status encode(fw_pipeline *self, fw_frame **frame_p, uint8_t *bytes, size_t size) {
    fw_frame *raw = *frame_p, *encoded = NULL;
    fw_format format = raw->header.format;
    format.encoding = FW_JPEG;
    format.size = size;
    fw_status status = fw_sender_loan(self->sender, &format, &encoded);
    if (status != FW_OK)
        return status;
    memcpy(encoded->data, bytes, size);
    encoded->slot->left_by = 0; /* what a test source drew there is gone */
    encoded->header.time = raw->header.time;
    encoded->header.monotonic = raw->header.monotonic;
    encoded->meta = raw->meta;
    encoded->item = raw->item;
    raw->meta = (fw_meta){ 0 };
    raw->item = NULL;
    fw_frame_drop(frame_p);
    *frame_p = encoded;
    return FW_OK;
}

/* A raw frame as JPEG bytes (malloc'ed). */
static fw_status compress(const fw_pipeline *self, const fw_job *job, uint8_t **bytes_p, size_t *size_p) {
    const fw_frame *frame = job->frame;
    const fw_format *format = &frame->header.format;
    size_t room = fw_jpeg_bound(format);
    *bytes_p = malloc(room);
    if (*bytes_p == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory to compress a frame");
    fw_status status = fw_jpeg_compress(format, frame->data, self->quality, *bytes_p, room, size_p);
    if (status != FW_OK && job->item.name != NULL)
        return fw_fail(status, "%s: not taken: %s", job->item.name, fw_cause());
    return status;
}

/* What an input that gave no frame, or a frame that could not be sent, means for the run. */
static void account(fw_pipeline *self, const fw_job *job) {
    switch (job->status) {
    case FW_OK:
    case FW_FULL: /* dropped, and counted by the sender */
        break;
    case FW_CLOSED:
        atomic_store(&self->stopping, true);
        break;
    case FW_NO_MEMORY:
        fw_pipeline_end(self, job->status, job->cause);
        break;
    default:
        atomic_fetch_add(&self->bad, 1);
        fw_warn("%s", job->cause);
        if (self->strict)
            fw_pipeline_end(self, job->status, job->cause);
    }
}

/* Has this item its result from an earlier run? A file that changed since is said, and skipped all the same. */
static bool is_known(fw_pipeline *self, const fw_job *job) {
    fw_known_file then;
    if (job->status != FW_OK || !self->resume || job->item.name == NULL ||
        !fw_results_knows(self->sender->results, job->item.name, &then))
        return false;
    int64_t size, mtime;
    if (then.size >= 0 && fw_source_file(self->source, &job->item, &size, &mtime) &&
        (size != then.size || mtime != then.mtime))
        fw_warn("%s: skipped, but the file changed since its result", job->item.name);
    return true;
}

/* From an item to a filled frame. */
static void prepare(fw_pipeline *self, fw_job *job) {
    job->skip = is_known(self, job);
    if (job->status == FW_OK && !job->skip) {
        fw_status status = fw_source_measure(self->source, &job->item);
        if (status != FW_OK)
            fail_job(job, status);
    }
    fw_window_enter(&self->sends, job->ticket);
    fw_turns_take(&self->loans, job->ticket);
    if (job->status == FW_OK && !job->skip)
        loan(self, job);
    fw_turns_pass(&self->loans);
    if (job->frame == NULL)
        return;
    fw_status status = fw_source_fill(self->source, &job->item, job->frame);
    if (status == FW_OK && self->encode_jpeg && job->frame->slot == NULL)
        status = compress(self, job, &job->bytes, &job->size);
    if (status != FW_OK)
        fail_job(job, status);
}

/* In the source's order: the frame to the sender, and what came of the item into the account. */
static void deliver(fw_pipeline *self, fw_job *job) {
    if (job->status == FW_OK && job->bytes != NULL) {
        fw_status status = encode(self, &job->frame, job->bytes, job->size);
        if (status != FW_OK)
            fail_delivery(self, job, status);
    }
    if (job->status == FW_OK && job->frame != NULL && self->sent < self->limit) {
        fw_status status = fw_sender_send(self->sender, &job->frame);
        if (status != FW_OK)
            fail_delivery(self, job, status);
        if (++self->sent == self->limit)
            fw_source_stop(self->source);
    }
    if (self->sent < self->limit) {
        account(self, job);
        if (job->skip)
            atomic_fetch_add(&self->skipped, 1);
    }
}

static void free_job(fw_pipeline *self, fw_job *job) {
    fw_source_free_item(self->source, &job->item);
    fw_frame_drop(&job->frame);
    free(job->bytes);
    free(job);
}

void *fw_pipeline_work(void *arg) {
    fw_pipeline *self = arg;
    for (fw_job *job; (job = take_item(self)) != NULL;) {
        prepare(self, job);
        for (job = fw_window_finish(&self->sends, job->ticket, job); job != NULL;) {
            deliver(self, job);
            free_job(self, job);
            job = fw_window_delivered(&self->sends);
        }
    }
    return NULL;
}
