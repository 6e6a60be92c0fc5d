/* The sender's thread: peers that come and go, frames that wait, the end, and results. */
#include "delivery/sender.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "delivery/peers.h"

#define TICK      (200 * FW_MS)
#define SAY_AFTER (2 * FW_SECOND)
#define POLL_MAX  (1 + FW_OUTPUTS_MAX * FW_OUTPUT_FDS + 2)

/* What the thread alone knows. */
typedef struct hub {
    fw_sender *sender;
    fw_time alone_since; /* nobody takes frames though there are some; 0: somebody does */
    bool alone_said;
    fw_time results_since; /* the outputs are finished; results are waited for */
    bool results_said;
    fw_time reconnect_at; /* of collect, after a wrong peer; 0: not due */
    struct pollfd fds[POLL_MAX];
} hub;

/* Under the lock: the oldest waiting frame to all outputs. false: the working one can't take it now. */
static bool hand_over(fw_sender *self, fw_frame *frame) {
    frame->header.item = (fw_span){ frame->item, frame->item != NULL ? strlen(frame->item) : 0 };
    frame->header.meta = (fw_span){ (const char *)frame->meta.packed, frame->meta.size };
    frame->header.meta_count = frame->meta.count;
    fw_packed packed = { .stream = self->options.stream, .header = self->header };
    fw_status status = FW_OK;
    if (!self->outputs[0]->kind->leased || self->output_count > 1) /* leases pack a header each */
        status = fw_header_pack(&frame->header, self->header, sizeof self->header, &packed.header_size);
    if (status == FW_OK && self->collect != NULL)
        status = fw_collect_note(self->collect, &frame->header);
    if (status != FW_OK) {
        fw_sender_break(self, status);
        return false;
    }
    fw_taken taken = self->outputs[0]->kind->send(self->outputs[0], &packed, frame);
    if (taken == FW_NOT_NOW) {
        if (self->collect != NULL)
            fw_collect_forget(self->collect, frame->header.seq);
        return false;
    }
    self->counts.bytes += frame->header.format.size;
    for (size_t i = 1; i < self->output_count; i++)
        (void)self->outputs[i]->kind->send(self->outputs[i], &packed, frame);
    self->head = frame->next;
    if (self->head == NULL)
        self->tail = NULL;
    self->queued--;
    if (taken == FW_TAKEN)
        fw_frame_drop(&frame);
    return true;
}

void fw_sender_pump(fw_sender *self) {
    bool moved = false;
    fw_output *first = self->outputs[0];
    if (self->looking)
        return;
    while (self->head != NULL && self->broken == FW_OK && first->kind->takes(first) && hand_over(self, self->head))
        moved = true;
    if (moved)
        pthread_cond_broadcast(&self->changed);
}

/* Under the lock: how many must be there for the stream to go on. */
static unsigned takers_needed(const fw_sender *sender) {
    const fw_output *first = sender->outputs[0];
    if (!sender->started && sender->phase == FW_RUNNING)
        return sender->options.wait_workers;
    return sender->head != NULL || (first->kind->waits != NULL && first->kind->waits(first)) ? 1 : 0;
}

/* The other side is missing: say so after a while, and for whom; give up when the options say so. */
static void watch_for_takers(hub *self, fw_time now) {
    fw_sender *sender = self->sender;
    const fw_output *first = sender->outputs[0];
    unsigned needed = takers_needed(sender);
    unsigned there = first->kind->takers(first);
    if (there >= needed) {
        if (self->alone_said)
            fw_info("%s: going on", first->url);
        self->alone_since = 0;
        self->alone_said = false;
        return;
    }
    if (self->alone_since == 0)
        self->alone_since = now;
    if (!self->alone_said && now - self->alone_since >= SAY_AFTER) {
        self->alone_said = true;
        fw_info("waiting for %u %s%s at %s (%u connected)", needed, first->kind->taker, needed == 1 ? "" : "s",
                first->url, there);
    }
    if (now < fw_after(self->alone_since, sender->options.timeout))
        return;
    char who[64] = "nobody";
    if (there > 0)
        snprintf(who, sizeof who, "only %u of %u %ss", there, needed, first->kind->taker);
    fw_sender_break(sender, fw_fail(FW_NOT_FOUND, "%s came to %s in %.3g s (--timeout)", who, first->url,
                                    (double)sender->options.timeout / (double)FW_SECOND));
}

/* Under the lock: memory that is not used goes back to the system. *old: what is to be closed, after the lock. */
static void give_memory_back(fw_sender *sender, fw_time now, fw_region *old) {
    *old = (fw_region){ .fd = -1 };
    if (!fw_pool_is_idle(sender->pool, now))
        return;
    for (size_t i = 0; i < sender->output_count; i++)
        if (sender->outputs[i]->kind->keeps_up != NULL && !sender->outputs[i]->kind->keeps_up(sender->outputs[i]))
            return;
    fw_pool_renew(sender->pool, old);
}

/* Under the lock: outputs, their peers, and what waits for them. */
static void tend_outputs(fw_sender *sender, fw_time now) {
    for (size_t i = 0; i < sender->output_count; i++) {
        fw_output *output = sender->outputs[i];
        unsigned before = output->kind->takers(output);
        output->kind->tend(output, now);
        if (output->kind->takers(output) != before)
            pthread_cond_broadcast(&sender->changed);
    }
    fw_sender_pump(sender);
}

