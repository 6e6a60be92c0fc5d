/* Frames of a hub: what is said to it, and when. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "delivery/peers.h"
#include "delivery/receiver.h"

#define FRAME_LIMIT    ((int64_t)1 << 30)
#define MESSAGES_AHEAD 256
#define HELLO_AGAIN    (20 * FW_MS)
#define KNOCK_WITHIN   (2 * FW_SECOND)
#define BYE_WITHIN     (500 * FW_MS)

/* ---- Words ---- */

static fw_word *copy_word(const fw_header *header, const fw_part *parts, size_t count) {
    size_t bytes = sizeof(fw_word) + count * sizeof(fw_part);
    for (size_t i = 0; i < count; i++)
        bytes += parts[i].size;
    fw_word *word = malloc(bytes);
    if (word == NULL)
        return NULL;
    *word = (fw_word){ .kind = header->kind, .epoch = header->epoch, .seq = header->seq, .count = count };
    char *at = (char *)&word->parts[count];
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size > 0)
            memcpy(at, parts[i].data, parts[i].size);
        word->parts[i] = (fw_part){ at, parts[i].size };
        at += parts[i].size;
    }
    return word;
}

static bool post(fw_feed *self, const fw_part *parts, size_t count) {
    if (self->inside) {
        fw_status status = fw_visit_send(self->visit, parts, count);
        if (status == FW_OK || status == FW_FULL)
            return status == FW_OK;
        fw_feed_thrown_out(self);
        return false;
    }
    void *zmq = self->socket->zmq;
    for (size_t i = 0; i < count; i++) {
        int flags = ZMQ_DONTWAIT | (i + 1 < count ? ZMQ_SNDMORE : 0);
        /* Once the first part is taken the others are, or the peer has gone and libzmq drops them all. */
        if (zmq_send(zmq, parts[i].data, parts[i].size, flags) < 0 && i == 0)
            return false;
    }
    return true;
}

