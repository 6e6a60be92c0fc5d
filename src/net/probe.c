#include "net/probe.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <zmq.h>

#include "base/clock.h"
#include "base/status.h"

enum { GREETING_SIZE = 64, COMMAND_MAX = 4096 };

typedef struct fw_line {
    int fd;
    fw_time deadline;
    char name[FW_ENDPOINT_MAX]; /* the URL, in messages */
} fw_line;

static fw_status wait_for(const fw_line *self, short events) {
    struct pollfd item = { .fd = self->fd, .events = events };
    for (;;) {
        int ready = poll(&item, 1, fw_poll_ms(self->deadline));
        if (ready > 0)
            return FW_OK;
        if (ready == 0)
            return fw_fail(FW_TIMEOUT, "%s: no answer", self->name);
        if (errno != EINTR)
            return fw_fail_errno(errno, "%s", self->name);
    }
}

static fw_status try_address(fw_line *self, const struct sockaddr *address, socklen_t size) {
    self->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (self->fd < 0)
        return fw_fail_errno(errno, "%s", self->name);
    int error = connect(self->fd, address, size) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
        socklen_t error_size = sizeof error;
        fw_status status = wait_for(self, POLLOUT);
        if (status != FW_OK)
            return status;
        if (getsockopt(self->fd, SOL_SOCKET, SO_ERROR, &error, &error_size) != 0)
            error = errno;
    }
    if (error == 0)
        return FW_OK;
    close(self->fd);
    self->fd = -1;
    if (error == ECONNREFUSED || error == ENOENT)
        return fw_fail(FW_NOT_FOUND, "%s: nobody listens there", self->name);
    return fw_fail_errno(error, "%s: cannot be reached", self->name);
}

static fw_status dial_tcp(fw_line *self, const char *endpoint) {
    char host[FW_ENDPOINT_MAX];
    const char *start = endpoint + strlen("tcp://"), *colon = strrchr(start, ':');
    if (colon == NULL)
        return fw_fail(FW_INVALID, "%s: a port is missing", self->name);
    const char *end = colon;
    if (*start == '[' && end > start && end[-1] == ']')
        start++, end--;
    snprintf(host, sizeof host, "%.*s", (int)(end - start), start);

    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found = NULL;
    int error = getaddrinfo(host, colon + 1, &hints, &found);
    if (error != 0)
        return fw_fail(FW_NOT_FOUND, "%s: no host %s is known: %s", self->name, host, gai_strerror(error));
    fw_status status = FW_OK;
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        status = try_address(self, at->ai_addr, at->ai_addrlen);
        if (status == FW_OK || status == FW_TIMEOUT)
            break;
    }
    freeaddrinfo(found);
    return status;
}

static fw_status dial_ipc(fw_line *self, const char *endpoint) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const char *path = endpoint + strlen("ipc://");
    if (strlen(path) >= sizeof address.sun_path)
        return fw_fail(FW_INVALID, "%s: the path is too long for a Unix socket", self->name);
    strcpy(address.sun_path, path);
    return try_address(self, (const struct sockaddr *)&address, sizeof address);
}

static fw_status not_zeromq(const fw_line *self) {
    return fw_fail(FW_BAD_MESSAGE, "%s: what listens there is not ZeroMQ", self->name);
}

static fw_status read_bytes(const fw_line *self, uint8_t *bytes, size_t size) {
    for (size_t have = 0; have < size;) {
        fw_status status = wait_for(self, POLLIN);
        if (status != FW_OK)
            return status;
        ssize_t got = recv(self->fd, bytes + have, size - have, 0);
        if (got > 0)
            have += (size_t)got;
        else if (got == 0 || (errno != EAGAIN && errno != EINTR))
            return not_zeromq(self);
        /* Text, say of a web server, is told from a greeting by its first byte. */
        if (have > 0 && size == GREETING_SIZE && bytes[0] != 0xFF)
            return not_zeromq(self);
    }
    return FW_OK;
}

static fw_status greet(const fw_line *self) {
    /* Signature and version first: libzmq then sends its whole greeting, and only after ours it may hang up. */
    static const uint8_t ours[GREETING_SIZE] = { [0] = 0xFF, [8] = 1, [9] = 0x7F, [10] = 3, [12] = 'N', 'U', 'L', 'L' };
    enum { FIRST = 11 };
    uint8_t theirs[GREETING_SIZE];
    fw_status status = wait_for(self, POLLOUT);
    if (status != FW_OK)
        return status;
    if (send(self->fd, ours, FIRST, MSG_NOSIGNAL) != FIRST)
        return not_zeromq(self);
    status = read_bytes(self, theirs, sizeof theirs);
    if (status != FW_OK)
        return status;
    if (send(self->fd, ours + FIRST, sizeof ours - FIRST, MSG_NOSIGNAL) != sizeof ours - FIRST)
        return not_zeromq(self);
    if (theirs[9] != 0x7F || theirs[10] < 3)
        return not_zeromq(self);
    const char *mechanism = (const char *)theirs + 12;
    if (strncmp(mechanism, "CURVE", 20) == 0)
        return fw_fail(FW_DENIED, "%s lets nobody in without keys; say which with --keys and --server-key", self->name);
    if (strncmp(mechanism, "NULL", 20) != 0)
        return fw_fail(FW_DENIED, "%s asks for another way to log in than CURVE keys", self->name);
    return FW_OK;
}

