#include "delivery/router.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/status.h"
#include "delivery/peers.h"

/* What may wait for one peer: frames within its credit, and what is said about them. It bounds what a peer that asks and
 * never reads can cost. */
#define MESSAGES_AHEAD 256
#define ID_SIZE        5

fw_status fw_router_open(fw_router *self, void *context, const fw_url *url, const fw_security *security) {
    fw_socket_options options = {
        .type = ZMQ_ROUTER,
        .bind = true,
        .send_hwm = MESSAGES_AHEAD,
        .receive_hwm = MESSAGES_AHEAD,
        .max_message = FW_RESULT_ARRAY_MAX,
        .security = security,
    };
    fw_status status = fw_socket_open(context, url, &options, &self->sockets[self->count]);
    if (status != FW_OK)
        return status;
    int mandatory = 1;
    zmq_setsockopt(self->sockets[self->count]->zmq, ZMQ_ROUTER_MANDATORY, &mandatory, sizeof mandatory);
    self->count++;
    return FW_OK;
}

/* Read what the monitor saw; connections that ended are kept until all that they said is read. */
static void read_monitor(fw_router *self, uint32_t socket) {
    fw_event event;
    fw_event_kind kind;
    while ((kind = fw_socket_event(self->sockets[socket], &event)) != FW_EVENT_NONE) {
        if (kind == FW_EVENT_WRONG_PEER && event.denied)
            fw_warn("%s: %s was refused: its key is not let in", self->sockets[socket]->bound, event.peer);
        if (kind != FW_EVENT_DISCONNECTED && kind != FW_EVENT_WRONG_PEER)
            continue;
        if (self->gone_count == self->gone_room) {
            size_t room = self->gone_room * 2 + 16;
            fw_wire_end *grown = reallocarray(self->gone, room, sizeof *grown);
            if (grown == NULL)
                continue;
            self->gone = grown;
            self->gone_room = room;
        }
        self->gone[self->gone_count++] = (fw_wire_end){ socket, event.fd, event.incarnation };
    }
}

/* All parts of a message after its routing id. */
static void receive_parts(void *zmq, fw_received *in) {
    in->count = 0;
    for (int more = 1; more;) {
        zmq_msg_t message;
        zmq_msg_init(&message);
        int size = zmq_msg_recv(&message, zmq, ZMQ_DONTWAIT);
        if (size < 0)
            break;
        more = zmq_msg_more(&message);
        if (in->count == 0)
            in->connection.fd = zmq_msg_get(&message, ZMQ_SRCFD);
        if (in->count >= FW_PARTS_MAX) {
            zmq_msg_close(&message);
        } else {
            zmq_msg_init(&in->messages[in->count]);
            zmq_msg_move(&in->messages[in->count], &message);
            in->parts[in->count] = (fw_part){ zmq_msg_data(&in->messages[in->count]), (size_t)size };
        }
        in->count++;
    }
}

static bool receive_from(fw_router *self, uint32_t socket, fw_received *in) {
    void *zmq = self->sockets[socket]->zmq;
    uint8_t id[ID_SIZE];
    for (int size; (size = zmq_recv(zmq, id, sizeof id, ZMQ_DONTWAIT)) >= 0;) {
        in->connection = (fw_wire_end){ .socket = socket, .fd = -1 };
        in->by_door = false;
        receive_parts(zmq, in);
        in->from.socket = socket;
        memcpy(&in->from.id, id + 1, sizeof in->from.id);
        if (size == ID_SIZE && id[0] == 0) /* libzmq's own ids begin with zero, and no peer's may */
            return true;
        self->foreign++;
        fw_router_release(in);
    }
    return false;
}

bool fw_router_has_news(const fw_router *self) {
    struct pollfd fds[2 * FW_ROUTER_SOCKETS];
    return !self->quiet || poll(fds, fw_router_poll(self, fds), 0) != 0;
}

void fw_router_watch(fw_router *self) {
    for (uint32_t i = 0; i < self->count; i++)
        read_monitor(self, i);
}

bool fw_router_receive(fw_router *self, fw_received *in) {
    self->quiet = false;
    for (uint32_t i = 0; i < self->count; i++) {
        uint32_t socket = (self->turn + i) % self->count;
        if (!receive_from(self, socket, in))
            continue;
        /* Drain the monitor before acting on what came: libzmq reuses fds at once, and an old connection's end would
         * otherwise name this one. */
        read_monitor(self, socket);
        in->connection.incarnation = fw_socket_incarnation(self->sockets[socket], in->connection.fd);
        self->turn = socket + 1;
        return true;
    }
    self->quiet = true;
    return false;
}

void fw_router_release(fw_received *in) {
    for (size_t i = 0; i < in->count && i < FW_PARTS_MAX; i++)
        zmq_msg_close(&in->messages[i]);
    in->count = 0;
}

bool fw_router_gone(fw_router *self, fw_wire_end *end) {
    if (self->gone_count == 0)
        return false;
    *end = self->gone[0];
    memmove(self->gone, self->gone + 1, --self->gone_count * sizeof *self->gone);
    return true;
}

fw_posted fw_router_send(fw_router *self, fw_address to, const char *stream, const uint8_t *header, size_t header_size,
                         zmq_msg_t *payloads, size_t payload_count) {
    void *zmq = self->sockets[to.socket]->zmq;
    uint8_t id[ID_SIZE] = { 0 };
    self->quiet = false;
    memcpy(id + 1, &to.id, sizeof to.id);
    fw_posted posted = FW_POSTED;
    if (zmq_send(zmq, id, sizeof id, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
        posted = zmq_errno() == EHOSTUNREACH ? FW_POST_NOBODY : FW_POST_FULL;
    if (posted == FW_POSTED) {
        /* Once the first part is taken the others are, or the peer has gone and libzmq drops them all. */
        (void)zmq_send(zmq, stream, strlen(stream), ZMQ_SNDMORE | ZMQ_DONTWAIT);
        (void)zmq_send(zmq, header, header_size, (payload_count > 0 ? ZMQ_SNDMORE : 0) | ZMQ_DONTWAIT);
    }
    for (size_t i = 0; i < payload_count; i++) {
        int more = i + 1 < payload_count ? ZMQ_SNDMORE : 0;
        if (posted != FW_POSTED || zmq_msg_send(&payloads[i], zmq, more | ZMQ_DONTWAIT) < 0)
            zmq_msg_close(&payloads[i]);
    }
    return posted;
}

bool fw_router_wants_reading(fw_router *self) {
    if (self->quiet)
        return false;
    for (uint32_t i = 0; i < self->count; i++) {
        int events = 0;
        size_t size = sizeof events;
        if (zmq_getsockopt(self->sockets[i]->zmq, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLIN) != 0)
            return true;
    }
    self->quiet = true;
    return false;
}

nfds_t fw_router_poll(const fw_router *self, struct pollfd *fds) {
    nfds_t count = 0;
    for (uint32_t i = 0; i < self->count; i++) {
        fw_poll_add(fds, &count, self->sockets[i]->zmq);
        fw_poll_add(fds, &count, self->sockets[i]->monitor);
    }
    return count;
}

void fw_router_close(fw_router *self, int linger_ms) {
    for (uint32_t i = 0; i < self->count; i++)
        fw_socket_close(&self->sockets[i], linger_ms);
    self->count = 0;
    free(self->gone);
    self->gone = NULL;
    self->gone_count = self->gone_room = 0;
}