fw_status fw_lease_say(fw_feed *self, const char *stream, const fw_header *header, const fw_part *payloads,
                       size_t count) {
    fw_receiver *receiver = self->receiver;
    size_t size;
    fw_status status = fw_header_pack(header, receiver->header, sizeof receiver->header, &size);
    if (status != FW_OK)
        return status;
    fw_part parts[FW_PARTS_MAX] = { { stream, strlen(stream) }, { receiver->header, size } };
    if (count > 0)
        memcpy(parts + FW_PARTS_BEFORE_PAYLOAD, payloads, count * sizeof *parts);
    count += FW_PARTS_BEFORE_PAYLOAD;
    if (self->welcomed && self->words == NULL && post(self, parts, count))
        return FW_OK;
    fw_word *word = copy_word(header, parts, count);
    if (word == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory for a result that waits");
    *self->words_end = word;
    self->words_end = &word->next;
    return FW_OK;
}

/* What could not be said yet. */
static void say_words(fw_feed *self) {
    while (self->welcomed && self->words != NULL && post(self, self->words->parts, self->words->count)) {
        fw_word *word = self->words;
        self->words = word->next;
        free(word);
    }
    if (self->words == NULL)
        self->words_end = &self->words;
}

void fw_lease_drop_words(fw_feed *self, bool results) {
    fw_word **at = &self->words;
    while (*at != NULL) {
        fw_word *word = *at;
        if (word->kind == FW_KIND_RESULT && !results) {
            at = &word->next;
            continue;
        }
        *at = word->next;
        free(word);
    }
    self->words_end = at;
}

void fw_lease_say_of(fw_feed *self, const fw_got *got, fw_kind kind) {
    fw_header header = { .kind = kind, .epoch = got->frame.header.epoch, .seq = got->frame.header.seq };
    uint8_t slots[FW_SLOTS_ROOM];
    if (kind == FW_KIND_START) {
        fw_feed_carry_slots(self, &header, slots);
        if (header.slot_count == 0 && !got->guarded && fw_feed_say_aside(self, got->frame.stream, &header))
            return;
    }
    (void)fw_lease_say(self, got->frame.stream, &header, NULL, 0);
}

/* ---- Coming ---- */

/* Pack what this side has: frames without an answer, and slots that it reads. An observer owes no answers. */
static void say_what_is_held(fw_feed *self, fw_header *hello, uint8_t *held, uint8_t *slots) {
    size_t used = 0, slots_used = 0, size;
    for (const fw_got *got = self->held; got != NULL; got = got->after) {
        const fw_held_frame one = { got->frame.header.epoch, got->frame.header.seq, got->started };
        if (got->leased && hello->held_count < FW_HELD_MAX && fw_held_pack(&one, held + used, 24, &size) == FW_OK) {
            used += size;
            hello->held_count++;
        }
        if (got->lent != NULL && got->run == self->run && hello->slot_count < FW_HELD_MAX &&
            fw_filling_pack(&got->filling, slots + slots_used, 24, &size) == FW_OK) {
            slots_used += size;
            hello->slot_count++;
        }
    }
    /* A result that waits here: its frame is as good as held, until it is said. */
    for (const fw_word *word = self->words; word != NULL; word = word->next) {
        const fw_held_frame one = { word->epoch, word->seq, true };
        if (word->kind == FW_KIND_RESULT && hello->held_count < FW_HELD_MAX &&
            fw_held_pack(&one, held + used, 24, &size) == FW_OK) {
            used += size;
            hello->held_count++;
        }
    }
    hello->held = (fw_span){ (const char *)held, used };
    hello->slots = (fw_span){ (const char *)slots, slots_used };
}

void fw_lease_hello(fw_feed *self) {
    fw_receiver *receiver = self->receiver;
    uint8_t held[FW_HELD_MAX * 24], slots[FW_HELD_MAX * 24], *streams = NULL;
    size_t used = 0, count = 0, size;
    fw_header hello = {
        .kind = FW_KIND_HELLO,
        .instance = receiver->instance,
        .role = receiver->options.role == FW_OBSERVER ? FW_ROLE_OBSERVER : FW_ROLE_WORKER,
        .worker = { receiver->name, strlen(receiver->name) },
        .host = { receiver->host, strlen(receiver->host) },
        .credit = receiver->options.credit,
        .queue = receiver->options.queue,
    };
    for (char *const *name = receiver->streams; name != NULL && *name != NULL; name++)
        count++;
    if (count > 0 && (streams = malloc(count * 136)) == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        if (fw_stream_pack(receiver->streams[i], streams + used, 136, &size) == FW_OK) {
            used += size;
            hello.stream_count++;
        }
    hello.streams = (fw_span){ (const char *)streams, used };
    /* The hub takes its account of this side from the hello: what was to be said before it is in it, and nothing may come of
     * an earlier visit after it. */
    fw_feed_leave_door(self);
    fw_lease_drop_words(self, false);
    self->slot_count = 0;
    say_what_is_held(self, &hello, held, slots);
    self->welcomed = false;
    fw_status status = fw_header_pack(&hello, receiver->header, sizeof receiver->header, &size);
    const fw_part parts[] = { { "", 0 }, { receiver->header, size } };
    if (status != FW_OK)
        fw_receiver_break(receiver, status);
    else if (post(self, parts, 2)) {
        self->greeted = true;
        self->hello_due = self->bye_said = self->bye_heard = self->over = false;
        self->asked = 0;
    }
    free(streams);
}

void fw_lease_ready(fw_feed *self) {
    self->knocked_at = 0;
    self->welcomed = true;
    say_words(self);
    if (self->receiver->options.role == FW_WORKER) {
        const fw_header header = { .kind = FW_KIND_CREDIT, .credit = self->receiver->options.credit };
        (void)fw_lease_say(self, "", &header, NULL, 0);
    }
}

/* An observer asks for the latest when its caller does; with a queue, ahead. */
static void ask(fw_feed *self) {
    const fw_receiver *receiver = self->receiver;
    unsigned queue = receiver->options.queue, have = receiver->ready + self->asked;
    bool due = queue > 1 ? have <= queue / 2 : receiver->waiting && have == 0;
    if (receiver->options.role != FW_OBSERVER || !self->welcomed || self->over || self->bye_said || !due)
        return;
    const fw_header header = { .kind = FW_KIND_CREDIT, .credit = queue - have };
    self->asked += header.credit;
    (void)fw_lease_say(self, "", &header, NULL, 0);
}

/* ---- Going ---- */

void fw_lease_check_bye(fw_feed *self) {
    bool owes = self->held != NULL && self->held->leased;
    if (!self->over || self->bye_said || owes || self->words != NULL)
        return;
    const fw_header header = { .kind = FW_KIND_BYE };
    fw_feed_release_slots(self);
    (void)fw_lease_say(self, "", &header, NULL, 0);
    self->bye_said = true;
}

/* Frames that nobody has taken, with their slots. Leases end by `bye`. */
static void drop_waiting(fw_feed *self) {
    for (fw_got *got = self->held, *after; got != NULL; got = after) {
        after = got->after;
        if (got->out)
            continue;
        fw_lease_forget(self, got);
        if (got->lent != NULL && got->run == self->run)
            fw_feed_release(self, &got->filling);
        fw_got_unready(got);
        fw_got_free(got);
    }
    fw_feed_release_slots(self);
}

static void lease_leave(fw_feed *self) {
    const fw_header header = { .kind = FW_KIND_BYE };
    if (!self->welcomed || self->bye_heard)
        return;
    fw_lease_drop_words(self, false);
    drop_waiting(self);
    if (!self->bye_said)
        (void)fw_lease_say(self, "", &header, NULL, 0);
    self->bye_said = true;
    fw_time until = fw_after(fw_now(), BYE_WITHIN);
    for (fw_time now; (now = fw_now()) < until && !self->bye_heard;) {
        struct pollfd fds[FW_FEED_FDS];
        fw_time wake = until;
        self->kind->pump(self, now);
        if (self->bye_heard || !self->welcomed)
            break;
        nfds_t count = self->kind->poll(self, fds, &wake);
        (void)poll(fds, count, fw_poll_ms(wake));
    }
    drop_waiting(self); /* what came meanwhile */
}

/* ---- The feed ---- */

static bool has_news(fw_feed *self) {
    int events = 0;
    size_t size = sizeof events;
    return zmq_getsockopt(self->socket->zmq, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLIN) != 0;
}

static void read_all(fw_feed *self, fw_time now) {
    zmq_msg_t messages[FW_PARTS_MAX];
    fw_part parts[FW_PARTS_MAX];
    for (int count; (count = fw_parts_receive(self->socket->zmq, messages, parts, FW_PARTS_MAX)) >= 0;) {
        fw_lease_hears(self, messages, parts, (size_t)count, now);
        for (int i = 0; i < count && i < FW_PARTS_MAX; i++)
            zmq_msg_close(&messages[i]);
    }
}

static void tend(fw_feed *self, fw_time now) {
    if (fw_peers_tend(self->socket, self->receiver->security != NULL, now, &self->reconnect_at) > 0)
        self->hello_due = !self->over || self->receiver->options.follow;
    if (self->socket->peers == 0) {
        self->greeted = false;
        self->welcomed = self->inside; /* the door is its connection, as long as it is open */
    }
    if (self->knocked_at != 0 && now >= fw_after(self->knocked_at, KNOCK_WITHIN)) {
        fw_feed_leave_door(self);
        fw_lease_ready(self);
    }
}

static void lease_pump(fw_feed *self, fw_time now) {
    bool observes = self->receiver->options.role == FW_OBSERVER;
    tend(self, now);
    do {
        if (self->visit != NULL)
            fw_feed_read_door(self, now);
        read_all(self, now);
        if (self->hello_due && self->socket->peers > 0)
            fw_lease_hello(self);
        say_words(self);
        if (self->welcomed && (self->receiver->ready == 0 || self->receiver->looking || observes))
            fw_feed_release_slots(self); /* where no `start` is about to carry them */
        ask(self);
        fw_lease_check_bye(self);
    } while (has_news(self));
    fw_feed_absent(self, !self->welcomed && self->knocked_at == 0, now);
}

static nfds_t lease_poll(fw_feed *self, struct pollfd *fds, fw_time *until_p) {
    nfds_t count = 0;
    fw_time until = FW_FOREVER;
    fw_poll_add(fds, &count, self->socket->zmq);
    fw_poll_add(fds, &count, self->socket->monitor);
    if (self->visit != NULL)
        fds[count++] = (struct pollfd){ .fd = fw_visit_fd(self->visit),
                                        .events = (short)(POLLIN | (self->inside && self->words ? POLLOUT : 0)) };
    if ((self->hello_due && self->socket->peers > 0) || (self->welcomed && !self->inside && self->words != NULL))
        until = fw_after(fw_now(), HELLO_AGAIN);
    if (self->knocked_at != 0 && fw_after(self->knocked_at, KNOCK_WITHIN) < until)
        until = fw_after(self->knocked_at, KNOCK_WITHIN);
    if (self->reconnect_at != 0 && self->reconnect_at < until)
        until = self->reconnect_at;
    if (until < *until_p)
        *until_p = until;
    fw_feed_absent_until(self, until_p);
    return count;
}

static bool lease_begin(fw_feed *self, fw_got *got) {
    if (got->leased && !got->started) {
        got->started = true;
        fw_lease_say_of(self, got, FW_KIND_START);
    }
    return !got->leased || !got->guarded || got->go;
}

void fw_lease_forget(fw_feed *self, fw_got *got) {
    if (got->before != NULL)
        got->before->after = got->after;
    else
        self->held = got->after;
    if (got->after != NULL)
        got->after->before = got->before;
    got->before = got->after = NULL;
    got->listed = got->leased = false;
}

static fw_status lease_answer(fw_feed *self, fw_got *got, const fw_header *header, const fw_part *payloads,
                              size_t count) {
    if (!got->leased)
        return fw_fail(FW_CLOSED, "the run of the sender that this frame is from is over");
    fw_status status = fw_feed_answer_inside(self, got, header, payloads, count)
                           ? FW_OK
                           : fw_lease_say(self, got->frame.stream, header, payloads, count);
    if (status == FW_OK)
        fw_lease_forget(self, got);
    return status;
}

static void lease_let_go(fw_feed *self, fw_got *got) {
    if (got->leased)
        fw_lease_say_of(self, got, FW_KIND_RETURN);
    if (got->listed)
        fw_lease_forget(self, got);
    if (got->lent != NULL && got->run == self->run && !got->released)
        fw_feed_release(self, &got->filling);
    if (self->receiver->options.role == FW_OBSERVER)
        fw_feed_release_slots(self);
    fw_lease_check_bye(self);
}

static void lease_progress(fw_feed *self, const fw_got *got) {
    if (got->leased)
        fw_lease_say_of(self, got, FW_KIND_PROGRESS);
}

static const fw_feed_class lease_class = {
    .pump = lease_pump,
    .poll = lease_poll,
    .begin = lease_begin,
    .answer = lease_answer,
    .let_go = lease_let_go,
    .progress = lease_progress,
    .leave = lease_leave,
};

fw_status fw_feed_open_lease(fw_feed *self, const fw_url *url) {
    const fw_receiver *receiver = self->receiver;
    fw_socket_options options = {
        .type = ZMQ_DEALER,
        .send_hwm = MESSAGES_AHEAD,
        .receive_hwm = MESSAGES_AHEAD,
        .max_message = FRAME_LIMIT,
        .security = receiver->security,
    };
    self->kind = &lease_class;
    self->words_end = &self->words;
    return fw_socket_open(receiver->context, url, &options, &self->socket);
}
