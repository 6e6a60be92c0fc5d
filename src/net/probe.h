/* Who is at the other end? A raw ZMTP greeting tells what libzmq does not. */
#ifndef FW_NET_PROBE_H
#define FW_NET_PROBE_H

#include "base/url.h"

/* Connect to url's endpoint (tcp or ipc), greet by ZMTP 3.0 (NULL mechanism), read the peer's READY and its Socket-Type
 * ("PUB"), within timeout. Errors: FW_TIMEOUT, FW_NOT_FOUND (nobody listens), FW_BAD_MESSAGE (not a ZeroMQ port),
 * FW_DENIED (it asks for CURVE keys). RFC 23, https://rfc.zeromq.org/spec/23/. */
fw_status fw_probe(const fw_url *url, fw_time timeout, char type[16]);

/* The sentence for a peer of another kind than wanted: "tcp://cam:5555 is a PUB socket; say pub+tcp://cam:5555". */
fw_status fw_probe_explain(const fw_url *url, fw_time timeout, char *text, size_t room);

#endif
