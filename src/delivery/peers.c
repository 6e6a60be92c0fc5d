#include "delivery/peers.h"

#include <zmq.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "net/probe.h"

#define PROBE_WITHIN    (500 * FW_MS)
#define RECONNECT_AFTER (1 * FW_SECOND)
/* Who is turned away comes again, many times a minute. */
#define SAY_EVERY (10 * FW_SECOND)

static bool may_say(fw_socket *socket, fw_time now) {
    if (socket->said_at != 0 && now < fw_after(socket->said_at, SAY_EVERY))
        return false;
    socket->said_at = now;
    return true;
}

static void on_wrong_peer(fw_socket *socket, const fw_event *event, bool secured, fw_time now, fw_time *reconnect_at) {
    if (socket->bind) {
        if (event->denied && may_say(socket, now))
            fw_warn("%s: %s was refused: %s", socket->bound, event->peer,
                    secured ? "it has no key that is let in" : "it comes with keys, and this side has none (--keys)");
        else
            fw_debug("%s: %s left without a handshake", socket->bound, event->peer);
        return;
    }
    if (*reconnect_at == 0 && may_say(socket, now) &&
        fw_probe_explain(&socket->url, socket->type, secured, PROBE_WITHIN) != FW_OK)
        fw_warn("%s", fw_cause());
    *reconnect_at = fw_after(now, RECONNECT_AFTER);
}

unsigned fw_peers_tend(fw_socket *socket, bool secured, fw_time now, fw_time *reconnect_at) {
    unsigned handshakes = 0;
    fw_event event;
    fw_event_kind kind;
    while ((kind = fw_socket_event(socket, &event)) != FW_EVENT_NONE) {
        handshakes += kind == FW_EVENT_HANDSHAKE;
        if (kind == FW_EVENT_WRONG_PEER)
            on_wrong_peer(socket, &event, secured, now, reconnect_at);
        else if (kind == FW_EVENT_HANDSHAKE)
            fw_debug("%s: a peer is connected", socket->bound);
        else if (kind == FW_EVENT_DISCONNECTED)
            fw_debug("%s: %s is gone", socket->bound, event.peer);
    }
    if (*reconnect_at != 0 && now >= *reconnect_at) {
        *reconnect_at = 0;
        (void)fw_socket_reconnect(socket);
    }
    return handshakes;
}

void fw_poll_add(struct pollfd *fds, nfds_t *count, void *zmq) {
    int fd = -1;
    size_t size = sizeof fd;
    if (zmq_getsockopt(zmq, ZMQ_FD, &fd, &size) == 0)
        fds[(*count)++] = (struct pollfd){ .fd = fd, .events = POLLIN };
}
