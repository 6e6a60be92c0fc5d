/* The ROUTER sockets of a hub: who a message came from, who is gone.
 *
 * Facts of libzmq (4.3) that shape it: a send only means queued, and never says that a peer is gone until something was
 * received, so sends never wait and reading never stops; routing ids are libzmq's own, new for each connection; fds are
 * reused at once, so a connection is an fd and its incarnation.
 */
#ifndef FW_DELIVERY_ROUTER_H
#define FW_DELIVERY_ROUTER_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include <zmq.h>

#include "net/socket.h"
#include "wire/message.h"

#define FW_ROUTER_SOCKETS 16

/* One connection, as messages name it. */
typedef struct fw_address {
    uint32_t socket; /* which of the router's */
    uint32_t id;     /* libzmq's routing id: a zero byte and these four */
} fw_address;

/* The same connection, as its end is told. */
typedef struct fw_wire_end {
    uint32_t socket;
    int fd;
    uint32_t incarnation;
} fw_wire_end;

typedef struct fw_router {
    fw_socket *sockets[FW_ROUTER_SOCKETS];
    uint32_t count;
    uint32_t turn;     /* the socket that is read next */
    bool quiet;        /* all was read, and no ROUTER used since: the fds tell of what comes */
    fw_wire_end *gone; /* connections that ended: told only when all they said was read */
    size_t gone_count, gone_room;
    uint64_t foreign; /* messages of peers that chose a routing id, which no receiver of ours does */
} fw_router;

/* A message that came. Its parts lie in messages: fw_router_release() when done. */
typedef struct fw_received {
    fw_address from;
    fw_wire_end connection;
    zmq_msg_t messages[FW_PARTS_MAX];
    fw_part parts[FW_PARTS_MAX];
    size_t count; /* beyond FW_PARTS_MAX: the rest was dropped */
    bool by_door; /* parts lie in a packet, and in no messages */
} fw_received;

/* One ROUTER more, at this URL. */
fw_status fw_router_open(fw_router *self, void *context, const fw_url *url, const fw_security *security);

/* Whether there may be something to receive or to watch: a question that costs less than to try. */
bool fw_router_has_news(const fw_router *self);

/* The next message, without waiting. false: there is none. */
bool fw_router_receive(fw_router *self, fw_received *in);
void fw_router_release(fw_received *in);

/* Look which connections ended. Then read again until there is nothing: what they said before is there by now. */
void fw_router_watch(fw_router *self);

/* After that: one that ended, all of whose messages were read. false: none. */
bool fw_router_gone(fw_router *self, fw_wire_end *end);

typedef enum fw_posted {
    FW_POSTED,     /* queued, no more */
    FW_POST_FULL,  /* its pipe is full: it takes nothing */
    FW_POST_NOBODY /* nobody is there by this address */
} fw_posted;

/* Send [stream][header][payload ...] without waiting. Takes the payload messages, whatever happens. */
fw_posted fw_router_send(fw_router *self, fw_address to, const char *stream, const uint8_t *header, size_t header_size,
                         zmq_msg_t *payloads, size_t payload_count);

/* Is there something that the fds will not tell again? See fw_output_class.wants_tending. */
bool fw_router_wants_reading(fw_router *self);

nfds_t fw_router_poll(const fw_router *self, struct pollfd *fds);

void fw_router_close(fw_router *self, int linger_ms);

#endif
