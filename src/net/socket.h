/* Sockets: the only users of libzmq beside the message itself. One context a sender or receiver, so that each has
 * its own ZAP handler and its own end.
 *
 * Every socket here speaks ZMTP 3 alone (libzmq 4.0, 2013, and later): older ones have no handshake, so that any bytes
 * sent to a port would count as a peer, and would be given frames.
 */
#ifndef FW_NET_SOCKET_H
#define FW_NET_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <framewire/units.h>

#include "base/url.h"

typedef struct fw_security fw_security; /* net/security.h */

/* A context with one I/O thread (on which the monitor's account relies: events come in order), that never waits for
 * lingering messages unless a socket asks for it. FW_UNSUPPORTED: a libzmq with known remote holes (before 4.3.3).
 * Close it after its last socket; NULL is fine; clears *context_p. */
fw_status fw_context_open(void **context_p);
void fw_context_close(void **context_p);

/* What the monitor saw. */
typedef enum fw_event_kind {
    FW_EVENT_NONE = 0,
    FW_EVENT_ACCEPTED,  /* or connected */
    FW_EVENT_HANDSHAKE, /* the peer speaks ZMTP, and is of a fitting type */
    FW_EVENT_DISCONNECTED,
    FW_EVENT_WRONG_PEER /* gone without a handshake: not ZeroMQ, another kind of socket, or refused keys. A socket that
                           connects may be dead for good now: see fw_probe_explain(), then fw_socket_reconnect() */
} fw_event_kind;

typedef struct fw_event {
    fw_event_kind kind;
    int fd;               /* of the connection; the kernel reuses it at once */
    uint32_t incarnation; /* of that fd: which of the connections that had it */
    bool denied;          /* WRONG_PEER: keys were refused, or asked for and not given */
    char peer[64];        /* who: "127.0.0.1:40312", "process 4242", or "" where it was gone already */
} fw_event;

typedef struct fw_socket {
    void *zmq;     /* the libzmq socket; one thread at a time */
    void *monitor; /* PAIR; poll it with the socket, read it with fw_socket_event() until FW_EVENT_NONE */
    fw_url url;    /* as asked */
    int type;      /* ZMQ_PUSH, ... */
    bool bind;     /* it listens; else it connects */
    char endpoint[FW_ENDPOINT_MAX];     /* where it listens or connects, with the port that the system chose */
    char bound[FW_ENDPOINT_MAX];        /* the same with its pattern's prefix: "push+tcp://127.0.0.1:40123" */
    fw_time said_at;                    /* when people were told of a peer that was turned away */
    unsigned peers;                     /* that have shaken hands and are still there; kept by fw_socket_event() */
    unsigned departures;                /* connections that ended, ever, with or without a handshake; likewise */
    struct fw_connections *connections; /* of each fd; net/monitor.c */
    int lock_fd;                        /* ipc bind: the lock file beside the path; -1 else */
} fw_socket;

typedef struct fw_socket_options {
    int type;                  /* ZMQ_PUSH, ... ; a ZMQ_XPUB tells of every (un)subscription of every peer (VERBOSER) */
    bool bind;                 /* where the URL does not say */
    int send_hwm, receive_hwm; /* messages; 0: 1 */
    int64_t max_message;       /* ZMQ_MAXMSGSIZE; 0: 1 MiB */
    const fw_security *security; /* NULL: none */
} fw_socket_options;

/* Open, set up (linger 0; immediate where it connects to send; TCP keepalive; IPv6 where the address is in brackets), monitor,
 * then bind or connect. A bind beyond loopback without security warns, loudly.
 * tcp: a bind takes *, an address, an interface or a host name that is this machine. A connect to a host that has no
 * address (yet) warns, and goes on trying.
 * ipc: the path's folder is made (0700) if only it is missing; a lock file beside the path; a path that is not a socket
 * is refused, a stale socket of a dead owner is taken over, a living one never.
 * Errors: FW_IN_USE ("tcp://0.0.0.0:5555 is in use by another program; choose another port, or tcp://0.0.0.0:0 for any
 * that is free"), FW_NOT_FOUND (no such host, address, interface or folder here), FW_DENIED, FW_INVALID, FW_NO_MEMORY,
 * FW_IO; *self_p is then NULL. */
fw_status fw_socket_open(void *context, const fw_url *url, const fw_socket_options *options, fw_socket **self_p);

/* The next monitor event, without waiting: FW_EVENT_NONE when there is none. Keeps self->peers and self->departures. */
fw_event_kind fw_socket_event(fw_socket *self, fw_event *event);

/* Bytes that the peers of an ipc socket have not read yet, and would lose if it were closed now: a libzmq that reads
 * nothing because its queue is full drops, at the end of a Unix socket, what it had not read. tcp: 0. */
size_t fw_socket_unread(const fw_socket *self);

/* Which of the connections that had this fd is the present one. */
uint32_t fw_socket_incarnation(const fw_socket *self, int fd);

/* Connect anew, after FW_EVENT_WRONG_PEER of a socket that connects: libzmq does not. Let some time pass before. */
fw_status fw_socket_reconnect(fw_socket *self);

/* Closes with this linger in ms (-1: for ever), removes the ipc path and its lock. NULL is fine; clears *self_p. */
void fw_socket_close(fw_socket **self_p, int linger_ms);

#endif
