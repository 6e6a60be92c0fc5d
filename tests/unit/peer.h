/* Leased delivery from outside: a sender, and receivers by hand that say single words. */
#ifndef FW_TEST_PEER_H
#define FW_TEST_PEER_H

#include "check.h"

#include <stdbool.h>
#include <unistd.h>

#include <framewire/sender.h>
#include <zmq.h>

#include "base/clock.h"
#include "wire/message.h"

/* A DEALER. */
typedef struct peer {
    void *context, *socket;
    uint64_t instance;
    zmq_msg_t messages[4];
    fw_part parts[4];
    size_t count;
    fw_header got; /* points into messages */
} peer;

static inline peer new_peer(fw_sender *sender, uint64_t instance) {
    peer self = { .context = zmq_ctx_new(), .instance = instance };
    self.socket = zmq_socket(self.context, ZMQ_DEALER);
    int timeout = 10000, linger = 1000;
    zmq_setsockopt(self.socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    zmq_setsockopt(self.socket, ZMQ_LINGER, &linger, sizeof linger);
    assert_int_equal(zmq_connect(self.socket, fw_sender_url(sender, 0)), 0);
    return self;
}

static inline void forget_message(peer *self) {
    for (size_t i = 0; i < self->count; i++)
        zmq_msg_close(&self->messages[i]);
    self->count = 0;
}

static inline void close_peer(peer *self) {
    forget_message(self);
    zmq_close(self->socket);
    zmq_ctx_term(self->context);
}

static inline void say(peer *self, const fw_header *header, const char *stream, const char *value) {
    uint8_t packed[4096];
    size_t size;
    assert_ok(fw_header_pack(header, packed, sizeof packed, &size));
    zmq_send(self->socket, stream, strlen(stream), ZMQ_SNDMORE);
    zmq_send(self->socket, packed, size, value != NULL ? ZMQ_SNDMORE : 0);
    if (value != NULL)
        zmq_send(self->socket, value, strlen(value), 0);
}

/* The next message, which is of this kind. */
static inline void hear(peer *self, fw_kind kind) {
    forget_message(self);
    for (int more = 1; more && self->count < 4; self->count++) {
        zmq_msg_t *message = &self->messages[self->count];
        zmq_msg_init(message);
        if (zmq_msg_recv(message, self->socket, 0) < 0)
            fail_msg("nothing came, but kind %d should have: %s", (int)kind, zmq_strerror(zmq_errno()));
        self->parts[self->count] = (fw_part){ zmq_msg_data(message), zmq_msg_size(message) };
        more = zmq_msg_more(message);
    }
    fw_reason reason;
    assert_ok(fw_message_check(self->parts, self->count, &self->got, &reason));
    if (self->got.kind != kind)
        fail_msg("kind %d came, not %d", (int)self->got.kind, (int)kind);
}

static inline void hear_frame(peer *self, uint64_t seq) {
    hear(self, FW_KIND_FRAME);
    assert_int_equal(self->got.seq, seq);
    assert_int_equal(*(const uint8_t *)self->parts[2].data, seq);
}

static inline bool hears_nothing(peer *self) {
    zmq_pollitem_t item = { .socket = self->socket, .events = ZMQ_POLLIN };
    return zmq_poll(&item, 1, 0) == 0;
}

static inline void say_credit(peer *self, uint32_t credit) {
    say(self, &(fw_header){ .kind = FW_KIND_CREDIT, .credit = credit }, "", NULL);
}

static inline void say_hello(peer *self, fw_role role) {
    say(self, &(fw_header){ .kind = FW_KIND_HELLO, .role = role, .instance = self->instance }, "", NULL);
    hear(self, FW_KIND_WELCOME);
    assert_int_equal(self->got.instance, self->instance);
}

static inline peer join(fw_sender *sender, fw_role role, uint64_t instance, uint32_t credit) {
    peer self = new_peer(sender, instance);
    say_hello(&self, role);
    say_credit(&self, credit);
    return self;
}

/* A word about the frame that came last. */
static inline void say_of_frame(peer *self, fw_kind kind) {
    say(self, &(fw_header){ .kind = kind, .epoch = self->got.epoch, .seq = self->got.seq }, "frames", NULL);
}

static inline void answer_as(peer *self, uint64_t seq, fw_verdict verdict, const char *value) {
    const fw_header header = { .kind = FW_KIND_RESULT,
                               .epoch = self->got.epoch,
                               .seq = seq,
                               .instance = self->instance,
                               .verdict = verdict,
                               .error = { "why", verdict == FW_DONE ? 0 : 3 } };
    say(self, &header, "frames", value);
}

static inline void answer(peer *self, uint64_t seq) {
    answer_as(self, seq, FW_DONE, "\x01");
}

/* All that was said before is heard: the hub answers each peer's words in order. */
static inline void settle(peer *self) {
    say(self, &(fw_header){ .kind = FW_KIND_STATS }, "", NULL);
    hear(self, FW_KIND_STATS);
}

static inline fw_sender *open_sender(const fw_sender_options *options) {
    fw_sender *sender = NULL;
    fw_sender_options all = *options;
    all.url = "tcp://127.0.0.1:*";
    all.memory = all.memory > 0 ? all.memory : (size_t)8 << 20;
    all.door = "door";
    all.queue = all.queue > 0 ? all.queue : 8; /* so that frames can be sent before a worker is there */
    assert_ok(fw_sender_open(&all, &sender));
    return sender;
}

/* The next frame, filled with its seq. */
static inline void send_frame(fw_sender *sender) {
    fw_frame *frame = NULL;
    assert_ok(fw_sender_loan(sender, &(fw_format){ .width = 160, .height = 120, .pixels = FW_RGB8 }, &frame));
    fw_counts counts;
    fw_sender_counts(sender, &counts);
    memset(fw_frame_data(frame), (int)counts.captured, fw_frame_size(frame));
    assert_ok(fw_sender_send(sender, &frame));
}

static inline fw_counts counts_of(fw_sender *sender) {
    fw_counts counts;
    fw_sender_counts(sender, &counts);
    assert_int_equal(counts.captured, counts.done + counts.dead + counts.dropped + counts.in_flight);
    return counts;
}

static inline void wait_done(fw_sender *sender, uint64_t done) {
    fw_time until = fw_after(fw_now(), 10 * FW_SECOND);
    while (counts_of(sender).done < done) {
        if (fw_now() > until)
            fail_msg("%d done, not %d", (int)counts_of(sender).done, (int)done);
        usleep(1000);
    }
}

#endif
