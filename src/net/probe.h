/* Who is at the other end? A raw ZMTP greeting tells what libzmq does not. */
#ifndef FW_NET_PROBE_H
#define FW_NET_PROBE_H

#include <framewire/units.h>

#include "base/url.h"

/* Connect to url's endpoint (tcp or ipc), greet by ZMTP 3.0 (NULL mechanism), read the peer's READY and its Socket-Type
 * ("PUB"), within timeout. We never say READY ourselves, so that no frame is sent here. Any thread.
 * Errors: FW_TIMEOUT, FW_NOT_FOUND (nobody listens, or no such host), FW_BAD_MESSAGE (not a ZeroMQ port),
 * FW_DENIED (it asks for CURVE keys, or the path is not ours to use), FW_IO.
 * ZMTP 3.0: RFC 23, https://rfc.zeromq.org/spec/23/. */
fw_status fw_probe(const fw_url *url, fw_time timeout, char type[16]);

/* Why does a socket of ours, of this libzmq type (ZMQ_PULL), have no peer at url? FW_OK: a fitting one answers there now.
 * Else the cause says what was found and what would work ("push+tcp://cam:5555 is a PUB socket; say
 * pub+tcp://cam:5555"): FW_INVALID, or what fw_probe() returns. keys: we have some, so a port that asks for them is not
 * explained (FW_OK). */
fw_status fw_probe_explain(const fw_url *url, int type, bool keys, fw_time timeout);

#endif
