/* The sender's thread: peers that come and go, frames that wait, the end, and results. */
#include "delivery/sender.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "delivery/flush.h"
#include "net/probe.h"

#define TICK            (200 * FW_MS)
#define SAY_AFTER       (2 * FW_SECOND)
#define PROBE_WITHIN    (500 * FW_MS)
#define RECONNECT_AFTER (1 * FW_SECOND)
#define POLL_MAX        (1 + 2 * FW_OUTPUTS_MAX + 2)

/* What the thread alone knows. */
typedef struct hub {
    fw_sender *sender;
    fw_flush flush;
    fw_time alone_since; /* nobody takes frames though there are some; 0: somebody does */
    bool alone_said;
    fw_time reconnect_at[FW_OUTPUTS_MAX + 1]; /* of outputs and collect, after a wrong peer; 0: not due */
} hub;

/* Under the lock. A side output may pin at most a quarter of the memory, so that it cannot stop the stream; a pub+ output
 * that stands alone may take three quarters. One frame always passes. */
static bool may_pin(fw_sender *self, const fw_output *output, const fw_frame *frame) {
    if (output->push)
        return true;
    size_t memory = self->options.memory;
    size_t most = output == self->outputs[0] ? memory / 4 * 3 : memory / 4;
    size_t held = atomic_load(&output->held_bytes);
    return held == 0 || held + frame->slot->room <= most;
}

void fw_sender_pump(fw_sender *self) {
    bool moved = false;
    while (self->head != NULL && self->broken == FW_OK && fw_output_takes(self->outputs[0])) {
        fw_frame *frame = self->head;
        frame->header.item = (fw_span){ frame->item, frame->item != NULL ? strlen(frame->item) : 0 };
        frame->header.meta = (fw_span){ (const char *)frame->meta.packed, frame->meta.size };
        frame->header.meta_count = frame->meta.count;
        fw_packed packed = { .stream = self->options.stream, .header = self->header };
        fw_status status = fw_header_pack(&frame->header, self->header, sizeof self->header, &packed.header_size);
        if (status == FW_OK && self->collect != NULL)
            status = fw_collect_note(self->collect, &frame->header);
        if (status != FW_OK) {
            fw_sender_break(self, status);
            break;
        }
        fw_output *first = self->outputs[0];
        if (!may_pin(self, first, frame)) {
            first->dropped++;
            self->counts.dropped++;
        } else if (fw_output_send(first, &packed, frame)) {
            self->counts.bytes += frame->header.format.size;
        } else {
            if (self->collect != NULL)
                fw_collect_forget(self->collect, frame->header.seq);
            break;
        }
        for (size_t i = 1; i < self->output_count; i++)
            if (!may_pin(self, self->outputs[i], frame) || !fw_output_send(self->outputs[i], &packed, frame))
                self->outputs[i]->dropped++;
        self->head = frame->next;
        if (self->head == NULL)
            self->tail = NULL;
        self->queued--;
        moved = true;
        fw_frame_drop(&frame);
    }
    if (moved)
        pthread_cond_broadcast(&self->changed);
}

/* The other side is missing: say so after a while, and for whom; give up when the options say so. */
static void watch_for_takers(hub *self, fw_time now) {
    fw_sender *sender = self->sender;
    const fw_output *first = sender->outputs[0];
    unsigned needed = !sender->started ? sender->options.wait_workers : sender->head != NULL ? 1 : 0;
    unsigned there = fw_output_takers(first);
    if (there >= needed || sender->phase != FW_RUNNING) {
        if (self->alone_said)
            fw_info("%s: going on", first->socket->bound);
        self->alone_since = 0;
        self->alone_said = false;
        return;
    }
    if (self->alone_since == 0)
        self->alone_since = now;
    if (!self->alone_said && now - self->alone_since >= SAY_AFTER) {
        self->alone_said = true;
        fw_info("waiting for %u %s%s at %s (%u connected)", needed, first->push ? "receiver" : "subscriber",
                needed == 1 ? "" : "s", first->socket->bound, there);
    }
    if (now >= fw_after(self->alone_since, sender->options.timeout))
        fw_sender_break(sender, fw_fail(FW_NOT_FOUND, "nobody came to %s in %.3g s (--timeout)", first->socket->bound,
                                        (double)sender->options.timeout / (double)FW_SECOND));
}

