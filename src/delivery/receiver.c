#include "delivery/receiver.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "base/text.h"
#include "delivery/peers.h"

#define SAY_AFTER      (2 * FW_SECOND)
#define TICK           5    /* ms: how long the caller may be away before the thread looks at the sockets */
#define RESULTS_LINGER 2000 /* ms */
#define POLL_MAX       (1 + FW_FEEDS_MAX * FW_FEED_FDS)

/* ---- What feeds tell ---- */

static void wake(int fd) {
    uint64_t one = 1;
    ssize_t wrote = write(fd, &one, sizeof one);
    (void)wrote; /* full: it is awake already */
}

static void drain(int fd) {
    uint64_t count;
    ssize_t got = read(fd, &count, sizeof count);
    (void)got;
}

void fw_receiver_leave(fw_receiver *self, fw_feed *feed) {
    if (!self->waiting && !self->looking)
        return;
    int events = 0;
    size_t size = sizeof events;
    if (feed->words == NULL &&
        (zmq_getsockopt(feed->socket->zmq, ZMQ_EVENTS, &events, &size) != 0 || (events & ZMQ_POLLIN) == 0) &&
        feed->slot_count == 0)
        return;
    wake(self->waiting ? self->caller_fd : self->thread_fd);
}

bool fw_receiver_takes(const fw_receiver *self, const char *stream, size_t size) {
    if (self->streams == NULL)
        return true;
    for (char *const *name = self->streams; *name != NULL; name++)
        if (strlen(*name) == size && memcmp(*name, stream, size) == 0)
            return true;
    return false;
}

static bool is_over(const fw_feed *feed) {
    return feed->over && !feed->receiver->options.follow;
}

void fw_feed_absent(fw_feed *self, bool absent, fw_time now) {
    if (!absent || self->over) {
        self->absent_since = 0;
        self->absent_said = false;
        return;
    }
    if (self->absent_since == 0)
        self->absent_since = now;
    if (!self->absent_said && now >= fw_after(self->absent_since, SAY_AFTER)) {
        self->absent_said = true;
        fw_info("waiting for a sender at %s", self->socket->bound);
    }
    fw_time timeout = self->receiver->options.timeout;
    if (timeout > 0 && now >= fw_after(self->absent_since, timeout))
        fw_receiver_break(self->receiver, fw_fail(FW_NOT_FOUND, "no sender was at %s for %.3g s", self->socket->bound,
                                                  (double)timeout / (double)FW_SECOND));
}

void fw_feed_absent_until(const fw_feed *self, fw_time *until_p) {
    fw_time timeout = self->receiver->options.timeout;
    if (self->absent_since == 0)
        return;
    if (!self->absent_said && fw_after(self->absent_since, SAY_AFTER) < *until_p)
        *until_p = fw_after(self->absent_since, SAY_AFTER);
    if (timeout > 0 && fw_after(self->absent_since, timeout) < *until_p)
        *until_p = fw_after(self->absent_since, timeout);
}

void fw_receiver_bad(fw_receiver *self, const fw_feed *feed) {
    self->counts.bad++;
    self->bad_untold++;
    size_t used = fw_escape(self->bad_cause, sizeof self->bad_cause, feed->socket->bound, strlen(feed->socket->bound));
    if (used + 3 < sizeof self->bad_cause) {
        memcpy(self->bad_cause + used, ": ", 3);
        fw_escape(self->bad_cause + used + 2, sizeof self->bad_cause - used - 2, fw_cause(), strlen(fw_cause()));
    }
}

void fw_receiver_break(fw_receiver *self, fw_status status) {
    if (self->broken != FW_OK)
        return;
    self->broken = status;
    fw_escape(self->broken_cause, sizeof self->broken_cause, fw_cause(), strlen(fw_cause()));
}

/* ---- Receiving ---- */

static void pump(fw_receiver *self) {
    fw_time now = self->pumped_at = fw_now();
    for (size_t i = 0; i < self->feed_count; i++)
        self->feeds[i]->kind->pump(self->feeds[i], now);
    if (self->results != NULL)
        (void)fw_peers_tend(self->results, self->security != NULL, now, &self->results_reconnect_at);
}

/* Poll all feeds (where that is not the thread's alone), and fd, without the lock, until then. */
static void wait_for_news(fw_receiver *self, int fd, fw_time until) {
    struct pollfd fds[POLL_MAX] = { { .fd = fd, .events = POLLIN } };
    nfds_t count = 1;
    bool at_feeds = fd == self->thread_fd || !self->observes;
    for (size_t i = 0; at_feeds && i < self->feed_count; i++)
        count += self->feeds[i]->kind->poll(self->feeds[i], fds + count, &until);
    pthread_mutex_unlock(&self->lock);
    (void)poll(fds, count, fw_poll_ms(until));
    pthread_mutex_lock(&self->lock);
    drain(fd);
}

static fw_got *take_ready(fw_receiver *self) {
    for (fw_got *got; (got = self->first) != NULL;) {
        fw_got_unready(got);
        if (got->feed->kind->begin(got->feed, got))
            return got;
    }
    return NULL;
}

static bool all_over(const fw_receiver *self) {
    for (size_t i = 0; i < self->feed_count; i++)
        if (!is_over(self->feeds[i]))
            return false;
    return true;
}

