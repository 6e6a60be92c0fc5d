#include "base/url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

#define SOCKET_PATH_MAX 107
#define HOST_MAX        255

static const struct {
    const char *name;
    fw_pattern pattern;
    bool ipc;
} prefixes[] = {
    { "tcp", FW_LEASED, false },   { "ipc", FW_LEASED, true },   { "push+tcp", FW_PUSH, false },
    { "push+ipc", FW_PUSH, true }, { "pub+tcp", FW_PUB, false }, { "pub+ipc", FW_PUB, true },
};

static bool starts_with(const char *text, const char *start) {
    return !strncmp(text, start, strlen(start));
}

static fw_status unknown_prefix(const char *text) {
    if (starts_with(text, "pull+"))
        return fw_fail(FW_INVALID, "%s: both sides say push+ (the receiver pulls): push+%s", text, text + 5);
    if (starts_with(text, "sub+"))
        return fw_fail(FW_INVALID, "%s: both sides say pub+ (the receiver subscribes): pub+%s", text, text + 4);
    return fw_fail(
        FW_INVALID,
        "%s: a URL starts with tcp:// or ipc:// (leased), push+tcp://, push+ipc://, pub+tcp:// or pub+ipc://", text);
}

/* ?bind or ?connect, cut off rest. */
static fw_status take_query(const char *text, char *rest, fw_url *url) {
    char *query = strchr(rest, '?');
    if (!query)
        return FW_OK;
    if (!strcmp(query, "?bind"))
        url->side = FW_BIND;
    else if (!strcmp(query, "?connect"))
        url->side = FW_CONNECT;
    else
        return fw_fail(FW_INVALID, "%s: after the address only ?bind or ?connect may stand", text);
    *query = '\0';
    return FW_OK;
}

static fw_status check_host(const char *text, const char *host, const fw_url *url) {
    size_t size = strlen(host);
    if (!size)
        return fw_fail(FW_INVALID, "%s: a host is missing before the port, like tcp://127.0.0.1:5555 or tcp://*:5555",
                       text);
    if (size > HOST_MAX)
        return fw_fail(FW_INVALID, "%s: a host has at most %d characters", text, HOST_MAX);
    if (host[0] == '[') {
        if (size < 4 || host[size - 1] != ']' || strcspn(host + 1, "[] /@") != size - 2)
            return fw_fail(FW_INVALID, "%s: an IPv6 address stands in brackets, like tcp://[::1]:5555", text);
        return FW_OK;
    }
    if (!strcmp(host, "*")) {
        if (url->side == FW_CONNECT)
            return fw_fail(FW_INVALID, "%s: one cannot connect to *; name the host", text);
        return FW_OK;
    }
    if (strchr(host, ':'))
        return fw_fail(FW_INVALID, "%s: an IPv6 address stands in brackets, like tcp://[::1]:5555", text);
    for (const char *at = host; *at; at++)
        if ((unsigned char)*at <= ' ' || *at == 0x7F || strchr("*/@;[]%\\", *at))
            return fw_fail(FW_INVALID, "%s: \"%s\" is not the name or address of a host", text, host);
    return FW_OK;
}

static fw_status parse_tcp(const char *text, char *address, fw_url *url) {
    char *colon = strrchr(address, ':');
    if (!colon || strchr(colon, ']'))
        return fw_fail(FW_INVALID, "%s: a port is missing, like tcp://127.0.0.1:5555", text);
    const char *port = colon + 1;
    unsigned number = 0;
    if (strcmp(port, "*")) {
        size_t digits = strspn(port, "0123456789");
        number = digits && digits <= 5 && !port[digits] ? (unsigned)strtoul(port, NULL, 10) : 65536;
        if (number > 65535)
            return fw_fail(FW_INVALID, "%s: a port is a number from 0 to 65535 (0: any that is free)", text);
    }
    if (!number && url->side == FW_CONNECT)
        return fw_fail(FW_INVALID, "%s: one cannot connect to port 0; name the port", text);
    *colon = '\0';
    fw_status status = check_host(text, address, url);
    if (status == FW_OK)
        snprintf(url->endpoint, sizeof url->endpoint, "tcp://%.*s:%u", HOST_MAX, address, number);
    return status;
}

static fw_status parse_ipc(const char *text, const char *path, fw_url *url) {
    size_t size = strlen(path);
    if (!size || path[size - 1] == '/')
        return fw_fail(FW_INVALID, "%s: the path of a socket is missing, like ipc:///run/user/1000/cam.sock", text);
    if (*path == '@' || *path == '*')
        return fw_fail(FW_INVALID,
                       "%s: a socket needs a path, like ipc:///run/user/1000/cam.sock: only a folder's "
                       "permissions keep others out",
                       text);
    if (size > SOCKET_PATH_MAX)
        return fw_fail(FW_INVALID, "%s: the path of a Unix socket has at most %d bytes; this one has %zu", text,
                       SOCKET_PATH_MAX, size);
    snprintf(url->endpoint, sizeof url->endpoint, "ipc://%.*s", SOCKET_PATH_MAX, path);
    return FW_OK;
}

