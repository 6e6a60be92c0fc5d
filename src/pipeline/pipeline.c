#include <framewire/pipeline.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "base/url.h"
#include "delivery/sender.h"
#include "pipeline/inside.h"

#define QUEUE_A_THREAD 4

/* Under the lock: why the run ends. The first reason counts, but one that broke it is never hidden by a stop. */
static void note_end(fw_pipeline *self, fw_status status, const char *cause) {
    if (self->status != FW_OK && self->status != FW_CLOSED)
        return;
    self->status = status;
    snprintf(self->cause, sizeof self->cause, "%s", cause);
}

void fw_pipeline_end(fw_pipeline *self, fw_status status, const char *cause) {
    pthread_mutex_lock(&self->lock);
    note_end(self, status, cause);
    pthread_mutex_unlock(&self->lock);
    atomic_store(&self->stopping, true);
    fw_source_stop(self->source);
}

/* From the first item to the account. */
static void *coordinate(void *arg) {
    fw_pipeline *self = arg;
    unsigned running = 0;
    for (; running < self->threads; running++)
        if (pthread_create(&self->workers[running], NULL, fw_pipeline_work, self) != 0)
            break;
    if (running == 0)
        fw_pipeline_end(self, FW_NO_MEMORY, "no threads to decode with");
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
    bool pub = options->sender.url != NULL && fw_url_parse(options->sender.url, &url) == FW_OK && url.pattern == FW_PUB;
    for (const char *const *side = options->sender.side_urls; pub && side != NULL && *side != NULL; side++)
        pub = fw_url_parse(*side, &url) == FW_OK && url.pattern == FW_PUB;
    if (pub && options->rate <= 0)
        fw_warn(
            "pub+ does not wait for slow subscribers, who will miss frames; say --rate, or push+ for a working output");
    return options->sender.wait_workers == 0 && pub ? 1 : options->sender.wait_workers;
}

static fw_status open_all(fw_pipeline *self, const fw_pipeline_options *options) {
    fw_status status = fw_source_open(options->sources, options->source_count, &options->source, &self->source);
    if (status != FW_OK)
        return status;
    if (!fw_source_parallel(self->source) || (options->threads == 0 && fw_source_quick(self->source)))
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
    /* Several threads decode on while frames wait for receivers; a single one waits at the socket itself. */
    bool by_itself = sender.queue == 0;
    if (by_itself && self->threads > 1 && sender.when_full == FW_WAIT)
        sender.queue = QUEUE_A_THREAD * self->threads;
    status = fw_sender_open(&sender, &self->sender);
    if (status != FW_OK)
        return status;
    if (by_itself && self->threads == 1)
        fw_sender_send_directly(self->sender);
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
    if (self->threads > FW_THREADS_MAX)
        self->threads = FW_THREADS_MAX;
    self->rate = options->rate;
    self->limit = options->count > 0 ? options->count : UINT64_MAX;
    self->encode_jpeg = options->encode_jpeg;
    self->quality = options->quality > 0 ? options->quality : 90;
    self->strict = options->strict;
    self->resume = options->sender.resume;
    pthread_mutex_init(&self->take, NULL);
    pthread_mutex_init(&self->lock, NULL);
    fw_condition_init(&self->changed);
    fw_turns_init(&self->loans);
    fw_status status = fw_window_open(&self->sends, FW_WINDOW_WIDTH * self->threads);
    if (status == FW_OK)
        status = open_all(self, options);
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
    fw_pipeline_end(self, FW_CLOSED, "stopped");
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
    fw_time started = summary->counts.started, end = summary->counts.ended;
    pthread_mutex_lock(&self->lock);
    if (end == 0)
        end = self->finished ? self->finished_at : fw_now();
    pthread_mutex_unlock(&self->lock);
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
    fw_window_close(&self->sends);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    pthread_mutex_destroy(&self->take);
    free(self);
}
