#include "delivery/sender.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "delivery/options.h"

#define MIB 1048576.0
/* Who waits for leases has one frame ahead, and what it fills next: more would only take turns in the cache. */
#define QUEUE_LEASED 1

static void tell(int fd) {
    uint64_t one = 1;
    (void)!write(fd, &one, sizeof one);
}

void fw_sender_wake(fw_sender *self) {
    tell(self->wake_fd);
}

void fw_sender_break(fw_sender *self, fw_status status) {
    if (self->broken != FW_OK)
        return;
    self->broken = status;
    snprintf(self->cause, sizeof self->cause, "%s", fw_cause());
    fw_pool_stop(self->pool);
    pthread_cond_broadcast(&self->changed);
    tell(self->look_fd);
    fw_sender_wake(self);
}

/* Under the lock: the status that calls return once the sender is broken or stopped; FW_OK else. */
static fw_status ended(fw_sender *self) {
    if (self->broken != FW_OK)
        return fw_fail(self->broken, "%s", self->cause);
    if (self->stop_by != FW_FOREVER)
        return fw_fail(FW_CLOSED, "the sender was stopped");
    return FW_OK;
}

/* The file appears whole: who waits for it never reads half a URL. */
static fw_status write_ready_file(fw_sender *self) {
    const char *path = self->options.ready_file;
    if (path == NULL)
        return FW_OK;
    char draft[4096];
    if ((size_t)snprintf(draft, sizeof draft, "%s.%d", path, (int)getpid()) >= sizeof draft)
        return fw_fail(FW_INVALID, "--ready-file: too long a path");
    FILE *file = fopen(draft, "we");
    if (file == NULL)
        return fw_fail_errno(errno, "%s", path);
    const char *url;
    for (size_t i = 0; (url = fw_sender_url(self, i)) != NULL; i++)
        fprintf(file, "%s\n", url);
    bool failed = ferror(file) != 0;
    failed |= fclose(file) != 0;
    if (!failed && rename(draft, path) == 0)
        return FW_OK;
    fw_status status = fw_fail_errno(errno, "%s", path);
    unlink(draft);
    return status;
}

static fw_status open_metrics(fw_sender *self) {
    const fw_http_pages pages = { fw_sender_metrics, fw_sender_health, self };
    char listening[128];
    fw_status status = fw_http_open(self->options.metrics, &pages, listening, &self->http);
    if (status == FW_OK)
        fw_info("metrics at http://%s/metrics", listening);
    return status;
}

static fw_status open_all(fw_sender *self, const fw_sender_options *options) {
    fw_status status = fw_options_copy(options, &self->options);
    if (status != FW_OK)
        return status;
    if (getrandom(&self->epoch, sizeof self->epoch, 0) != (ssize_t)sizeof self->epoch)
        return fw_fail_errno(errno, "no random number for the run");
    self->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->look_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->wake_fd < 0 || self->look_fd < 0)
        return fw_fail_errno(errno, "no eventfd");
    status = fw_context_open(&self->context);
    if (status == FW_OK)
        status = fw_pool_open(self->options.memory, self->options.huge_pages, &self->pool);
    if (status == FW_OK && fw_pool_largest(self->pool) < self->options.memory)
        fw_info("a memory budget of %.4g MiB has room for frames of up to %.4g MiB each",
                (double)self->options.memory / MIB, (double)fw_pool_largest(self->pool) / MIB);
    if (status == FW_OK && self->options.keys != NULL)
        status = fw_security_open(self->context, self->options.keys, self->options.allow, NULL, &self->security);
    fw_results_options results = {
        .path = self->options.results,
        .arrays = self->options.result_arrays,
        .resume = self->options.resume,
        .retry_errors = self->options.retry_errors,
        .sync = self->options.sync,
        .on_result = self->options.on_result,
        .arg = self->options.arg,
    };
    if (status == FW_OK)
        status = fw_results_open(&results, &self->results);
    if (status == FW_OK)
        status = fw_sender_open_outputs(self);
    if (status == FW_OK && options->queue == 0 && self->outputs[0]->kind->leased && self->options.when_full == FW_WAIT)
        self->options.queue = QUEUE_LEASED;
    if (status == FW_OK && self->options.collect != NULL)
        status = fw_collect_open(self->context, self->options.collect, self->security, self->options.stream,
                                 self->epoch, &self->collect);
    if (status == FW_OK && self->options.metrics != NULL)
        status = open_metrics(self);
    if (status != FW_OK)
        return status;
    int error = pthread_create(&self->thread, NULL, fw_sender_thread, self);
    if (error != 0)
        return fw_fail_errno(error, "no thread for the sender");
    self->thread_runs = true;
    return write_ready_file(self);
}

