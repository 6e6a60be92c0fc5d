/* CURVE: keys in files (CZMQ certificates), who may connect (ZAP). */
#ifndef FW_NET_SECURITY_H
#define FW_NET_SECURITY_H

#include <framewire/keys.h>

#include "net/socket.h"

/* Load the own key pair of a folder, and for a server the public keys that are let in: a file with one key a line
 * (Z85, 40 characters; an optional name after it; # starts a comment) or a CZMQ public certificate. Starts a ZAP handler
 * on the context (before anything binds), with ZAP_ENFORCE_DOMAIN. server_key (Z85, or a file) is for who connects.
 * Errors: FW_UNSUPPORTED (libzmq without CURVE: refuse to start), FW_NOT_FOUND, FW_DENIED (a secret key file that others
 * may read), FW_INVALID (keys without allow where it binds, a line that is no key: says which). */
fw_status fw_security_open(void *context, const char *keys, const char *allow, const char *server_key, fw_security **self_p);

/* Set a socket up as server or client, before bind or connect. */
fw_status fw_security_apply(const fw_security *self, void *zmq_socket, bool server);

/* Connections that were refused, so far. Any thread. */
uint64_t fw_security_refused(const fw_security *self);

void fw_security_close(fw_security **self_p);

#endif
