#include "net/monitor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <zmq.h>

#include "base/status.h"

typedef struct fw_link {
    uint32_t incarnation; /* rises with each connection that gets this fd */
    bool open, shaken;
    bool guessed;    /* shaken, as far as is known: another may have been meant */
    uint64_t opened; /* the how-manieth connection of this socket it is */
    char peer[sizeof(((fw_event *)NULL)->peer)];
} fw_link;

struct fw_connections {
    fw_link *by_fd;
    size_t room;
    uint64_t opened;
    bool failed;     /* a handshake failed: that connection's DISCONNECTED is the next event */
    unsigned doomed; /* were refused by their keys: the client hangs up, and no other event says that it was that one */
    bool denied;     /* a handshake failed over keys; its DISCONNECTED is still to come */
};

enum {
    EVENTS = ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED |
             ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
             ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
};

fw_status fw_monitor_open(void *context, fw_socket *self) {
    static atomic_uint next;
    char address[64];
    snprintf(address, sizeof address, "inproc://framewire-monitor-%u", atomic_fetch_add(&next, 1));

    self->connections = calloc(1, sizeof *self->connections);
    if (self->connections == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory for a socket's monitor");
    if (zmq_socket_monitor(self->zmq, address, EVENTS) != 0)
        return fw_fail(FW_IO, "libzmq gave no monitor: %s", zmq_strerror(zmq_errno()));

    self->monitor = zmq_socket(context, ZMQ_PAIR);
    /* A monitor that is full blocks libzmq's I/O thread: let it have no mark. */
    int none = 0;
    if (self->monitor == NULL || zmq_setsockopt(self->monitor, ZMQ_RCVHWM, &none, sizeof none) != 0 ||
        zmq_setsockopt(self->monitor, ZMQ_LINGER, &none, sizeof none) != 0 || zmq_connect(self->monitor, address) != 0)
        return fw_fail(FW_IO, "libzmq gave no monitor: %s", zmq_strerror(zmq_errno()));
    return FW_OK;
}

/* The fd may be gone, or another's, by now: the name is for people only. */
static void peer_name(int fd, char *out, size_t room) {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_storage room;
    } address = { 0 };
    socklen_t size = sizeof address;
    char host[INET6_ADDRSTRLEN];

    out[0] = '\0';
    if (getpeername(fd, &address.any, &size) != 0)
        return;
    if (address.any.sa_family == AF_INET && inet_ntop(AF_INET, &address.in.sin_addr, host, sizeof host) != NULL) {
        snprintf(out, room, "%s:%u", host, ntohs(address.in.sin_port));
    } else if (address.any.sa_family == AF_INET6 &&
               inet_ntop(AF_INET6, &address.in6.sin6_addr, host, sizeof host) != NULL) {
        snprintf(out, room, "[%s]:%u", host, ntohs(address.in6.sin6_port));
    } else if (address.any.sa_family == AF_UNIX) {
        struct ucred who;
        size = sizeof who;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0)
            snprintf(out, room, "process %d", (int)who.pid);
    }
}

static fw_link *link_of(struct fw_connections *self, int fd) {
    if (fd < 0)
        return NULL;
    size_t index = (size_t)fd;
    if (index >= self->room) {
        size_t room = index + 16;
        fw_link *grown = reallocarray(self->by_fd, room, sizeof *grown);
        if (grown == NULL)
            return NULL;
        memset(grown + self->room, 0, (room - self->room) * sizeof *grown);
        self->by_fd = grown;
        self->room = room;
    }
    return &self->by_fd[index];
}

static void end_link(fw_socket *self, fw_link *link) {
    if (link->open && link->shaken)
        self->peers--;
    link->open = link->shaken = false;
}

static bool read_monitor(void *monitor, uint16_t *what, int32_t *value) {
    zmq_msg_t part;
    zmq_msg_init(&part);
    bool told = false;
    int size;
    do
        size = zmq_msg_recv(&part, monitor, ZMQ_DONTWAIT);
    while (size < 0 && zmq_errno() == EINTR);
    if (size >= 6) {
        memcpy(what, zmq_msg_data(&part), sizeof *what);
        memcpy(value, (const char *)zmq_msg_data(&part) + sizeof *what, sizeof *value);
        told = true;
        /* The endpoint follows: parts of one message are there together. */
        while (zmq_msg_more(&part) && zmq_msg_recv(&part, monitor, ZMQ_DONTWAIT) >= 0)
            continue;
    }
    zmq_msg_close(&part);
    return told;
}

/* Has the peer of a TCP connection said enough to have shaken hands? A greeting of 64 bytes, and a READY with its type. */
static bool said_ready(int fd) {
    enum { LEAST = 64 + 2 + 6 + 12 + 4 + 3 };
    struct tcp_info info = { 0 };
    socklen_t size = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_bytes_received >= LEAST;
}

