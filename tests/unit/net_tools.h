/* What the tests of src/net share: a context a test, sockets on ports of the system, waiting for what the monitor sees. */
#ifndef FW_TESTS_NET_TOOLS_H
#define FW_TESTS_NET_TOOLS_H

#include "check.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <zmq.h>

#include "base/clock.h"
#include "base/status.h"
#include "net/socket.h"

#define PATIENCE (10 * FW_SECOND)

static inline int with_context(void **state) {
    return fw_context_open(state) == FW_OK ? 0 : -1;
}

static inline void *term_context(void *context) {
    fw_context_close(&context);
    return NULL;
}

/* A failed test leaves sockets open, for which the end of the context would wait for ever, and its message be lost. */
static inline int end_context(void **state) {
    struct timespec until;
    pthread_t thread;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    if (pthread_create(&thread, NULL, term_context, *state) != 0)
        return -1;
    return pthread_timedjoin_np(thread, NULL, &until) == 0 ? 0 : -1;
}

static inline fw_status open_socket(void *context, int type, const char *text, bool bind, const fw_security *security,
                                    fw_socket **socket_p) {
    fw_url url;
    *socket_p = NULL;
    fw_status status = fw_url_parse(text, &url);
    if (status != FW_OK)
        return status;
    fw_socket_options options = { .type = type, .bind = bind, .send_hwm = 2, .receive_hwm = 2, .security = security };
    return fw_socket_open(context, &url, &options, socket_p);
}

/* Every event until one of this kind, which is left in *event; false: it did not come. */
static inline bool wait_event(fw_socket *socket, fw_event_kind kind, fw_event *event) {
    fw_time deadline = fw_after(fw_now(), PATIENCE);
    for (;;) {
        fw_event_kind seen = fw_socket_event(socket, event);
        if (seen == kind)
            return true;
        if (seen != FW_EVENT_NONE)
            continue;
        if (fw_now() >= deadline)
            return false;
        zmq_pollitem_t item = { .socket = socket->monitor, .events = ZMQ_POLLIN };
        zmq_poll(&item, 1, fw_poll_ms(deadline));
    }
}

static inline bool wait_peers(fw_socket *socket, unsigned peers) {
    fw_time deadline = fw_after(fw_now(), PATIENCE);
    fw_event event;
    for (;;) {
        while (fw_socket_event(socket, &event) != FW_EVENT_NONE)
            continue;
        if (socket->peers == peers)
            return true;
        if (fw_now() >= deadline)
            return false;
        zmq_pollitem_t item = { .socket = socket->monitor, .events = ZMQ_POLLIN };
        zmq_poll(&item, 1, fw_poll_ms(deadline));
    }
}

static inline void *peer(void *context, int type, const char *endpoint) {
    void *socket = zmq_socket(context, type);
    int none = 0, patience = 10000;
    zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &patience, sizeof patience);
    zmq_setsockopt(socket, ZMQ_SNDTIMEO, &patience, sizeof patience);
    assert_int_equal(zmq_connect(socket, endpoint), 0);
    return socket;
}

static inline void assert_cause(const char *part) {
    if (strstr(fw_cause(), part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", fw_cause(), part);
}

#endif
