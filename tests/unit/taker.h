/* Plain receivers by hand. */
#ifndef FW_TEST_TAKER_H
#define FW_TEST_TAKER_H

#include "check.h"

#include <stdio.h>
#include <unistd.h>

#include <framewire/sender.h>
#include <zmq.h>

#include "wire/message.h"

typedef struct receiver {
    void *context, *socket;
} receiver;

static inline receiver connect_receiver(int type, const char *url) {
    receiver self = { .context = zmq_ctx_new() };
    self.socket = zmq_socket(self.context, type);
    int timeout = 5000, hwm = 1;
    zmq_setsockopt(self.socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    zmq_setsockopt(self.socket, ZMQ_RCVHWM, &hwm, sizeof hwm);
    if (type == ZMQ_SUB)
        zmq_setsockopt(self.socket, ZMQ_SUBSCRIBE, "", 0);
    assert_int_equal(zmq_connect(self.socket, strchr(url, '+') + 1), 0);
    return self;
}

static inline void close_receiver(receiver *self) {
    int linger = 0;
    zmq_setsockopt(self->socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_close(self->socket);
    zmq_ctx_term(self->context);
}

/* The next message's kind and seq; its payload is whole and says its seq. */
static inline fw_kind receive(receiver *self, uint64_t *seq_p) {
    zmq_msg_t messages[4];
    fw_part parts[4];
    size_t count = 0;
    int more = 1;
    for (; more && count < 4; count++) {
        zmq_msg_init(&messages[count]);
        if (zmq_msg_recv(&messages[count], self->socket, 0) < 0)
            fail_msg("nothing came: %s", zmq_strerror(zmq_errno()));
        parts[count] = (fw_part){ zmq_msg_data(&messages[count]), zmq_msg_size(&messages[count]) };
        more = zmq_msg_more(&messages[count]);
    }
    fw_header header;
    fw_reason reason;
    assert_ok(fw_message_check(parts, count, &header, &reason));
    *seq_p = header.seq;
    if (header.kind == FW_KIND_FRAME) {
        const uint8_t *bytes = parts[2].data;
        for (size_t i = 0; i < parts[2].size; i++)
            if (bytes[i] != (uint8_t)header.seq)
                fail_msg("frame %d is torn at byte %zu", (int)header.seq, i);
    }
    if (header.kind == FW_KIND_END)
        *seq_p = header.captured;
    for (size_t i = 0; i < count; i++)
        zmq_msg_close(&messages[i]);
    return header.kind;
}

static inline void wait_for_peers(fw_sender *sender, unsigned peers) {
    fw_counts counts;
    do {
        usleep(1000);
        fw_sender_counts(sender, &counts);
    } while (counts.peers < peers);
}

#endif
