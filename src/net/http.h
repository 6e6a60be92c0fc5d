/* /metrics (Prometheus text) and /health (JSON), through libmicrohttpd. */
#ifndef FW_NET_HTTP_H
#define FW_NET_HTTP_H

#include <stdbool.h>

#include "base/text.h"

typedef struct fw_http fw_http;

/* Fill text with what /metrics or /health answers, from the server's own thread. health: return false for status 503. */
typedef struct fw_http_pages {
    void (*metrics)(void *arg, fw_text *text);
    bool (*health)(void *arg, fw_text *text);
    void *arg;
} fw_http_pages;

/* Listen on ADDR:PORT, [ADDR]:PORT or *:PORT (port 0: the system's; warns beyond loopback), with a thread of its own.
 * bound gets "127.0.0.1:9100". GET and HEAD only; at most 64 connections at a time, each for 10 s of silence.
 * Errors: FW_INVALID (not an ADDR:PORT), FW_IN_USE, FW_NOT_FOUND (no such host or address here), FW_DENIED, FW_IO. */
fw_status fw_http_open(const char *address, const fw_http_pages *pages, char bound[128], fw_http **self_p);

/* Returns once no page is being made any more. NULL is fine; clears *self_p. */
void fw_http_close(fw_http **self_p);

#endif