/* READY's properties are [length][name][length, 4 bytes][value]: the one called Socket-Type. */
static bool find_type(const uint8_t *at, const uint8_t *end, char type[16]) {
    while (at < end) {
        size_t name_size = *at++;
        if ((size_t)(end - at) < name_size + 4)
            return false;
        const uint8_t *name = at;
        at += name_size;
        size_t value_size = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
        at += 4;
        if ((size_t)(end - at) < value_size)
            return false;
        if (name_size == strlen("Socket-Type") && memcmp(name, "Socket-Type", name_size) == 0 && value_size < 16) {
            memcpy(type, at, value_size);
            type[value_size] = '\0';
            return true;
        }
        at += value_size;
    }
    return false;
}

static fw_status read_ready(const fw_line *self, char type[16]) {
    uint8_t head[9], body[COMMAND_MAX];
    fw_status status = read_bytes(self, head, 2);
    if (status != FW_OK)
        return status;
    size_t size = head[1];
    if (head[0] == 6) { /* a long command: the size has 8 bytes */
        status = read_bytes(self, head + 2, 7);
        if (status != FW_OK)
            return status;
        size = 0;
        for (size_t i = 1; i < 9; i++)
            size = size << 8 | head[i];
    } else if (head[0] != 4) {
        return not_zeromq(self);
    }
    if (size > sizeof body)
        return not_zeromq(self);
    status = read_bytes(self, body, size);
    if (status != FW_OK)
        return status;
    if (size < 6 || memcmp(body, "\5READY", 6) != 0 || !find_type(body + 6, body + size, type))
        return not_zeromq(self);
    return FW_OK;
}

fw_status fw_probe(const fw_url *url, fw_time timeout, char type[16]) {
    fw_line line = { .fd = -1, .deadline = fw_after(fw_now(), timeout) };
    fw_url_format(line.name, url->pattern, url->endpoint);
    type[0] = '\0';
    fw_status status = url->ipc ? dial_ipc(&line, url->endpoint) : dial_tcp(&line, url->endpoint);
    if (status == FW_OK)
        status = greet(&line);
    if (status == FW_OK)
        status = read_ready(&line, type);
    if (line.fd >= 0)
        close(line.fd);
    return status;
}

/* What the type at the other end means for who typed the URL. */
static const struct {
    const char *type;
    fw_pattern pattern;
    bool sends; /* frames */
} kinds[] = {
    { "PUSH", FW_PUSH, true },  { "PUB", FW_PUB, true },  { "XPUB", FW_PUB, true },  { "ROUTER", FW_LEASED, true },
    { "PULL", FW_PUSH, false }, { "SUB", FW_PUB, false }, { "XSUB", FW_PUB, false }, { "DEALER", FW_LEASED, false },
};

static bool we_send(int type) {
    return type == ZMQ_PUSH || type == ZMQ_PUB || type == ZMQ_XPUB || type == ZMQ_ROUTER;
}

fw_status fw_probe_explain(const fw_url *url, int type, bool keys, fw_time timeout) {
    char theirs[16], name[FW_ENDPOINT_MAX], right[FW_ENDPOINT_MAX];
    fw_status status = fw_probe(url, timeout, theirs);
    if (status == FW_DENIED && keys)
        return FW_OK;
    if (status != FW_OK)
        return status;
    fw_url_format(name, url->pattern, url->endpoint);
    const char *n = theirs[0] == 'X' ? "n" : ""; /* an XPUB socket */
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].type, theirs) != 0)
            continue;
        if (kinds[i].sends == we_send(type))
            return fw_fail(FW_INVALID,
                           "%s is a%s %s socket, which %s frames as this side does; one of the two is wrong", name, n,
                           theirs, kinds[i].sends ? "sends" : "takes");
        if (kinds[i].pattern == url->pattern)
            return FW_OK;
        fw_url_format(right, kinds[i].pattern, url->endpoint);
        return fw_fail(FW_INVALID, "%s is a%s %s socket; say %s", name, n, theirs, right);
    }
    return fw_fail(FW_INVALID, "%s is a%s %s socket, which is not one for frames", name, n, theirs);
}
