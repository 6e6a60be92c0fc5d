#include "net/socket.h"

#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

#include "base/log.h"
#include "base/status.h"
#include "base/version.h"
#include "net/ipc.h"
#include "net/monitor.h"
#include "net/security.h"

fw_status fw_context_open(void **context_p) {
    *context_p = NULL;
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    if (ZMQ_MAKE_VERSION(major, minor, patch) < ZMQ_MAKE_VERSION(4, 3, 3))
        return fw_fail(FW_UNSUPPORTED, "libzmq %d.%d.%d has remote holes; install 4.3.3 or newer", major, minor, patch);
    void *context = zmq_ctx_new();
    if (context == NULL)
        return fw_fail(FW_NO_MEMORY, "libzmq gave no context: %s", zmq_strerror(zmq_errno()));
    zmq_ctx_set(context, ZMQ_BLOCKY, 0);
    *context_p = context;
    return FW_OK;
}

void fw_context_close(void **context_p) {
    if (*context_p == NULL)
        return;
    while (zmq_ctx_term(*context_p) != 0 && zmq_errno() == EINTR)
        continue;
    *context_p = NULL;
}

static const char *ipc_path(const fw_socket *self) {
    return self->url.endpoint + strlen("ipc://");
}

static fw_status set_int(fw_socket *self, int option, int value) {
    if (zmq_setsockopt(self->zmq, option, &value, sizeof value) == 0)
        return FW_OK;
    return fw_fail(FW_IO, "libzmq refused socket option %d: %s", option, zmq_strerror(zmq_errno()));
}

static fw_status set_up(fw_socket *self, const fw_socket_options *options) {
    const struct {
        int option, value;
        bool wanted;
    } settings[] = {
        { ZMQ_LINGER, 0, true },
        { ZMQ_SNDHWM, options->send_hwm > 0 ? options->send_hwm : 1, true },
        { ZMQ_RCVHWM, options->receive_hwm > 0 ? options->receive_hwm : 1, true },
        { ZMQ_TCP_KEEPALIVE, 1, !self->url.ipc },
        { ZMQ_TCP_KEEPALIVE_IDLE, 30, !self->url.ipc },
        { ZMQ_TCP_KEEPALIVE_INTVL, 10, !self->url.ipc },
        { ZMQ_TCP_KEEPALIVE_CNT, 3, !self->url.ipc },
        { ZMQ_IPV6, 1, strchr(self->url.endpoint, '[') != NULL },
        /* Where frames come in it would drop, at the end of a connection, what is not read yet (session_base.cpp). */
        { ZMQ_IMMEDIATE, 1, !self->bind && self->type != ZMQ_PULL && self->type != ZMQ_SUB },
        { ZMQ_XPUB_VERBOSER, 1, self->type == ZMQ_XPUB },
    };
    fw_status status = FW_OK;
    for (size_t i = 0; status == FW_OK && i < sizeof settings / sizeof settings[0]; i++)
        if (settings[i].wanted)
            status = set_int(self, settings[i].option, settings[i].value);
    if (status != FW_OK)
        return status;

    int64_t max_message = options->max_message > 0 ? options->max_message : 1 << 20;
    /* A domain makes libzmq refuse ZMTP 1 and 2, even where no ZAP handler runs. */
    if (zmq_setsockopt(self->zmq, ZMQ_MAXMSGSIZE, &max_message, sizeof max_message) != 0 ||
        zmq_setsockopt(self->zmq, ZMQ_ZAP_DOMAIN, FW_ZAP_DOMAIN, strlen(FW_ZAP_DOMAIN)) != 0)
        return fw_fail(FW_IO, "libzmq refused a socket option: %s", zmq_strerror(zmq_errno()));
    return options->security == NULL ? FW_OK : fw_security_apply(options->security, self->zmq, self->bind);
}

