#include <framewire/pipeline.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "delivery/sender.h"
#include "pipeline/turns.h"
#include "source/source.h"

#define THREADS_MAX 64

struct fw_pipeline {
    fw_source *source;
    fw_sender *sender;
    unsigned threads;
    double rate;
    uint64_t limit; /* frames; UINT64_MAX: all */
    bool encode_jpeg;
    int quality;
    bool strict, resume;

    pthread_mutex_t take; /* of the source's next item and its ticket */
    uint64_t tickets;
    bool exhausted;
    fw_turns loans, sends;
    fw_time next_due;     /* of a paced source; within the turns of loans */
    uint64_t sent;        /* within the turns of sends */

    atomic_bool stopping;
    atomic_uint_fast64_t bad, skipped;
    pthread_t coordinator;
    bool coordinator_runs;
    pthread_t workers[THREADS_MAX];

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    bool finished;
    fw_time finished_at;
    fw_status status;     /* what ended it; FW_OK: the source's end */
    char cause[1024];
};

/* One item on its way through a worker thread. */
typedef struct fw_job {
    fw_item item;
    uint64_t ticket;
    fw_status status;  /* FW_OK: goes on */
    char cause[1024];  /* of a status that was not FW_OK */
    fw_frame *frame;
} fw_job;

static void fail_job(fw_job *self, fw_status status) {
    if (self->status != FW_OK)
        return;
    self->status = status;
    snprintf(self->cause, sizeof self->cause, "%s", fw_cause());
}

/* Under the lock: why the run ends. The first reason counts, but one that broke it is never hidden by a stop. */
static void note_end(fw_pipeline *self, fw_status status, const char *cause) {
    if (self->status != FW_OK && self->status != FW_CLOSED)
        return;
    self->status = status;
    snprintf(self->cause, sizeof self->cause, "%s", cause);
}

/* The run ends, for this reason. */
static void end_run(fw_pipeline *self, fw_status status, const char *cause) {
    pthread_mutex_lock(&self->lock);
    note_end(self, status, cause);
    pthread_mutex_unlock(&self->lock);
    atomic_store(&self->stopping, true);
    fw_source_stop(self->source);
}

/* The sender took no frame: what is wrong with this one concerns it alone, all else is the end of the run. */
static void fail_delivery(fw_pipeline *self, fw_job *job, fw_status status) {
    if (status != FW_FULL && status != FW_TOO_LARGE && status != FW_INVALID && status != FW_CLOSED) {
        end_run(self, status, fw_cause());
        status = FW_CLOSED;
    } else if (status != FW_FULL && status != FW_CLOSED && job->item.name != NULL) {
        fw_fail(status, "%s: not taken: %s", job->item.name, fw_cause());
    }
    fail_job(job, status);
}

