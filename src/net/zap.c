#include "net/zap.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <zmq.h>

#include "base/status.h"

enum { VERSION, SEQUENCE, DOMAIN, ADDRESS, IDENTITY, MECHANISM, CREDENTIALS, PARTS };

struct fw_zap {
    void *replies; /* REP, the thread's once it runs */
    int stop;      /* eventfd */
    pthread_t thread;
    atomic_uint_fast64_t refused;
    size_t count;
    uint8_t keys[]; /* count times FW_KEY_SIZE */
};

static bool is(zmq_msg_t *part, const char *text) {
    return zmq_msg_size(part) == strlen(text) && memcmp(zmq_msg_data(part), text, strlen(text)) == 0;
}

static bool may_enter(const fw_zap *self, zmq_msg_t parts[PARTS], size_t count) {
    if (count != PARTS || !is(&parts[VERSION], "1.0") || !is(&parts[MECHANISM], "CURVE") ||
        zmq_msg_size(&parts[CREDENTIALS]) != FW_KEY_SIZE)
        return false;
    for (size_t i = 0; i < self->count; i++)
        if (memcmp(self->keys + i * FW_KEY_SIZE, zmq_msg_data(&parts[CREDENTIALS]), FW_KEY_SIZE) == 0)
            return true;
    return false;
}

/* Takes all parts of a message; those beyond PARTS are dropped, and make count too high. */
static size_t receive(void *socket, zmq_msg_t parts[PARTS]) {
    size_t count = 0;
    bool more = true;
    while (more) {
        zmq_msg_t beyond;
        zmq_msg_t *part = count < PARTS ? &parts[count] : &beyond;
        zmq_msg_init(part);
        int size;
        do
            size = zmq_msg_recv(part, socket, 0);
        while (size < 0 && zmq_errno() == EINTR);
        more = size >= 0 && zmq_msg_more(part);
        if (part == &beyond)
            zmq_msg_close(part);
        count++;
        if (size < 0)
            break;
    }
    return count;
}

static void answer(fw_zap *self) {
    zmq_msg_t parts[PARTS];
    size_t count = receive(self->replies, parts);
    bool enters = may_enter(self, parts, count);
    if (!enters)
        atomic_fetch_add(&self->refused, 1);

    zmq_send(self->replies, "1.0", 3, ZMQ_SNDMORE);
    if (count > SEQUENCE)
        zmq_send(self->replies, zmq_msg_data(&parts[SEQUENCE]), zmq_msg_size(&parts[SEQUENCE]), ZMQ_SNDMORE);
    else
        zmq_send(self->replies, "", 0, ZMQ_SNDMORE);
    zmq_send(self->replies, enters ? "200" : "400", 3, ZMQ_SNDMORE);
    zmq_send(self->replies, enters ? "OK" : "no access", enters ? 2 : 9, ZMQ_SNDMORE);
    zmq_send(self->replies, "", 0, ZMQ_SNDMORE);
    zmq_send(self->replies, "", 0, 0);
    for (size_t i = 0; i < count && i < PARTS; i++)
        zmq_msg_close(&parts[i]);
}

static void *run(void *arg) {
    fw_zap *self = arg;
    zmq_pollitem_t items[] = { { .socket = self->replies, .events = ZMQ_POLLIN },
                               { .fd = self->stop, .events = ZMQ_POLLIN } };
    for (;;) {
        if (zmq_poll(items, 2, -1) < 0) {
            if (zmq_errno() == EINTR)
                continue;
            break;
        }
        if (items[1].revents != 0)
            break;
        if (items[0].revents != 0)
            answer(self);
    }
    zmq_close(self->replies);
    return NULL;
}

/* The program's signals are its own threads' business. */
static int start(fw_zap *self) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&self->thread, NULL, run, self);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

fw_status fw_zap_open(void *context, const uint8_t *keys, size_t count, fw_zap **self_p) {
    *self_p = NULL;
    size_t size;
    if (__builtin_mul_overflow(count, (size_t)FW_KEY_SIZE, &size))
        return fw_fail(FW_TOO_LARGE, "too many keys");
    fw_zap *self = calloc(1, sizeof *self + size);
    if (self == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory for %zu keys", count);
    self->count = count;
    if (size > 0)
        memcpy(self->keys, keys, size);

    fw_status status = FW_OK;
    int none = 0, error;
    self->stop = eventfd(0, EFD_CLOEXEC);
    self->replies = zmq_socket(context, ZMQ_REP);
    if (self->stop < 0 || self->replies == NULL)
        status = fw_fail(FW_IO, "keys cannot be checked: %s", zmq_strerror(errno));
    else if (zmq_setsockopt(self->replies, ZMQ_LINGER, &none, sizeof none) != 0 ||
             zmq_bind(self->replies, "inproc://zeromq.zap.01") != 0)
        status = fw_fail(zmq_errno() == EADDRINUSE ? FW_IN_USE : FW_IO, "keys cannot be checked: %s",
                         zmq_strerror(zmq_errno()));
    else if ((error = start(self)) != 0)
        status = fw_fail_errno(error, "keys cannot be checked: no thread");
    if (status != FW_OK) {
        if (self->replies != NULL)
            zmq_close(self->replies);
        if (self->stop >= 0)
            close(self->stop);
        free(self);
        return status;
    }
    *self_p = self;
    return FW_OK;
}

uint64_t fw_zap_refused(const fw_zap *self) {
    return atomic_load(&self->refused);
}

void fw_zap_close(fw_zap **self_p) {
    fw_zap *self = *self_p;
    if (self == NULL)
        return;
    eventfd_write(self->stop, 1);
    pthread_join(self->thread, NULL);
    close(self->stop);
    free(self);
    *self_p = NULL;
}
