/* A leased sender by hand, and receivers at it. */
#ifndef FW_TEST_HUB_H
#define FW_TEST_HUB_H

#include <framewire/receiver.h>
#include <zmq.h>

#include "base/clock.h"
#include "folder.h"
#include "wire/message.h"

#define PATIENCE (10 * FW_SECOND)

static inline fw_receiver *open_receiver(const fw_receiver_options *options) {
    fw_receiver *receiver = NULL;
    assert_ok(fw_receiver_open(options, &receiver));
    return receiver;
}

/* A folder for doors of its own, in the test's. */
static inline const char *new_door(void) {
    static char path[128];
    snprintf(path, sizeof path, "%.63s/door-XXXXXX", folder);
    assert_non_null(mkdtemp(path));
    return path;
}

typedef struct hub {
    void *context, *socket;
    char url[128];
    uint8_t peer[8];
    size_t peer_size;
} hub;

static inline hub open_hub(const char *endpoint) {
    hub self = { .context = zmq_ctx_new() };
    self.socket = zmq_socket(self.context, ZMQ_ROUTER);
    int timeout = 5000, linger = 0;
    zmq_setsockopt(self.socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    zmq_setsockopt(self.socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(self.socket, ZMQ_ZAP_DOMAIN, "framewire", 9);
    assert_int_equal(zmq_bind(self.socket, endpoint), 0);
    size_t size = sizeof self.url;
    zmq_getsockopt(self.socket, ZMQ_LAST_ENDPOINT, self.url, &size);
    return self;
}

static inline void close_hub(hub *self) {
    zmq_close(self->socket);
    zmq_ctx_term(self->context);
}

static inline void hub_says(hub *self, const char *name, const fw_header *header, const void *payload,
                            size_t payload_size) {
    uint8_t packed[4096];
    size_t size;
    assert_ok(fw_header_pack(header, packed, sizeof packed, &size));
    zmq_send(self->socket, self->peer, self->peer_size, ZMQ_SNDMORE);
    zmq_send(self->socket, name, strlen(name), ZMQ_SNDMORE);
    zmq_send(self->socket, packed, size, payload != NULL ? ZMQ_SNDMORE : 0);
    if (payload != NULL)
        zmq_send(self->socket, payload, payload_size, 0);
}

/* The next word that is of this kind; its texts are gone. */
static inline fw_header hub_hears(hub *self, fw_kind kind) {
    static uint8_t bytes[8][4096];
    for (;;) {
        fw_part parts[8];
        int more = 1;
        size_t count = 0, option = sizeof more;
        int size = zmq_recv(self->socket, self->peer, sizeof self->peer, 0);
        if (size < 0)
            fail_msg("the worker did not say %d", kind);
        self->peer_size = (size_t)size;
        for (; more && count < 8; count++) {
            size = zmq_recv(self->socket, bytes[count], sizeof bytes[count], 0);
            assert_true(size >= 0);
            parts[count] = (fw_part){ bytes[count], (size_t)size };
            zmq_getsockopt(self->socket, ZMQ_RCVMORE, &more, &option);
        }
        fw_header header;
        fw_reason reason;
        assert_ok(fw_message_check(parts, count, &header, &reason));
        if (header.kind == kind)
            return header;
    }
}

#endif