static bool take_results(hub *self) {
    fw_sender *sender = self->sender;
    bool more = false;
    fw_status status = FW_OK;
    if (sender->collect != NULL) {
        fw_peers_tend(sender->collect->socket, sender->security != NULL, fw_now(), &self->reconnect_at);
        status = fw_collect_receive(sender->collect, sender->results, &more);
    }
    if (status == FW_OK)
        status = fw_results_tick(sender->results, fw_now());
    if (status != FW_OK) {
        pthread_mutex_lock(&sender->lock);
        fw_sender_break(sender, status);
        pthread_mutex_unlock(&sender->lock);
    }
    return more;
}

bool fw_sender_pack_end(fw_sender *self, size_t pad, fw_packed *packed) {
    static const char padding[FW_META_MAX];
    fw_meta meta = { 0 };
    fw_status status = pad > 0 ? fw_meta_text(&meta, "pad", padding, pad) : FW_OK;
    fw_counts counts;
    fw_sender_count(self, &counts);
    fw_header header = {
        .kind = FW_KIND_END,
        .epoch = self->epoch,
        .captured = counts.captured,
        .sent = counts.sent,
        .done = counts.done,
        .dead = counts.dead,
        .dropped = counts.dropped,
        .meta = { (const char *)meta.packed, meta.size },
        .meta_count = meta.count,
    };
    *packed = (fw_packed){ .stream = self->options.stream, .header = self->header };
    if (status == FW_OK)
        status = fw_header_pack(&header, self->header, sizeof self->header, &packed->header_size);
    fw_meta_free(&meta);
    if (status != FW_OK)
        fw_sender_break(self, status);
    return status == FW_OK;
}

static bool results_done(hub *self, fw_time now) {
    const fw_sender *sender = self->sender;
    fw_collect *collect = sender->collect;
    if (collect == NULL || now >= sender->stop_by)
        return true;
    pthread_mutex_lock(&collect->lock);
    size_t open = collect->open.count;
    fw_time since = collect->last > self->results_since ? collect->last : self->results_since;
    pthread_mutex_unlock(&collect->lock);
    if (open > 0 && !self->results_said && now - since >= SAY_AFTER) {
        self->results_said = true;
        fw_info("waiting for %zu result%s at %s; lost when none has come for %.3g s (--deadline)", open,
                open == 1 ? "" : "s", collect->socket->bound, (double)sender->options.deadline / (double)FW_SECOND);
    }
    return open == 0 || now >= fw_after(since, sender->options.deadline);
}

/* Under the lock: when the last frame was done with; telling receivers of the end takes its time. */
static void note_ended(fw_sender *sender, fw_time now) {
    fw_counts counts;
    fw_sender_count(sender, &counts);
    if (counts.ended == 0 && counts.in_flight == 0 && counts.lost == 0)
        sender->counts.ended = now;
}

/* Under the lock: one step of the way from the last frame to the end: the queue is empty, the outputs are finished, results
 * are in. true: it is over, broken, or out of time. */
static bool finish_step(hub *self, fw_time now) {
    fw_sender *sender = self->sender;
    if (sender->broken != FW_OK || (sender->closing && sender->stop_by == 0))
        return true;
    if (!sender->closing || (sender->head != NULL && now < sender->stop_by))
        return false;
    sender->phase = FW_ENDING;
    note_ended(sender, now);
    bool over = true;
    for (size_t i = 0; i < sender->output_count; i++)
        over &= sender->outputs[i]->kind->finish(sender->outputs[i], now);
    if (self->results_since == 0)
        self->results_since = now;
    return over && results_done(self, now);
}

/* Wait for a change: in a socket, by a wake, or by time. */
static void wait_for_change(hub *self) {
    fw_sender *sender = self->sender;
    fw_time until = fw_after(fw_now(), TICK);
    nfds_t count = 0;
    self->fds[count++] = (struct pollfd){ .fd = sender->wake_fd, .events = POLLIN };
    pthread_mutex_lock(&sender->lock);
    for (size_t i = 0; i < sender->output_count; i++)
        count += sender->outputs[i]->kind->poll(sender->outputs[i], &self->fds[count], &until);
    pthread_mutex_unlock(&sender->lock);
    if (sender->collect != NULL) {
        fw_poll_add(self->fds, &count, sender->collect->socket->zmq);
        fw_poll_add(self->fds, &count, sender->collect->socket->monitor);
    }
    poll(self->fds, count, fw_poll_ms(until));
    uint64_t wakes;
    if (self->fds[0].revents != 0)
        (void)!read(sender->wake_fd, &wakes, sizeof wakes);
}

void *fw_sender_thread(void *arg) {
    fw_sender *sender = arg;
    hub self = { .sender = sender };
    for (bool more = false, finished = false; !finished;) {
        if (!more)
            wait_for_change(&self);
        more = take_results(&self);
        fw_time now = fw_now();
        fw_region old;
        pthread_mutex_lock(&sender->lock);
        give_memory_back(sender, now, &old);
        tend_outputs(sender, now); /* who reads the memory is given the fresh one before a frame is in it */
        watch_for_takers(&self, now);
        finished = finish_step(&self, now);
        pthread_mutex_unlock(&sender->lock);
        fw_region_close(&old);
    }
    fw_status status = fw_results_tick(sender->results, FW_FOREVER);
    pthread_mutex_lock(&sender->lock);
    if (status != FW_OK)
        fw_sender_break(sender, status);
    sender->phase = FW_FINISHED;
    pthread_cond_broadcast(&sender->changed);
    pthread_mutex_unlock(&sender->lock);
    return NULL;
}
