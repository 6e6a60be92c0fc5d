#include "net/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/log.h"
#include "base/status.h"
#include "base/version.h"

struct fw_http {
    struct MHD_Daemon *daemon;
    fw_http_pages pages;
};

static const char not_found[] = "There is /metrics (Prometheus) and /health (JSON).\n";
static const char not_allowed[] = "This server answers GET only.\n";

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
                              struct MHD_Response *response) {
    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_fixed(struct MHD_Connection *connection, unsigned status, const char *text) {
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
    return answer(connection, status, "text/plain; charset=utf-8", response);
}

/* Takes text's memory. */
static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status, const char *type,
                                   fw_text *text) {
    if (text->failed) {
        free(text->data);
        return answer_fixed(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "There is no memory for this page now.\n");
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(text->size, text->data, MHD_RESPMEM_MUST_FREE);
    if (response == NULL)
        free(text->data);
    return answer(connection, status, type, response);
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_size, void **request_p) {
    fw_http *self = arg;
    (void)version, (void)upload;
    /* The first call is for the headers: an answer then would close the connection after each page. */
    if (*request_p == NULL) {
        *request_p = self;
        return MHD_YES;
    }
    if (*upload_size > 0) {
        *upload_size = 0;
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer_fixed(connection, MHD_HTTP_METHOD_NOT_ALLOWED, not_allowed);

    fw_text text = { 0 };
    if (strcmp(url, "/metrics") == 0) {
        self->pages.metrics(self->pages.arg, &text);
        return answer_text(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", &text);
    }
    if (strcmp(url, "/health") == 0) {
        bool healthy = self->pages.health(self->pages.arg, &text);
        return answer_text(connection, healthy ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, "application/json", &text);
    }
    return answer_fixed(connection, MHD_HTTP_NOT_FOUND, not_found);
}

/* "[::1]:9100" into host and port; false if it is no ADDR:PORT. */
static bool split(const char *address, char host[256], char port[8]) {
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address || colon[1] == '\0' || strlen(colon + 1) > 5 ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1) || strtol(colon + 1, NULL, 10) > 65535)
        return false;
    const char *end = colon;
    if (*address == '[') {
        if (end[-1] != ']')
            return false;
        address++, end--;
    } else if (memchr(address, ':', (size_t)(end - address)) != NULL) {
        return false;
    }
    if (end == address || end - address > 255)
        return false;
    memcpy(host, address, (size_t)(end - address));
    host[end - address] = '\0';
    strcpy(port, colon + 1);
    return true;
}

static bool is_loopback(const struct sockaddr *address) {
    if (address->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 == 127;
    return address->sa_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}

static fw_status bind_failure(const char *address, int error) {
    if (error == EADDRINUSE)
        return fw_fail(FW_IN_USE,
                       "metrics: %s is in use by another program; choose another port, or %.*s:0 for any that is free",
                       address, (int)(strrchr(address, ':') - address), address);
    if (error == EADDRNOTAVAIL)
        return fw_fail(FW_NOT_FOUND, "metrics: %s: this machine has no such address", address);
    return fw_fail_errno(error, "metrics: cannot listen at %s", address);
}

static void name_bound(int fd, char bound[128]) {
    struct sockaddr_storage where = { 0 };
    socklen_t size = sizeof where;
    char host[INET6_ADDRSTRLEN] = "", port[8] = "";
    getsockname(fd, (struct sockaddr *)&where, &size);
    getnameinfo((struct sockaddr *)&where, size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(bound, 128, where.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

static fw_status listen_at(const char *address, int *fd_p, char bound[128]) {
    char host[256], port[8];
    *fd_p = -1;
    if (!split(address, host, port))
        return fw_fail(FW_INVALID, "metrics: %s: an address is ADDR:PORT, like 127.0.0.1:9100 or *:9100", address);
    struct addrinfo hints = { .ai_family = strcmp(host, "*") == 0 ? AF_INET : AF_UNSPEC,
                              .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_PASSIVE };
    struct addrinfo *found = NULL;
    int error = getaddrinfo(strcmp(host, "*") == 0 ? NULL : host, port, &hints, &found);
    if (error != 0)
        return fw_fail(FW_NOT_FOUND, "metrics: no host %s is known: %s", host, gai_strerror(error));

    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), yes = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0) {
        error = errno;
        if (fd >= 0)
            close(fd);
        freeaddrinfo(found);
        return bind_failure(address, error);
    }
    name_bound(fd, bound);
    if (!is_loopback(found->ai_addr))
        fw_warn("metrics at %s are open to the network: anybody who reaches it can read them", bound);
    freeaddrinfo(found);
    *fd_p = fd;
    return FW_OK;
}

fw_status fw_http_open(const char *address, const fw_http_pages *pages, char bound[128], fw_http **self_p) {
    *self_p = NULL;
    int fd;
    fw_status status = listen_at(address, &fd, bound);
    if (status != FW_OK)
        return status;
    fw_http *self = calloc(1, sizeof *self);
    if (self == NULL) {
        close(fd);
        return fw_fail(FW_NO_MEMORY, "metrics: no memory");
    }
    self->pages = *pages;

    /* The program's signals are its own threads' business. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    self->daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_USE_ITC, 0, NULL, NULL, handle, self,
                         MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, 64u, MHD_OPTION_CONNECTION_TIMEOUT,
                         10u, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)16384, MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (self->daemon == NULL) {
        close(fd);
        free(self);
        return fw_fail(FW_IO, "metrics: the HTTP server did not start at %s", bound);
    }
    *self_p = self;
    return FW_OK;
}

void fw_http_close(fw_http **self_p) {
    fw_http *self = *self_p;
    if (self == NULL)
        return;
    MHD_stop_daemon(self->daemon);
    free(self);
    *self_p = NULL;
}

void fw_http_version(fw_text *text) {
    fw_text_format(text, "libmicrohttpd %s", MHD_get_version());
}