/* The host of tcp://HOST:PORT, without brackets. */
static void host_of(const char *endpoint, char host[FW_ENDPOINT_MAX]) {
    const char *start = endpoint + strlen("tcp://"), *end = strrchr(start, ':');
    if (end == NULL)
        end = start + strlen(start);
    if (*start == '[' && end > start && end[-1] == ']')
        start++, end--;
    snprintf(host, FW_ENDPOINT_MAX, "%.*s", (int)(end - start), start);
}

/* The first address of a host; 0 or a getaddrinfo() error. */
static int resolve(const char *host, int family, int flags, char numeric[NI_MAXHOST]) {
    struct addrinfo hints = { .ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = flags }, *found = NULL;
    int error = getaddrinfo(host, NULL, &hints, &found);
    if (error == 0)
        error = getnameinfo(found->ai_addr, found->ai_addrlen, numeric, NI_MAXHOST, NULL, 0, NI_NUMERICHOST);
    if (found != NULL)
        freeaddrinfo(found);
    return error;
}

/* libzmq binds to addresses and interfaces, never to names: give it the name's address. */
static fw_status name_to_address(fw_socket *self, const char *name) {
    char host[FW_ENDPOINT_MAX], numeric[NI_MAXHOST];
    host_of(self->url.endpoint, host);
    if (self->url.ipc || strcmp(host, "*") == 0 || if_nametoindex(host) != 0 ||
        resolve(host, AF_UNSPEC, AI_NUMERICHOST, numeric) == 0)
        return FW_OK;
    int error = resolve(host, AF_INET, 0, numeric);
    if (error != 0)
        return fw_fail(FW_NOT_FOUND, "%s: no host %s is known: %s", name, host, gai_strerror(error));
    int size = snprintf(self->endpoint, sizeof self->endpoint, "tcp://%s%s", numeric, strrchr(self->url.endpoint, ':'));
    return size < (int)sizeof self->endpoint ? FW_OK : fw_fail(FW_INVALID, "%s: the address is too long", name);
}

static fw_status bind_failure(const fw_socket *self, const char *name, int error) {
    const char *port = strrchr(name, ':');
    switch (error) {
    case EADDRINUSE:
        if (self->url.ipc)
            return fw_fail(FW_IN_USE, "%s is in use by another program; choose another path", name);
        return fw_fail(FW_IN_USE,
                       "%s is in use by another program; choose another port, or %.*s:0 for any that is free", name,
                       (int)(port - name), name);
    case EADDRNOTAVAIL:
    case ENODEV:
        return fw_fail(FW_NOT_FOUND, "%s: this machine has no such address or interface; listen at %.*s*%s%s", name,
                       (int)(strstr(name, "://") + 3 - name), name, port == NULL ? "" : port,
                       self->url.pattern == FW_LEASED ? "" : ", or say ?connect");
    case EACCES:
        return fw_fail(FW_DENIED, "%s: not permitted to listen there%s", name,
                       self->url.ipc ? "" : "; ports below 1024 need privileges");
    case ENOENT:
    case ENOTDIR:
        return fw_fail(FW_NOT_FOUND, "%s: there is no such folder", name);
    case EINVAL:
    case EPROTONOSUPPORT:
        return fw_fail(FW_INVALID, "%s: not an address to listen at", name);
    default:
        return fw_fail(FW_IO, "%s: cannot listen: %s", name, zmq_strerror(error));
    }
}

static fw_status do_bind(fw_socket *self, bool secured) {
    char name[FW_ENDPOINT_MAX];
    fw_url_format(name, self->url.pattern, self->url.endpoint);
    fw_status status = self->url.ipc ? fw_ipc_claim(ipc_path(self), name, &self->lock_fd) : name_to_address(self, name);
    if (status != FW_OK)
        return status;
    if (zmq_bind(self->zmq, self->endpoint) != 0) {
        status = bind_failure(self, name, zmq_errno());
        if (self->url.ipc)
            fw_ipc_release(ipc_path(self), &self->lock_fd);
        return status;
    }
    size_t size = sizeof self->endpoint;
    if (!self->url.ipc)
        zmq_getsockopt(self->zmq, ZMQ_LAST_ENDPOINT, self->endpoint, &size);
    if (!secured && fw_url_is_open(&self->url))
        fw_warn(
            "%s is open to the network: anybody who reaches it can take part; use keys (framewire keygen), or listen "
            "at tcp://127.0.0.1%s",
            name, strrchr(self->endpoint, ':'));
    return FW_OK;
}