/* The next item and its ticket. false: there is none. */
static bool take_item(fw_pipeline *self, fw_job *job) {
    *job = (fw_job){ .status = FW_OK };
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
    return more;
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

/* Compress into a loaned frame, which takes over what the raw one knew. Within the turns of sends. */
static fw_status encode(fw_pipeline *self, fw_frame **frame_p, uint8_t *bytes, size_t size) {
    fw_frame *raw = *frame_p, *encoded = NULL;
    fw_format format = raw->header.format;
    format.encoding = FW_JPEG;
    format.size = size;
    fw_status status = fw_sender_loan(self->sender, &format, &encoded);
    if (status != FW_OK)
        return status;
    memcpy(encoded->data, bytes, size);
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
static fw_status compress(const fw_pipeline *self, const fw_frame *frame, uint8_t **bytes_p, size_t *size_p) {
    const fw_format *format = &frame->header.format;
    size_t room = fw_jpeg_bound(format);
    *bytes_p = malloc(room);
    if (*bytes_p == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory to compress a frame");
    return fw_jpeg_compress(format, frame->data, self->quality, *bytes_p, room, size_p);
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
        end_run(self, job->status, job->cause);
        break;
    default:
        atomic_fetch_add(&self->bad, 1);
        fw_warn("%s", job->cause);
        if (self->strict)
            end_run(self, job->status, job->cause);
    }
}

static void process(fw_pipeline *self, fw_job *job) {
    bool skip = job->status == FW_OK && self->resume && job->item.name != NULL &&
                fw_results_knows(self->sender->results, job->item.name);
    if (job->status == FW_OK && !skip) {
        fw_status status = fw_source_measure(self->source, &job->item);
        if (status != FW_OK)
            fail_job(job, status);
    }
    fw_turns_take(&self->loans, job->ticket);
    if (job->status == FW_OK && !skip)
        loan(self, job);
    fw_turns_pass(&self->loans);

    uint8_t *bytes = NULL;
    size_t size = 0;
    if (job->frame != NULL) {
        fw_status status = fw_source_fill(self->source, &job->item, job->frame);
        if (status == FW_OK && self->encode_jpeg && job->frame->slot == NULL)
            status = compress(self, job->frame, &bytes, &size);
        if (status != FW_OK)
            fail_job(job, status);
    }

    fw_turns_take(&self->sends, job->ticket);
    if (job->status == FW_OK && bytes != NULL) {
        fw_status status = encode(self, &job->frame, bytes, size);
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
        if (skip)
            atomic_fetch_add(&self->skipped, 1);
    }
    fw_turns_pass(&self->sends);
    free(bytes);
    fw_frame_drop(&job->frame);
}

static void *work(void *arg) {
    fw_pipeline *self = arg;
    fw_job job;
    while (take_item(self, &job)) {
        process(self, &job);
        fw_source_free_item(self->source, &job.item);
    }
    return NULL;
}

/* From the first item to the account. */
static void *coordinate(void *arg) {
    fw_pipeline *self = arg;
    unsigned running = 0;
    for (; running < self->threads; running++)
        if (pthread_create(&self->workers[running], NULL, work, self) != 0)
            break;
    if (running == 0)
        end_run(self, FW_NO_MEMORY, "no threads to decode with");
    for (unsigned i = 0; i < running; i++)
        pthread_join(self->workers[i], NULL);
    fw_status status = fw_sender_finish(self->sender);
    pthread_mutex_lock(&self->lock);
    if (status != FW_OK && status != FW_TIMEOUT) /* frames in flight and lost results are in the account */
        note_end(self, status, fw_cause());
    self->finished = true;
    self->finished_at = fw_now();
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* A finite source on pub+ alone begins when somebody listens, or nobody would ever see it. */
static unsigned wait_workers(const fw_pipeline_options *options) {
    fw_url url;
    bool pub = options->sender.url != NULL && fw_url_parse(options->sender.url, &url) == FW_OK &&
               url.pattern == FW_PUB;
    for (const char *const *side = options->sender.side_urls; pub && side != NULL && *side != NULL; side++)
        pub = fw_url_parse(*side, &url) == FW_OK && url.pattern == FW_PUB;
    if (pub && options->rate <= 0)
        fw_warn("pub+ does not wait for slow subscribers, who will miss frames; say --rate, or push+ for a working output");
    return options->sender.wait_workers == 0 && pub ? 1 : options->sender.wait_workers;
}

static fw_status open_all(fw_pipeline *self, const fw_pipeline_options *options) {
    fw_status status = fw_source_open(options->sources, options->source_count, &options->source, &self->source);
    if (status != FW_OK)
        return status;
    if (!fw_source_parallel(self->source))
        self->threads = 1;
    if (options->sender.resume && !fw_source_has_items(self->source))
        return fw_fail(FW_INVALID, "--resume: this source's frames have no identity to know them by");
    if (options->sender.resume && options->source.loop > 1)
        return fw_fail(FW_INVALID, "--resume goes with --loop 1: an item has one result");
    fw_sender_options sender = options->sender;
    if (sender.stream == NULL)
        sender.stream = fw_source_default_stream(self->source);
    if (!fw_source_live(self->source))
        sender.wait_workers = wait_workers(options);
    status = fw_sender_open(&sender, &self->sender);
    if (status != FW_OK)
        return status;
    int error = pthread_create(&self->coordinator, NULL, coordinate, self);
    if (error != 0)
        return fw_fail_errno(error, "no thread for the pipeline");
    self->coordinator_runs = true;
    return FW_OK;
}

fw_status fw_pipeline_open(const fw_pipeline_options *options, fw_pipeline **self_p) {
    *self_p = NULL;
    fw_pipeline *self = calloc(1, sizeof *self);
    if (self == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory for a pipeline");
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    self->threads = options->threads > 0 ? options->threads : cores > 0 ? (unsigned)cores : 1;
    if (self->threads > THREADS_MAX)
        self->threads = THREADS_MAX;
    self->rate = options->rate;
    self->limit = options->count > 0 ? options->count : UINT64_MAX;
    self->encode_jpeg = options->encode_jpeg;
    self->quality = options->quality > 0 ? options->quality : 90;
    self->strict = options->strict;
    self->resume = options->sender.resume;
    pthread_mutex_init(&self->take, NULL);
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    fw_turns_init(&self->loans);
    fw_turns_init(&self->sends);
    fw_status status = open_all(self, options);
    if (status != FW_OK)
        fw_pipeline_close(&self);
    *self_p = self;
    return status;
}

fw_status fw_pipeline_wait(fw_pipeline *self, fw_time timeout) {
    fw_time until = fw_after(fw_now(), timeout);
    struct timespec deadline = { until / FW_SECOND, until % FW_SECOND };
    fw_status status = FW_OK;
    pthread_mutex_lock(&self->lock);
    while (!self->finished && status != FW_TIMEOUT) {
        if (timeout == FW_FOREVER)
            pthread_cond_wait(&self->changed, &self->lock);
        else if (pthread_cond_timedwait(&self->changed, &self->lock, &deadline) != 0)
            status = FW_TIMEOUT;
    }
    if (self->finished)
        status = self->status;
    if (self->finished && status != FW_OK)
        status = fw_fail(status, "%s", self->cause);
    pthread_mutex_unlock(&self->lock);
    return status;
}

void fw_pipeline_stop(fw_pipeline *self) {
    end_run(self, FW_CLOSED, "stopped");
    pthread_mutex_lock(&self->lock);
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    fw_sender_stop(self->sender);
}

void fw_pipeline_summary(fw_pipeline *self, fw_summary *summary) {
    fw_sender_counts(self->sender, &summary->counts);
    summary->bad = atomic_load(&self->bad);
    summary->missed = 0;
    summary->skipped = atomic_load(&self->skipped);
    pthread_mutex_lock(&self->lock);
    fw_time end = self->finished ? self->finished_at : fw_now();
    pthread_mutex_unlock(&self->lock);
    fw_time started = summary->counts.started;
    summary->seconds = started > 0 ? (double)(end - started) / (double)FW_SECOND : 0;
}

fw_sender *fw_pipeline_sender(fw_pipeline *self) {
    return self->sender;
}

void fw_pipeline_close(fw_pipeline **self_p) {
    fw_pipeline *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    if (self->coordinator_runs) {
        fw_pipeline_stop(self);
        pthread_join(self->coordinator, NULL);
    }
    fw_sender_close(&self->sender);
    fw_source_close(&self->source);
    fw_turns_destroy(&self->loans);
    fw_turns_destroy(&self->sends);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    pthread_mutex_destroy(&self->take);
    free(self);
}
