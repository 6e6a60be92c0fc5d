/* What the monitors of a sender's sockets say, to people and to the socket itself. */
#ifndef FW_DELIVERY_PEERS_H
#define FW_DELIVERY_PEERS_H

#include <poll.h>

#include <framewire/units.h>

#include "net/socket.h"

/* Read all that waits; keeps socket->peers. Where we connect to a socket of a wrong kind, it is named, and connected to anew
 * after a while (*reconnect_at, 0 at first), since libzmq does not. Returns how many handshakes there were. */
unsigned fw_peers_tend(fw_socket *socket, bool secured, fw_time now, fw_time *reconnect_at);

/* Add a libzmq socket's fd to a poll set. It tells of changes only: read until there is no more. */
void fw_poll_add(struct pollfd *fds, nfds_t *count, void *zmq);

#endif