static fw_status do_connect(fw_socket *self) {
    char name[FW_ENDPOINT_MAX], host[FW_ENDPOINT_MAX], numeric[NI_MAXHOST];
    fw_url_format(name, self->url.pattern, self->url.endpoint);
    if (!self->url.ipc) {
        host_of(self->url.endpoint, host);
        int error = resolve(host, AF_UNSPEC, 0, numeric);
        /* Not a failure: in a compose network a host has a name only once it runs. */
        if (error != 0)
            fw_warn("%s: no host %s is known (%s); trying on", name, host, gai_strerror(error));
    }
    if (zmq_connect(self->zmq, self->endpoint) == 0)
        return FW_OK;
    int error = zmq_errno();
    if (error == EINVAL || error == EPROTONOSUPPORT)
        return fw_fail(FW_INVALID, "%s: not an address to connect to", name);
    return fw_fail(FW_IO, "%s: cannot connect: %s", name, zmq_strerror(error));
}

fw_status fw_socket_open(void *context, const fw_url *url, const fw_socket_options *options, fw_socket **self_p) {
    *self_p = NULL;
    fw_socket *self = calloc(1, sizeof *self);
    if (self == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory for a socket");
    self->url = *url;
    self->type = options->type;
    self->lock_fd = -1;
    self->bind = url->side == FW_DEFAULT_SIDE ? options->bind : url->side == FW_BIND;
    memcpy(self->endpoint, url->endpoint, sizeof self->endpoint);

    self->zmq = zmq_socket(context, options->type);
    fw_status status = FW_OK;
    if (self->zmq == NULL)
        status = fw_fail(FW_IO, "libzmq gave no socket: %s", zmq_strerror(zmq_errno()));
    if (status == FW_OK)
        status = set_up(self, options);
    if (status == FW_OK)
        status = fw_monitor_open(context, self);
    if (status == FW_OK)
        status = self->bind ? do_bind(self, options->security != NULL) : do_connect(self);
    if (status != FW_OK) {
        fw_socket_close(&self, 0);
        return status;
    }
    fw_url_format(self->bound, url->pattern, self->endpoint);
    *self_p = self;
    return FW_OK;
}

fw_status fw_socket_reconnect(fw_socket *self) {
    if (self->bind)
        return fw_fail(FW_INVALID, "%s listens: the other side connects anew", self->bound);
    /* Drops the dead connection's entry; where libzmq has dropped it already there is nothing to do. */
    zmq_disconnect(self->zmq, self->endpoint);
    fw_monitor_forget(self);
    if (zmq_connect(self->zmq, self->endpoint) == 0)
        return FW_OK;
    return fw_fail(FW_IO, "%s: cannot connect: %s", self->bound, zmq_strerror(zmq_errno()));
}

void fw_socket_close(fw_socket **self_p, int linger_ms) {
    fw_socket *self = *self_p;
    if (self == NULL)
        return;
    fw_monitor_close(self);
    if (self->zmq != NULL) {
        zmq_setsockopt(self->zmq, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        zmq_close(self->zmq);
    }
    /* libzmq leaves the path; the listener that its thread is about to close is out of reach without it. */
    if (self->url.ipc)
        fw_ipc_release(ipc_path(self), &self->lock_fd);
    free(self);
    *self_p = NULL;
}

void fw_zmq_version(fw_text *text) {
    int major, minor, patch;
    zmq_version(&major, &minor, &patch);
    fw_text_format(text, "libzmq %d.%d.%d", major, minor, patch);
}
