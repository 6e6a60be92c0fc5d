/* URLs as users type them: PATTERN+TRANSPORT://ADDRESS?query, and SCHEME:REST?key=value&... */
#ifndef FW_BASE_URL_H
#define FW_BASE_URL_H

#include <stdbool.h>
#include <stddef.h>

#include <framewire/status.h>

typedef enum fw_pattern { FW_LEASED, FW_PUSH, FW_PUB } fw_pattern;

#define FW_ENDPOINT_MAX 512

/* An output or input: what libzmq is told, and how. */
typedef struct fw_url {
    fw_pattern pattern;
    char endpoint[FW_ENDPOINT_MAX]; /* "tcp://0.0.0.0:5555", "ipc:///run/x.sock": without pattern and query */
    bool ipc;
    enum { FW_DEFAULT_SIDE, FW_BIND, FW_CONNECT } side; /* ?bind, ?connect */
} fw_url;

/* FW_INVALID with the cause in one sentence: an unknown prefix or transport (names the known ones), a missing
 * or impossible port, a host missing, ipc without a path, too long a path for a Unix socket (107 bytes),
 * unknown query words. */
fw_status fw_url_parse(const char *text, fw_url *url_p);

/* "push+tcp://127.0.0.1:40123": the pattern's prefix put before an endpoint. out has FW_ENDPOINT_MAX bytes. */
void fw_url_format(char *out, fw_pattern pattern, const char *endpoint);

/* Does a bind to it let other machines in? (tcp, and not 127.0.0.0/8, ::1 or localhost) */
bool fw_url_is_open(const fw_url *url);

/* One key=value of a source's query, percent-decoded. */
typedef struct fw_query {
    char *key, *value;
} fw_query;

/* Split "SCHEME:rest?a=b&c=d" (only at '?'; scheme and rest as typed). queries is malloc'ed with count entries;
 * free with fw_spec_free(). FW_INVALID without a scheme, for a query without '=', a key given twice, or a bad %HH;
 * *spec_p is then empty. */
typedef struct fw_spec {
    char *scheme, *rest;
    fw_query *queries;
    size_t count;
} fw_spec;

/* The length of text's scheme (two or more of a-z and 0-9, and a colon, which does not count): 0 if it has none. */
size_t fw_spec_scheme(const char *text);

fw_status fw_spec_parse(const char *text, fw_spec *spec_p);
void fw_spec_free(fw_spec *spec);

#endif
