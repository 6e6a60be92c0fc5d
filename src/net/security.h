/* CURVE: keys in files (CZMQ certificates), who may connect (ZAP).
 *
 * The ZAP handler is our own, a thread on the sender's context: CZMQ's zauth lives in CZMQ's one context of the process,
 * so that several senders in a process would share one list of allowed keys, and its sockets are not the ones we use.
 */
#ifndef FW_NET_SECURITY_H
#define FW_NET_SECURITY_H

#include <stdbool.h>
#include <stdint.h>

#include <framewire/keys.h>

#include "net/socket.h"

#define FW_ZAP_DOMAIN "framewire"
#define FW_KEY_FILE   "framewire.key" /* in the folder of keys; the secret one has "_secret" after it */

/* Load the own key pair of a folder, and for a server the public keys that are let in: a file with one key a line
 * (Z85, 40 characters; an optional name after it; # starts a comment) or a CZMQ public certificate. Starts a ZAP handler
 * on the context where allow is given, so before anything binds. server_key (Z85, or a file as above) is for who connects.
 * Close it after the sockets that use it and before the context.
 * Errors: FW_UNSUPPORTED (libzmq without CURVE: refuse to start), FW_NOT_FOUND, FW_DENIED (a secret key file that others
 * may read), FW_INVALID (no key pair; neither allow nor server_key; a line that is no key: says which). */
fw_status fw_security_open(void *context, const char *keys, const char *allow, const char *server_key,
                           fw_security **self_p);

/* Set a socket up as server or client, before bind or connect. FW_INVALID: a server without allow, a client without
 * server_key. */
fw_status fw_security_apply(const fw_security *self, void *zmq_socket, bool server);

/* Connections that were refused, so far. Any thread. */
uint64_t fw_security_refused(const fw_security *self);

void fw_security_close(fw_security **self_p);

#endif
