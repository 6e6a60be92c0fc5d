/* How a receiver comes to be: its options, its feeds, its thread. */
#include "delivery/receiver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>

#include "base/host.h"
#include "base/status.h"
#include "base/text.h"

#define RESULT_HWM 100

static fw_status copy_streams(fw_receiver *self, const char *const *names) {
    size_t count = 0;
    if (names == NULL)
        return FW_OK;
    while (names[count] != NULL)
        count++;
    if (count == 0 || count > FW_STREAMS_MAX)
        return fw_fail(FW_INVALID, "%zu streams: a receiver takes 1 to %d by their names, or all", count,
                       FW_STREAMS_MAX);
    self->streams = calloc(count + 1, sizeof *self->streams);
    for (size_t i = 0; self->streams != NULL && i < count; i++) {
        if (!fw_stream_name_valid(names[i], strlen(names[i])))
            return fw_fail(FW_INVALID, "%s: a stream's name is 1 to 128 bytes of UTF-8 without control characters",
                           names[i]);
        self->streams[i] = strdup(names[i]);
        if (self->streams[i] == NULL)
            return fw_fail(FW_NO_MEMORY, "no memory for a receiver's options");
    }
    return self->streams != NULL ? FW_OK : fw_fail(FW_NO_MEMORY, "no memory for a receiver's options");
}

static fw_status set_up(fw_receiver *self, const fw_receiver_options *options) {
    fw_receiver_options *own = &self->options;
    *own = (fw_receiver_options){
        .role = options->role,
        .credit = options->credit > 0 ? options->credit : 2,
        .queue = options->queue > 0 ? options->queue : 1,
        .follow = options->follow,
        .timeout = options->timeout,
    };
    if (own->credit > FW_FRAMES_MAX || own->queue > FW_FRAMES_MAX)
        return fw_fail(FW_INVALID, "a receiver has a credit and a queue of at most %d frames", FW_FRAMES_MAX);
    if (own->timeout < 0)
        return fw_fail(FW_INVALID, "a timeout is not negative");
    fw_process_name(self->name, sizeof self->name);
    fw_boot_id(self->host, sizeof self->host);
    self->caller_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->thread_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->caller_fd < 0 || self->thread_fd < 0)
        return fw_fail_errno(errno, "no eventfd for a receiver");
    while (self->instance == 0)
        if (getrandom(&self->instance, sizeof self->instance, 0) != (ssize_t)sizeof self->instance)
            return fw_fail(FW_IO, "no random number for a receiver");
    if (options->door != NULL && (self->door = strdup(options->door)) == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory for a receiver's options");
    fw_status status = copy_streams(self, options->streams);
    if (status == FW_OK)
        status = fw_context_open(&self->context);
    if (status == FW_OK && (options->keys != NULL || options->server_key != NULL))
        status = fw_security_open(self->context, options->keys, NULL, options->server_key, &self->security);
    return status;
}

static fw_status open_feed(fw_receiver *self, const char *text) {
    fw_url url;
    fw_status status = fw_url_parse(text, &url);
    if (status != FW_OK)
        return status;
    if (url.pattern == FW_LEASED && url.side == FW_BIND)
        return fw_fail(FW_INVALID, "%s: a leased sender listens, and receivers connect; leave out ?bind", text);
    if (url.pattern == FW_PUSH && self->options.role == FW_OBSERVER)
        return fw_fail(FW_INVALID,
                       "%s: push+ gives each frame to one worker, so none is left to observe; pub+ and "
                       "leased senders have observers",
                       text);
    if (url.pattern == FW_PUB && self->options.role == FW_WORKER)
        return fw_fail(FW_INVALID,
                       "%s: pub+ gives every frame to all, as observers; a worker takes push+ or leased ones", text);
    if (self->feed_count == FW_FEEDS_MAX)
        return fw_fail(FW_INVALID, "%s: a receiver has at most %d URLs", text, FW_FEEDS_MAX);
    fw_feed *feed = calloc(1, sizeof *feed);
    if (feed == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory for a receiver");
    feed->receiver = self;
    self->feeds[self->feed_count++] = feed;
    self->observes |= url.pattern == FW_PUB;
    return url.pattern == FW_LEASED ? fw_feed_open_lease(feed, &url) : fw_feed_open_plain(feed, &url);
}

static fw_status open_results(fw_receiver *self, const char *text) {
    fw_url url;
    fw_status status = fw_url_parse(text, &url);
    if (status != FW_OK)
        return status;
    if (url.pattern == FW_PUB)
        return fw_fail(FW_INVALID, "%s: results go to a PULL socket, as the sender's --collect says it; leave out pub+",
                       text);
    url.pattern = FW_PUSH;
    fw_socket_options options = { .type = ZMQ_PUSH, .send_hwm = RESULT_HWM, .security = self->security };
    return fw_socket_open(self->context, &url, &options, &self->results);
}

static fw_status open_all(fw_receiver *self, const fw_receiver_options *options) {
    fw_status status = set_up(self, options);
    if (status == FW_OK)
        status = open_feed(self, options->url != NULL ? options->url : "tcp://127.0.0.1:5555");
    for (const char *const *url = options->more_urls; status == FW_OK && url != NULL && *url != NULL; url++)
        status = open_feed(self, *url);
    if (status == FW_OK && options->results != NULL)
        status = open_results(self, options->results);
    if (status != FW_OK)
        return status;
    int error = pthread_create(&self->thread, NULL, fw_receiver_run, self);
    self->thread_runs = error == 0;
    return error == 0 ? FW_OK : fw_fail(FW_NO_MEMORY, "no thread for a receiver: %s", strerror(error));
}

fw_status fw_receiver_open(const fw_receiver_options *options, fw_receiver **self_p) {
    *self_p = NULL;
    fw_receiver *self = calloc(1, sizeof *self);
    if (self == NULL)
        return fw_fail(FW_NO_MEMORY, "no memory for a receiver");
    self->caller_fd = self->thread_fd = -1;
    atomic_init(&self->references, 1);
    atomic_init(&self->stopped, false);
    pthread_mutex_init(&self->lock, NULL);
    fw_status status = open_all(self, options);
    if (status != FW_OK) {
        fw_receiver_close(&self);
        return status;
    }
    *self_p = self;
    return FW_OK;
}
