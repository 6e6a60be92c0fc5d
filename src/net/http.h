/* /metrics (Prometheus text) and /health (JSON), through libmicrohttpd. */
#ifndef FW_NET_HTTP_H
#define FW_NET_HTTP_H

#include "base/text.h"

typedef struct fw_http fw_http;

/* Fill text with what /metrics or /health answers, from any thread. health: return false for status 503. */
typedef struct fw_http_pages {
    void (*metrics)(void *arg, fw_text *text);
    bool (*health)(void *arg, fw_text *text);
    void *arg;
} fw_http_pages;

/* Listen on ADDR:PORT (port 0: the system's; warns beyond loopback). bound gets "127.0.0.1:9100". Errors as of a socket. */
fw_status fw_http_open(const char *address, const fw_http_pages *pages, char bound[128], fw_http **self_p);
void fw_http_close(fw_http **self_p);

#endif