/* A peer that is no receiver of ours. Where we connect its kind is named, and libzmq will not try again by itself. */
static void on_wrong_peer(fw_socket *socket, const fw_event *event, bool secured, fw_time *reconnect_at) {
    if (socket->bind) {
        if (event->denied)
            fw_warn("%s: %s was refused: its key is not let in", socket->bound, event->peer);
        else
            fw_debug("%s: %s left without a handshake", socket->bound, event->peer);
        return;
    }
    if (*reconnect_at == 0 && fw_probe_explain(&socket->url, socket->type, secured, PROBE_WITHIN) != FW_OK)
        fw_warn("%s", fw_cause());
    *reconnect_at = fw_after(fw_now(), RECONNECT_AFTER);
}

static void read_monitor(hub *self, fw_socket *socket, fw_time *reconnect_at) {
    fw_event event;
    fw_event_kind kind;
    while ((kind = fw_socket_event(socket, &event)) != FW_EVENT_NONE) {
        if (kind == FW_EVENT_WRONG_PEER)
            on_wrong_peer(socket, &event, self->sender->security != NULL, reconnect_at);
        else if (kind == FW_EVENT_HANDSHAKE)
            fw_debug("%s: a receiver is connected", socket->bound);
        else if (kind == FW_EVENT_DISCONNECTED)
            fw_debug("%s: %s is gone", socket->bound, event.peer);
    }
    if (*reconnect_at != 0 && fw_now() >= *reconnect_at) {
        *reconnect_at = 0;
        (void)fw_socket_reconnect(socket);
    }
}

/* Under the lock: outputs, their peers, and what waits for them. */
static void tend_outputs(hub *self) {
    fw_sender *sender = self->sender;
    for (size_t i = 0; i < sender->output_count; i++) {
        fw_output *output = sender->outputs[i];
        unsigned before = fw_output_takers(output);
        read_monitor(self, output->socket, &self->reconnect_at[i]);
        bool came = fw_output_tend(output, sender->options.stream);
        unsigned after = fw_output_takers(output);
        if (output->push)
            came = after > before;
        if (came)
            fw_flush_came(&self->flush, output);
        if (after != before)
            pthread_cond_broadcast(&sender->changed);
    }
    fw_sender_pump(sender);
}

static bool take_results(hub *self) {
    fw_sender *sender = self->sender;
    if (sender->collect == NULL)
        return false;
    read_monitor(self, sender->collect->socket, &self->reconnect_at[FW_OUTPUTS_MAX]);
    bool more = false;
    fw_status status =
        fw_collect_receive(sender->collect, sender->results, sender->options.on_result, sender->options.arg, &more);
    if (status == FW_OK)
        status = fw_results_tick(sender->results, fw_now());
    if (status != FW_OK) {
        pthread_mutex_lock(&sender->lock);
        fw_sender_break(sender, status);
        pthread_mutex_unlock(&sender->lock);
    }
    return more;
}

static void add_fd(struct pollfd *fds, nfds_t *count, void *zmq) {
    int fd = -1;
    size_t size = sizeof fd;
    if (zmq_getsockopt(zmq, ZMQ_FD, &fd, &size) == 0)
        fds[(*count)++] = (struct pollfd){ .fd = fd, .events = POLLIN };
}

static nfds_t poll_set(fw_sender *sender, struct pollfd *fds) {
    nfds_t count = 0;
    fds[count++] = (struct pollfd){ .fd = sender->wake_fd, .events = POLLIN };
    for (size_t i = 0; i < sender->output_count; i++) {
        add_fd(fds, &count, sender->outputs[i]->socket->zmq);
        add_fd(fds, &count, sender->outputs[i]->socket->monitor);
    }
    if (sender->collect != NULL) {
        add_fd(fds, &count, sender->collect->socket->zmq);
        add_fd(fds, &count, sender->collect->socket->monitor);
    }
    return count;
}

void *fw_sender_thread(void *arg) {
    fw_sender *sender = arg;
    hub self = { .sender = sender, .flush = { .sender = sender } };
    struct pollfd fds[POLL_MAX];
    nfds_t fd_count = poll_set(sender, fds);
    for (bool more = false;;) {
        if (!more) {
            poll(fds, fd_count, (int)(TICK / FW_MS));
            uint64_t wakes;
            (void)!read(sender->wake_fd, &wakes, sizeof wakes);
        }
        more = take_results(&self);
        fw_time now = fw_now();
        pthread_mutex_lock(&sender->lock);
        tend_outputs(&self);
        watch_for_takers(&self, now);
        bool finished = fw_flush_step(&self.flush, now);
        pthread_mutex_unlock(&sender->lock);
        if (finished)
            break;
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
