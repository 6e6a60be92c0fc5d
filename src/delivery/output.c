#include "delivery/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "base/log.h"
#include "base/status.h"

/* Frames a peer may have waiting in libzmq: two keep the wire busy while the next is made. */
#define FRAMES_AHEAD 2
/* What receivers say to us on these sockets is subscriptions: a stream's name, or less. */
#define SUBSCRIPTION_MAX 1024

/* What libzmq hands back when it is done with a payload. */
typedef struct pin {
    fw_slot *slot;
    fw_output *output;
    size_t size;
} pin;

fw_status fw_output_open(void *context, const fw_url *url, const fw_security *security, int wake_fd,
                         fw_output **self_p) {
    *self_p = NULL;
    fw_output *self = calloc(1, sizeof *self);
    if (self == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory for an output");
    self->push = url->pattern == FW_PUSH;
    self->wake_fd = wake_fd;
    fw_socket_options options = {
        .type = self->push ? ZMQ_PUSH : ZMQ_XPUB,
        .bind = true,
        .send_hwm = FRAMES_AHEAD,
        .receive_hwm = 1000,
        .max_message = SUBSCRIPTION_MAX,
        .security = security,
    };
    fw_status status = fw_socket_open(context, url, &options, &self->socket);
    if (status != FW_OK) {
        free(self);
        return status;
    }
    *self_p = self;
    return FW_OK;
}

static void wake(const fw_output *self) {
    uint64_t one = 1;
    (void)!write(self->wake_fd, &one, sizeof one);
}

/* libzmq's io thread, or whoever calls libzmq next. */
static void let_go(void *data, void *hint) {
    (void)data;
    pin *gone = hint;
    fw_output *output = gone->output;
    fw_slot_release(gone->slot);
    atomic_fetch_sub(&output->held_bytes, gone->size);
    if (atomic_fetch_sub(&output->held, 1) == 1 && atomic_load(&output->flushing))
        wake(output);
    free(gone);
}

bool fw_output_send(fw_output *self, const fw_packed *packed, fw_frame *frame) {
    pin *held = malloc(sizeof *held);
    if (held == NULL)
        return false;
    *held = (pin){ frame->slot, self, frame->slot->room };
    zmq_msg_t payload;
    if (zmq_msg_init_data(&payload, frame->data, frame->header.format.size, let_go, held) != 0) {
        free(held);
        return false;
    }
    fw_slot_retain(frame->slot);
    atomic_fetch_add(&self->held, 1);
    atomic_fetch_add(&self->held_bytes, held->size);
    void *zmq = self->socket->zmq;
    if (zmq_send(zmq, packed->stream, strlen(packed->stream), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
        zmq_msg_close(&payload);
        return false;
    }
    /* Once the first part is taken the others are, or the peer has gone and libzmq drops them all. */
    self->sent++;
    (void)zmq_send(zmq, packed->header, packed->header_size, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    if (zmq_msg_send(&payload, zmq, ZMQ_DONTWAIT) < 0)
        zmq_msg_close(&payload);
    return true;
}

static void end_let_go(void *data, void *hint) {
    fw_output *output = hint;
    free(data);
    atomic_fetch_sub(&output->held, 1);
    wake(output);
}

bool fw_output_send_end(fw_output *self, const fw_packed *packed) {
    void *copy = malloc(packed->header_size);
    if (copy == NULL)
        return false;
    memcpy(copy, packed->header, packed->header_size);
    zmq_msg_t header;
    if (zmq_msg_init_data(&header, copy, packed->header_size, end_let_go, self) != 0) {
        free(copy);
        return false;
    }
    atomic_fetch_add(&self->held, 1);
    bool taken = zmq_send(self->socket->zmq, packed->stream, strlen(packed->stream), ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0;
    if (!taken || zmq_msg_send(&header, self->socket->zmq, ZMQ_DONTWAIT) < 0)
        zmq_msg_close(&header);
    return taken;
}

/* A subscription is one byte (1: comes, 0: goes) and a prefix. */
static bool read_subscription(fw_output *self, const char *stream) {
    char text[SUBSCRIPTION_MAX];
    int size = zmq_recv(self->socket->zmq, text, sizeof text, ZMQ_DONTWAIT);
    if (size < 1 || (size_t)size > sizeof text)
        return false;
    size_t prefix = (size_t)size - 1;
    if (prefix > strlen(stream) || memcmp(text + 1, stream, prefix) != 0)
        return false;
    if (text[0] == 1) {
        self->subscriptions++;
        self->joined++;
        return true;
    }
    if (text[0] == 0)
        self->subscriptions -= self->subscriptions > 0;
    return false;
}

static int events(fw_output *self) {
    int now = 0;
    size_t size = sizeof now;
    return zmq_getsockopt(self->socket->zmq, ZMQ_EVENTS, &now, &size) == 0 ? now : 0;
}

bool fw_output_tend(fw_output *self, const char *stream) {
    bool came = false;
    while ((events(self) & ZMQ_POLLIN) != 0)
        came |= read_subscription(self, stream);
    return came;
}

bool fw_output_takes(fw_output *self) {
    return !self->push || (events(self) & ZMQ_POLLOUT) != 0;
}

bool fw_output_wants_tending(fw_output *self) {
    return !self->push && (events(self) & ZMQ_POLLIN) != 0;
}

unsigned fw_output_takers(const fw_output *self) {
    return self->push ? self->socket->peers : self->subscriptions;
}

void fw_output_close(fw_output *self, int linger_ms) {
    if (self != NULL)
        fw_socket_close(&self->socket, linger_ms);
}

void fw_output_free(fw_output **self_p) {
    free(*self_p);
    *self_p = NULL;
}