fw_status fw_url_parse(const char *text, fw_url *url_p) {
    if (strlen(text) >= FW_ENDPOINT_MAX)
        return fw_fail(FW_INVALID, "%.40s...: a URL has at most %d bytes", text, FW_ENDPOINT_MAX - 1);
    const char *mark = strstr(text, "://");
    for (size_t i = 0; mark && i < sizeof prefixes / sizeof *prefixes; i++) {
        if (strlen(prefixes[i].name) != (size_t)(mark - text) || !starts_with(text, prefixes[i].name))
            continue;
        fw_url url = { .pattern = prefixes[i].pattern, .ipc = prefixes[i].ipc };
        char rest[FW_ENDPOINT_MAX];
        memcpy(rest, mark + 3, strlen(mark + 3) + 1);
        fw_status status = take_query(text, rest, &url);
        if (status == FW_OK)
            status = url.ipc ? parse_ipc(text, rest, &url) : parse_tcp(text, rest, &url);
        if (status == FW_OK)
            *url_p = url;
        return status;
    }
    return unknown_prefix(text);
}

void fw_url_format(char *out, fw_pattern pattern, const char *endpoint) {
    const char *prefix = pattern == FW_PUSH ? "push+" : pattern == FW_PUB ? "pub+" : "";
    if (snprintf(out, FW_ENDPOINT_MAX, "%s%s", prefix, endpoint) < 0)
        *out = '\0';
}

bool fw_url_is_open(const fw_url *url) {
    if (url->ipc)
        return false;
    const char *host = url->endpoint + strlen("tcp://");
    const char *colon = strrchr(host, ':');
    size_t size = colon ? (size_t)(colon - host) : strlen(host);
    char name[HOST_MAX + 1];
    bool brackets = size > 2 && *host == '[';
    snprintf(name, sizeof name, "%.*s", (int)(brackets ? size - 2 : size), brackets ? host + 1 : host);
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, name, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 != 127;
    if (inet_pton(AF_INET6, name, &v6) == 1)
        return !IN6_IS_ADDR_LOOPBACK(&v6) && !(IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
    return strcmp(name, "localhost") && strcmp(name, "lo");
}

static int hex_digit(char digit) {
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* %HH in place; false for a bad one, and for a NUL. */
static bool percent_decode(char *text) {
    char *out = text;
    for (const char *at = text; *at; at++) {
        if (*at != '%') {
            *out++ = *at;
            continue;
        }
        int high = hex_digit(at[1]), low = high < 0 ? -1 : hex_digit(at[2]);
        if (low < 0 || !(high | low))
            return false;
        *out++ = (char)(16 * high + low);
        at += 2;
    }
    *out = '\0';
    return true;
}

static fw_status add_query(const char *text, fw_spec *spec, const char *pair, size_t size) {
    const char *equals = memchr(pair, '=', size);
    if (!equals || equals == pair)
        return fw_fail(FW_INVALID, "%s: after the ? stand parameters, name=value&name=value, not \"%.*s\"", text,
                       (int)size, pair);
    fw_query *query = &spec->queries[spec->count];
    query->key = strndup(pair, (size_t)(equals - pair));
    query->value = strndup(equals + 1, size - (size_t)(equals + 1 - pair));
    spec->count++;
    if (!query->key || !query->value)
        return fw_fail(FW_NO_MEMORY, "%s: out of memory", text);
    if (!percent_decode(query->key) || !percent_decode(query->value))
        return fw_fail(FW_INVALID, "%s: in a parameter %% stands before two hex digits (%%25 is the sign itself)",
                       text);
    for (size_t i = 0; i + 1 < spec->count; i++)
        if (!strcmp(spec->queries[i].key, query->key))
            return fw_fail(FW_INVALID, "%s: %s is given twice", text, query->key);
    return FW_OK;
}

static fw_status parse_queries(const char *text, const char *at, fw_spec *spec) {
    size_t most = 1;
    for (const char *c = at; *c; c++)
        most += *c == '&';
    spec->queries = calloc(most, sizeof *spec->queries);
    if (!spec->queries)
        return fw_fail(FW_NO_MEMORY, "%s: out of memory", text);
    for (;;) {
        size_t size = strcspn(at, "&");
        fw_status status = add_query(text, spec, at, size);
        if (status != FW_OK || !at[size])
            return status;
        at += size + 1;
    }
}

size_t fw_spec_scheme(const char *text) {
    size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789");
    return size >= 2 && text[size] == ':' && !(*text >= '0' && *text <= '9') ? size : 0;
}

fw_status fw_spec_parse(const char *text, fw_spec *spec_p) {
    *spec_p = (fw_spec){ 0 };
    size_t scheme = fw_spec_scheme(text);
    if (!scheme)
        return fw_fail(FW_INVALID, "%s: a source that is not a file is SCHEME:..., like test:bars", text);
    const char *rest = text + scheme + 1;
    size_t size = strcspn(rest, "?");
    fw_spec spec = { .scheme = strndup(text, scheme), .rest = strndup(rest, size) };
    fw_status status = FW_OK;
    if (!spec.scheme || !spec.rest)
        status = fw_fail(FW_NO_MEMORY, "%s: out of memory", text);
    else if (rest[size])
        status = parse_queries(text, rest + size + 1, &spec);
    if (status != FW_OK)
        fw_spec_free(&spec);
    *spec_p = spec;
    return status;
}

void fw_spec_free(fw_spec *spec) {
    for (size_t i = 0; i < spec->count; i++) {
        free(spec->queries[i].key);
        free(spec->queries[i].value);
    }
    free(spec->queries);
    free(spec->scheme);
    free(spec->rest);
    *spec = (fw_spec){ 0 };
}
