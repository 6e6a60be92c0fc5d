/* Sockets: the only users of libzmq beside the message itself. One context a sender or receiver, so that each has
 * its own ZAP handler and its own end.
 */
#ifndef FW_NET_SOCKET_H
#define FW_NET_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/url.h"

typedef struct fw_security fw_security; /* net/security.h */

/* What the monitor saw. */
typedef enum fw_event_kind {
    FW_EVENT_NONE = 0,
    FW_EVENT_ACCEPTED,  /* or connected */
    FW_EVENT_HANDSHAKE, /* the peer speaks ZMTP, and is of a fitting type */
    FW_EVENT_DISCONNECTED,
    FW_EVENT_WRONG_PEER /* gone without a handshake, or a handshake that failed: see fw_probe() */
} fw_event_kind;

typedef struct fw_event {
    fw_event_kind kind;
    int fd;            /* of the connection; the kernel reuses it at once */
    char peer[128];    /* who: "127.0.0.1:40312", or the endpoint */
} fw_event;

typedef struct fw_socket {
    void *zmq;         /* the libzmq socket; one thread at a time */
    void *monitor;     /* PAIR; poll it with the socket, read it with fw_socket_event() */
    fw_url url;        /* as asked */
    char bound[FW_ENDPOINT_MAX]; /* where it listens or connects, with the port that the system chose, and its
                                    pattern's prefix: "push+tcp://127.0.0.1:40123" */
    unsigned peers;    /* that have shaken hands and are still there; kept by fw_socket_event() */
    int lock_fd;       /* ipc bind: the lock file beside the path; -1 else */
    int fds[64];       /* (or what keeps account of connections) */
} fw_socket;

typedef struct fw_socket_options {
    int type;            /* ZMQ_PUSH, ... */
    bool bind;           /* where the URL does not say */
    int send_hwm, receive_hwm;
    int64_t max_message; /* ZMQ_MAXMSGSIZE */
    const fw_security *security; /* NULL: none */
} fw_socket_options;

/* Open, set up (linger 0; immediate where it connects; TCP keepalive; IPv6 where the address asks for it), monitor, then
 * bind or connect. A bind beyond loopback without security warns, loudly. ipc: a lock file beside the path, a path that
 * is not a socket is refused, a stale socket of a dead owner is taken over, a living one never.
 * Errors: FW_IN_USE ("tcp://0.0.0.0:5555 is in use by another program; choose another port, or tcp://0.0.0.0:0 for any
 * that is free"), FW_NOT_FOUND (host unknown, no such interface), FW_DENIED, FW_INVALID, FW_IO. */
fw_status fw_socket_open(void *context, const fw_url *url, const fw_socket_options *options, fw_socket **self_p);

/* The next monitor event, without waiting: FW_EVENT_NONE when there is none. Keeps self->peers. */
fw_event_kind fw_socket_event(fw_socket *self, fw_event *event);

/* Closes with this linger in ms, removes the ipc path and its lock. NULL is fine; clears *self_p. */
void fw_socket_close(fw_socket **self_p, int linger_ms);

#endif