/* HANDSHAKE_SUCCEEDED does not say whose (its value is 0). Of several connections without one, on tcp it is the oldest
 * that has said enough; else it is guessed that it was the youngest, since an older one is likely silent for good. Where
 * that was wrong, the end of the one it was given to shows it (disconnect_link()). NULL: there is none. */
static fw_link *shake_one(const fw_socket *self) {
    fw_link *youngest = NULL, *ready = NULL;
    unsigned count = 0;
    for (size_t fd = 0; fd < self->connections->room; fd++) {
        fw_link *link = &self->connections->by_fd[fd];
        if (!link->open || link->shaken)
            continue;
        count++;
        if (youngest == NULL || link->opened > youngest->opened)
            youngest = link;
        if (!self->url.ipc && (ready == NULL || link->opened < ready->opened) && said_ready((int)fd))
            ready = link;
    }
    fw_link *link = count > 1 && ready != NULL ? ready : youngest;
    if (link != NULL) {
        link->shaken = true;
        link->guessed = count > 1 && ready == NULL;
    }
    return link;
}

static void open_link(fw_socket *self, fw_link *link, int fd) {
    end_link(self, link); /* undone by ourselves: that makes no event */
    link->open = true;
    link->incarnation++;
    link->opened = ++self->connections->opened;
    peer_name(fd, link->peer, sizeof link->peer);
}

static void disconnect_link(fw_socket *self, fw_link *link, fw_event *event) {
    struct fw_connections *all = self->connections;
    bool doomed = !all->failed && all->doomed > 0;
    if (doomed)
        all->doomed--;
    /* Of some failures libzmq says nothing. So a guess that ends counts as a wrong one while there is another to be had: if
     * that is wrong, too, the other one's end shows it. */
    if (link->shaken && (all->failed || doomed || link->guessed) && shake_one(self) != NULL)
        link->shaken = false;
    event->kind = link->shaken ? FW_EVENT_DISCONNECTED : FW_EVENT_WRONG_PEER;
    event->denied = !link->shaken && all->denied;
    self->departures++;
    if (!link->shaken)
        all->denied = false;
    all->failed = false;
    end_link(self, link);
}

/* One libzmq event into the account; false if it is not one to tell. */
static bool take_event(fw_socket *self, uint16_t what, int32_t value, fw_event *event) {
    struct fw_connections *all = self->connections;
    fw_link *link;
    switch (what) {
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        all->failed = true;
        return false;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        all->failed = true;
        if (value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH)
            all->denied = true;
        return false;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        all->doomed++;
        all->denied = true;
        return false;
    case ZMQ_EVENT_ACCEPTED:
    case ZMQ_EVENT_CONNECTED:
        link = link_of(all, value);
        if (link == NULL)
            return false;
        open_link(self, link, value);
        event->kind = FW_EVENT_ACCEPTED;
        break;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        link = shake_one(self);
        if (link == NULL)
            return false;
        self->peers++;
        event->kind = FW_EVENT_HANDSHAKE;
        break;
    case ZMQ_EVENT_DISCONNECTED:
        link = link_of(all, value);
        if (link == NULL || !link->open)
            return false;
        disconnect_link(self, link, event);
        break;
    default:
        return false;
    }
    event->fd = (int)(link - all->by_fd);
    event->incarnation = link->incarnation;
    memcpy(event->peer, link->peer, sizeof event->peer);
    return true;
}

fw_event_kind fw_socket_event(fw_socket *self, fw_event *event) {
    uint16_t what;
    int32_t value;
    do {
        *event = (fw_event){ .kind = FW_EVENT_NONE, .fd = -1 };
        if (!read_monitor(self->monitor, &what, &value))
            return FW_EVENT_NONE;
    } while (!take_event(self, what, value, event));
    return event->kind;
}

size_t fw_socket_unread(const fw_socket *self) {
    size_t unread = 0;
    for (size_t fd = 0; self->url.ipc && fd < self->connections->room; fd++) {
        int bytes = 0;
        if (self->connections->by_fd[fd].open && ioctl((int)fd, SIOCOUTQ, &bytes) == 0 && bytes > 0)
            unread += (size_t)bytes;
    }
    return unread;
}

uint32_t fw_socket_incarnation(const fw_socket *self, int fd) {
    const struct fw_connections *all = self->connections;
    return fd >= 0 && (size_t)fd < all->room ? all->by_fd[fd].incarnation : 0;
}

void fw_monitor_forget(fw_socket *self) {
    for (size_t i = 0; i < self->connections->room; i++)
        end_link(self, &self->connections->by_fd[i]);
}

void fw_monitor_close(fw_socket *self) {
    if (self->zmq != NULL)
        zmq_socket_monitor(self->zmq, NULL, 0);
    if (self->monitor != NULL)
        zmq_close(self->monitor);
    self->monitor = NULL;
    if (self->connections != NULL)
        free(self->connections->by_fd);
    free(self->connections);
    self->connections = NULL;
}