static fw_status look(fw_receiver *self, fw_frame **frame_p) {
    if (atomic_load(&self->stopped))
        return fw_fail(FW_CLOSED, "the receiver is stopped");
    if (self->first == NULL || fw_now() >= self->pumped_at + TICK * FW_MS)
        pump(self);
    fw_got *got = take_ready(self);
    if (got != NULL) {
        got->out = true;
        atomic_fetch_add(&self->references, 1);
        self->counts.frames++;
        self->counts.bytes += got->frame.header.format.size;
        *frame_p = &got->frame;
        return FW_OK;
    }
    if (self->bad_untold > 0) {
        self->bad_untold--;
        return fw_fail(FW_BAD_MESSAGE, "%s", self->bad_cause);
    }
    if (all_over(self))
        return fw_fail(FW_CLOSED, "every stream has ended");
    return self->broken != FW_OK ? fw_fail(self->broken, "%s", self->broken_cause) : FW_TIMEOUT;
}

fw_status fw_receiver_receive(fw_receiver *self, fw_time timeout, fw_frame **frame_p) {
    *frame_p = NULL;
    fw_time until = timeout == 0 ? 0 : fw_after(fw_now(), timeout);
    pthread_mutex_lock(&self->lock);
    self->waiting = true;
    self->visits++;
    fw_status status;
    while ((status = look(self, frame_p)) == FW_TIMEOUT) {
        if (timeout == 0 || fw_now() >= until) {
            status = fw_fail(FW_TIMEOUT, "no frame came in %.3g s", (double)timeout / (double)FW_SECOND);
            break;
        }
        wait_for_news(self, self->caller_fd, until);
    }
    self->waiting = false;
    self->visits++;
    if (self->asleep) {
        self->asleep = false;
        wake(self->thread_fd);
    }
    pthread_mutex_unlock(&self->lock);
    return status;
}

static bool has_told(const fw_receiver *self) {
    return self->first != NULL || self->bad_untold > 0 || self->broken != FW_OK || all_over(self);
}

void *fw_receiver_run(void *arg) {
    fw_receiver *self = arg;
    uint64_t seen = 0;
    pthread_mutex_lock(&self->lock);
    while (!self->closing) {
        bool quiet = self->visits == seen;
        seen = self->visits;
        if (self->observes || (quiet && !self->waiting)) {
            self->looking = true;
            pump(self);
            if (self->observes && self->waiting && has_told(self))
                wake(self->caller_fd);
            wait_for_news(self, self->thread_fd, FW_FOREVER);
            self->looking = false;
            continue;
        }
        self->asleep = quiet;
        struct pollfd fd = { .fd = self->thread_fd, .events = POLLIN };
        pthread_mutex_unlock(&self->lock);
        (void)poll(&fd, 1, quiet ? -1 : TICK);
        pthread_mutex_lock(&self->lock);
        self->asleep = false;
        drain(self->thread_fd);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* ---- Looking ---- */

void fw_receiver_count(fw_receiver *self, fw_receiver_counts *counts) {
    pthread_mutex_lock(&self->lock);
    *counts = self->counts;
    pthread_mutex_unlock(&self->lock);
}

const char *fw_receiver_url(const fw_receiver *self, size_t index) {
    return index < self->feed_count ? self->feeds[index]->socket->bound : NULL;
}

/* ---- Closing ---- */

void fw_receiver_stop(fw_receiver *self) {
    atomic_store(&self->stopped, true);
    wake(self->caller_fd);
}

/* What nobody took. Frames that the caller still has lose their feed. */
static void empty_feed(fw_feed *feed) {
    while (feed->held != NULL) {
        fw_got *got = feed->held;
        fw_lease_forget(feed, got);
        if (!got->out) {
            fw_got_unready(got);
            fw_got_free(got);
        }
    }
    fw_lease_drop_words(feed, true);
    fw_feed_leave_door(feed);
    fw_lent_drop(feed->lent);
    feed->lent = NULL;
    if (feed->socket != NULL)
        fw_socket_close(&feed->socket, 0);
}

static void free_feed(fw_feed *feed) {
    while (feed->streams != NULL) {
        fw_known_stream *known = feed->streams;
        feed->streams = known->next;
        free(known);
    }
    free(feed);
}

void fw_receiver_unref(fw_receiver *self) {
    if (atomic_fetch_sub(&self->references, 1) != 1)
        return;
    for (size_t i = 0; i < self->feed_count; i++)
        free_feed(self->feeds[i]);
    for (char **name = self->streams; name != NULL && *name != NULL; name++)
        free(*name);
    free(self->streams);
    free(self->door);
    if (self->caller_fd >= 0)
        close(self->caller_fd);
    if (self->thread_fd >= 0)
        close(self->thread_fd);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

void fw_receiver_close(fw_receiver **self_p) {
    fw_receiver *self = *self_p;
    if (self == NULL)
        return;
    *self_p = NULL;
    pthread_mutex_lock(&self->lock);
    self->closing = true;
    pthread_mutex_unlock(&self->lock);
    if (self->thread_runs) {
        wake(self->thread_fd);
        pthread_join(self->thread, NULL);
    }
    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; self->thread_runs && i < self->feed_count; i++)
        self->feeds[i]->kind->leave(self->feeds[i]);
    for (size_t i = 0; i < self->feed_count; i++)
        empty_feed(self->feeds[i]);
    while (self->first != NULL) { /* plain ones */
        fw_got *got = self->first;
        fw_got_unready(got);
        fw_got_free(got);
    }
    fw_socket_close(&self->results, RESULTS_LINGER);
    pthread_mutex_unlock(&self->lock);
    fw_security_close(&self->security);
    fw_context_close(&self->context);
    fw_receiver_unref(self);
}