fw_status fw_sender_open(const fw_sender_options *options, fw_sender **self_p) {
    *self_p = NULL;
    fw_sender *self = calloc(1, sizeof *self);
    if (self == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory for a sender");
    self->wake_fd = self->look_fd = -1;
    self->stop_by = FW_FOREVER;
    pthread_mutex_init(&self->lock, NULL);
    fw_condition_init(&self->changed);
    fw_status status = open_all(self, options);
    if (status != FW_OK)
        fw_sender_close(&self);
    *self_p = self;
    return status;
}

/* Under the lock: a frame that was captured and will not be sent; its number is used up, so that who receives sees a gap. */
static void count_drop(fw_sender *self) {
    self->counts.captured++;
    self->counts.dropped++;
    self->next_seq++;
}

/* Under the lock: drop the oldest frame that nobody works at. false: there is none. */
static bool drop_oldest(fw_sender *self) {
    fw_output *first = self->outputs[0];
    if (first->kind->drop_oldest != NULL && first->kind->drop_oldest(first))
        return true;
    if (self->head == NULL)
        return false;
    fw_frame *oldest = self->head;
    self->head = oldest->next;
    if (self->head == NULL)
        self->tail = NULL;
    self->queued--;
    self->counts.dropped++;
    fw_frame_drop(&oldest);
    return true;
}

/* Wait until enough peers are there to start. */
static fw_status wait_for_start(fw_sender *self) {
    pthread_mutex_lock(&self->lock);
    while (!self->started && ended(self) == FW_OK) {
        if (self->outputs[0]->kind->takers(self->outputs[0]) >= self->options.wait_workers)
            self->started = true;
        else
            pthread_cond_wait(&self->changed, &self->lock);
    }
    if (self->counts.started == 0)
        self->counts.started = fw_now();
    fw_status status = ended(self);
    pthread_mutex_unlock(&self->lock);
    return status;
}

/* The pool is used up, and the options say not to wait. */
static fw_status loan_by_dropping(fw_sender *self, size_t size, fw_slot **slot_p) {
    fw_status status = FW_FULL;
    pthread_mutex_lock(&self->lock);
    while (status == FW_FULL && self->options.when_full == FW_DROP_OLDEST && drop_oldest(self))
        status = fw_pool_loan(self->pool, size, 0, slot_p);
    if (status == FW_FULL)
        count_drop(self);
    pthread_mutex_unlock(&self->lock);
    return status;
}

fw_status fw_sender_loan(fw_sender *self, const fw_format *format, fw_frame **frame_p) {
    *frame_p = NULL;
    fw_format complete = *format;
    fw_status status = fw_format_complete(&complete);
    if (status == FW_OK)
        status = wait_for_start(self);
    if (status != FW_OK)
        return status;
    bool waits = self->options.when_full == FW_WAIT;
    fw_slot *slot = NULL;
    status = fw_pool_loan(self->pool, complete.size, waits ? FW_FOREVER : 0, &slot);
    if (status == FW_FULL)
        status = loan_by_dropping(self, complete.size, &slot);
    if (status == FW_CLOSED) {
        pthread_mutex_lock(&self->lock);
        status = ended(self);
        pthread_mutex_unlock(&self->lock);
    }
    if (status != FW_OK)
        return status;
    return fw_frame_new(&complete, slot, frame_p);
}

/* Under the lock: make room for one more waiting frame, as the options say. */
static void make_room(fw_sender *self) {
    if (fw_sender_is_direct(self))
        return;
    if (self->options.when_full == FW_WAIT) {
        while (self->queued >= self->options.queue && ended(self) == FW_OK)
            pthread_cond_wait(&self->changed, &self->lock);
        return;
    }
    while (self->queued >= self->options.queue && self->options.when_full == FW_DROP_OLDEST)
        (void)drop_oldest(self);
    if (self->options.queue_time <= 0 || self->options.when_full != FW_DROP_OLDEST)
        return;
    fw_time oldest = fw_now() - self->options.queue_time;
    while (self->queued > 2 && self->head->header.monotonic < oldest)
        (void)drop_oldest(self);
}

void fw_sender_send_directly(fw_sender *self) {
    pthread_mutex_lock(&self->lock);
    self->direct = self->options.when_full == FW_WAIT && self->outputs[0]->kind->wait_fd != NULL;
    pthread_mutex_unlock(&self->lock);
}

bool fw_sender_is_direct(const fw_sender *self) {
    return self->direct && !self->closing && self->broken == FW_OK && self->stop_by == FW_FOREVER;
}

/* Under the lock: wait until the frame of this number is taken. One of the callers waits at the socket, others for it. */
static void wait_until_taken(fw_sender *self, uint64_t seq) {
    const fw_output *first = self->outputs[0];
    while (self->head != NULL && self->head->header.seq <= seq && fw_sender_is_direct(self)) {
        if (self->looking) {
            pthread_cond_wait(&self->changed, &self->lock);
            continue;
        }
        self->looking = true;
        struct pollfd fds[] = { { .fd = first->kind->wait_fd(first), .events = POLLIN },
                                { .fd = self->look_fd, .events = POLLIN } };
        pthread_mutex_unlock(&self->lock);
        poll(fds, sizeof fds / sizeof *fds, -1);
        pthread_mutex_lock(&self->lock);
        self->looking = false;
        fw_sender_pump(self);
        pthread_cond_broadcast(&self->changed);
    }
}

fw_status fw_sender_send(fw_sender *self, fw_frame **frame_p) {
    fw_frame *frame = *frame_p;
    *frame_p = NULL;
    pthread_mutex_lock(&self->lock);
    if (self->broken != FW_OK || self->closing) {
        fw_status status = self->broken != FW_OK ? ended(self) : fw_fail(FW_CLOSED, "the sender is finished");
        pthread_mutex_unlock(&self->lock);
        fw_frame_drop(&frame);
        return status;
    }
    frame->header.epoch = self->epoch;
    fw_sender_pump(self);
    make_room(self);
    if (self->options.when_full == FW_DROP_NEWEST && self->queued >= self->options.queue) {
        count_drop(self);
        pthread_mutex_unlock(&self->lock);
        fw_frame_drop(&frame);
        return FW_OK;
    }
    uint64_t seq = frame->header.seq = self->next_seq++;
    frame->next = NULL;
    self->counts.captured++;
    *(self->tail != NULL ? &self->tail->next : &self->head) = frame;
    self->tail = frame;
    self->queued++;
    fw_sender_pump(self);
    wait_until_taken(self, seq);
    bool tend = false;
    for (size_t i = 0; i < self->output_count; i++)
        tend |= self->outputs[i]->kind->wants_tending(self->outputs[i]);
    pthread_mutex_unlock(&self->lock);
    if (tend)
        fw_sender_wake(self);
    return FW_OK;
}

void fw_sender_discard(fw_sender *self, fw_frame **frame_p) {
    (void)self;
    fw_frame_drop(frame_p);
}

fw_status fw_sender_finish(fw_sender *self) {
    pthread_mutex_lock(&self->lock);
    self->closing = true;
    fw_sender_wake(self);
    while (self->phase != FW_FINISHED)
        pthread_cond_wait(&self->changed, &self->lock);
    fw_status status = FW_OK;
    if (self->broken != FW_OK)
        status = fw_fail(self->broken, "%s", self->cause);
    pthread_mutex_unlock(&self->lock);
    if (status != FW_OK)
        return status;
    fw_counts counts;
    fw_sender_counts(self, &counts);
    if (counts.in_flight > 0)
        return fw_fail(FW_TIMEOUT, "%llu frames were not taken", (unsigned long long)counts.in_flight);
    if (counts.lost > 0)
        return fw_fail(FW_TIMEOUT, "%llu results did not come back", (unsigned long long)counts.lost);
    return FW_OK;
}

void fw_sender_stop(fw_sender *self) {
    pthread_mutex_lock(&self->lock);
    if (self->stop_by == FW_FOREVER)
        self->stop_by = fw_after(fw_now(), self->options.drain);
    fw_pool_stop(self->pool);
    pthread_cond_broadcast(&self->changed);
    tell(self->look_fd);
    pthread_mutex_unlock(&self->lock);
    fw_sender_wake(self);
}

const char *fw_sender_url(const fw_sender *self, size_t index) {
    for (size_t i = 0; i < self->output_count; i++) {
        const fw_output *output = self->outputs[i];
        if (index < output->url_count)
            return output->urls[index];
        index -= output->url_count;
    }
    return index == 0 && self->collect != NULL ? self->collect->socket->bound : NULL;
}

uint64_t fw_sender_epoch(const fw_sender *self) {
    return self->epoch;
}

void fw_sender_close(fw_sender **self_p) {
    fw_sender *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    if (self->thread_runs) {
        pthread_mutex_lock(&self->lock);
        self->closing = true;
        self->stop_by = 0;
        pthread_mutex_unlock(&self->lock);
        fw_sender_wake(self);
        pthread_join(self->thread, NULL);
    }
    fw_http_close(&self->http);
    while (self->head != NULL) {
        fw_frame *frame = self->head;
        self->head = frame->next;
        fw_frame_drop(&frame);
    }
    for (size_t i = 0; i < self->output_count; i++)
        self->outputs[i]->kind->close(self->outputs[i]);
    fw_collect_close(&self->collect);
    fw_security_close(&self->security);
    fw_context_close(&self->context);
    for (size_t i = 0; i < self->output_count; i++)
        self->outputs[i]->kind->free(self->outputs[i]);
    (void)fw_results_close(&self->results);
    fw_pool_close(&self->pool);
    fw_options_free(&self->options);
    if (self->wake_fd >= 0)
        close(self->wake_fd);
    if (self->look_fd >= 0)
        close(self->look_fd);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    free(self);
}
