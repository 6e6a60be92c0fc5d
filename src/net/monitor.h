/* The account of a socket's connections, from libzmq's monitor. Used by socket.c; fw_socket_event() reads it. */
#ifndef FW_NET_MONITOR_H
#define FW_NET_MONITOR_H

#include "net/socket.h"

/* Before bind or connect, so that no event is missed. */
fw_status fw_monitor_open(void *context, fw_socket *self);

/* Forget all connections: they ended without an event. */
void fw_monitor_forget(fw_socket *self);

void fw_monitor_close(fw_socket *self);

#endif
