/* Frames of a PULL socket (each to one worker), or of a SUB socket (to all, and the newest count). */
#include <string.h>

#include "base/clock.h"
#include "base/status.h"
#include "delivery/peers.h"
#include "delivery/receiver.h"

#define FRAME_LIMIT ((int64_t)1 << 30) /* bytes; beyond, libzmq drops the connection */
#define FRAME_PARTS 3

int fw_parts_receive(void *zmq, zmq_msg_t *messages, fw_part *parts, int most) {
    int count = 0;
    for (int more = 1; more; count++) {
        zmq_msg_t message;
        zmq_msg_init(&message);
        int size = zmq_msg_recv(&message, zmq, ZMQ_DONTWAIT);
        if (size < 0) {
            zmq_msg_close(&message);
            return count > 0 ? count : -1;
        }
        more = zmq_msg_more(&message);
        if (count < most) {
            zmq_msg_init(&messages[count]);
            zmq_msg_move(&messages[count], &message);
            parts[count] = (fw_part){ zmq_msg_data(&messages[count]), (size_t)size };
        }
        zmq_msg_close(&message);
    }
    return count;
}

static bool is_pull(const fw_feed *self) {
    return self->socket->type == ZMQ_PULL;
}

/* A frame that a PULL socket gives is this worker's: it is taken only when it is asked for. */
static bool wants(const fw_feed *self) {
    return !is_pull(self) || (self->receiver->waiting && self->receiver->ready == 0);
}

static void count_gap(fw_feed *self, fw_known_stream *stream, const fw_header *header) {
    if (!is_pull(self) && stream->next_seq > 0 && stream->epoch == header->epoch && header->seq > stream->next_seq)
        self->receiver->counts.missed += header->seq - stream->next_seq;
    stream->epoch = header->epoch;
    stream->next_seq = header->seq + 1;
    stream->open = true;
    stream->ended = false;
    self->over = false;
}

static void on_frame(fw_feed *self, zmq_msg_t *messages, const fw_part *parts, const fw_header *header) {
    fw_receiver *receiver = self->receiver;
    if (header->place.said || !fw_receiver_takes(receiver, parts[0].data, parts[0].size)) {
        receiver->counts.unknown += is_pull(self); /* a subscription is a prefix: cam1 brings cam10, too */
        return;
    }
    fw_got *got = fw_got_new(self, header, &parts[0]);
    if (got == NULL) {
        fw_receiver_break(receiver, fw_fail(FW_NO_MEMORY, "no memory for a frame"));
        return;
    }
    count_gap(self, got->stream, header);
    zmq_msg_init(&got->payload);
    zmq_msg_move(&got->payload, &messages[FW_PARTS_BEFORE_PAYLOAD]);
    got->has_payload = true;
    got->frame.data = zmq_msg_data(&got->payload);
    fw_got_ready(got, false);
}

/* Where this side listens there may be several senders, each with an end of its own. */
static void on_end(fw_feed *self, const fw_part *parts, const fw_header *header) {
    fw_receiver *receiver = self->receiver;
    fw_known_stream *stream = fw_feed_stream(self, parts[0].data, parts[0].size);
    if (stream == NULL || !fw_receiver_takes(receiver, parts[0].data, parts[0].size))
        return;
    if (!stream->open || stream->epoch == header->epoch)
        stream->open = false;
    fw_span left = header->streams, name;
    bool open = false;
    while (fw_stream_next(&left, &name))
        open |= fw_receiver_takes(receiver, name.data, name.size);
    for (const fw_known_stream *known = self->streams; self->socket->bind && known != NULL; known = known->next)
        open |= known->open;
    self->over = !open;
}

static bool read_one(fw_feed *self) {
    zmq_msg_t messages[FRAME_PARTS];
    fw_part parts[FRAME_PARTS];
    int count = fw_parts_receive(self->socket->zmq, messages, parts, FRAME_PARTS);
    if (count < 0)
        return false;
    fw_header header;
    fw_reason reason;
    fw_status status = FW_OK;
    if (count > FRAME_PARTS)
        status = fw_fail(FW_BAD_MESSAGE, "a message of %d parts: a frame has three", count);
    else
        status = fw_message_check(parts, (size_t)count, &header, &reason);
    if (status != FW_OK)
        fw_receiver_bad(self->receiver, self);
    else if (header.kind == FW_KIND_FRAME)
        on_frame(self, messages, parts, &header);
    else if (header.kind == FW_KIND_END)
        on_end(self, parts, &header);
    else
        self->receiver->counts.unknown++;
    for (int i = 0; i < count && i < FRAME_PARTS; i++)
        zmq_msg_close(&messages[i]);
    return true;
}

static void plain_pump(fw_feed *self, fw_time now) {
    (void)fw_peers_tend(self->socket, self->receiver->security != NULL, now, &self->reconnect_at);
    while (wants(self) && read_one(self))
        continue;
    fw_feed_absent(self, self->socket->peers == 0, now);
}

static nfds_t plain_poll(fw_feed *self, struct pollfd *fds, fw_time *until_p) {
    nfds_t count = 0;
    if (wants(self))
        fw_poll_add(fds, &count, self->socket->zmq);
    fw_poll_add(fds, &count, self->socket->monitor);
    if (self->reconnect_at != 0 && self->reconnect_at < *until_p)
        *until_p = self->reconnect_at;
    fw_feed_absent_until(self, until_p);
    return count;
}

static bool plain_begin(fw_feed *self, fw_got *got) {
    (void)self, (void)got;
    return true;
}

static bool post(void *zmq, const char *stream, const uint8_t *header, size_t size, const fw_part *payloads,
                 size_t count) {
    if (zmq_send(zmq, stream, strlen(stream), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
        return false;
    (void)zmq_send(zmq, header, size, (count > 0 ? ZMQ_SNDMORE : 0) | ZMQ_DONTWAIT);
    for (size_t i = 0; i < count; i++)
        (void)zmq_send(zmq, payloads[i].data, payloads[i].size, (i + 1 < count ? ZMQ_SNDMORE : 0) | ZMQ_DONTWAIT);
    return true;
}

/* Waits while nobody takes results; the lock is let go of meanwhile. */
static fw_status plain_answer(fw_feed *self, fw_got *got, const fw_header *header, const fw_part *payloads,
                              size_t count) {
    fw_receiver *receiver = self->receiver;
    fw_time since = fw_now();
    if (receiver->results == NULL)
        return FW_OK;
    while (!receiver->closing && !atomic_load(&receiver->stopped)) {
        size_t size;
        fw_status status = fw_header_pack(header, receiver->header, sizeof receiver->header, &size);
        if (status != FW_OK)
            return status;
        if (post(receiver->results->zmq, got->frame.stream, receiver->header, size, payloads, count))
            return FW_OK;
        fw_time now = fw_now();
        (void)fw_peers_tend(receiver->results, receiver->security != NULL, now, &receiver->results_reconnect_at);
        if (receiver->options.timeout > 0 && now - since >= receiver->options.timeout)
            return fw_fail(FW_NOT_FOUND, "nobody takes results at %s", receiver->results->bound);
        struct pollfd fds[2];
        nfds_t polled = 0;
        fw_poll_add(fds, &polled, receiver->results->zmq);
        fw_poll_add(fds, &polled, receiver->results->monitor);
        pthread_mutex_unlock(&receiver->lock);
        (void)poll(fds, polled, 100);
        pthread_mutex_lock(&receiver->lock);
    }
    return fw_fail(FW_CLOSED, "the receiver is closed");
}

static void plain_let_go(fw_feed *self, fw_got *got) {
    (void)self, (void)got;
}

static void plain_progress(fw_feed *self, const fw_got *got) {
    (void)self, (void)got;
}

static void plain_leave(fw_feed *self) {
    (void)self;
}

static const fw_feed_class plain_class = {
    .pump = plain_pump,
    .poll = plain_poll,
    .begin = plain_begin,
    .answer = plain_answer,
    .let_go = plain_let_go,
    .progress = plain_progress,
    .leave = plain_leave,
};

static fw_status subscribe(fw_feed *self) {
    char *const *names = self->receiver->streams;
    int result = 0;
    if (names == NULL)
        result = zmq_setsockopt(self->socket->zmq, ZMQ_SUBSCRIBE, "", 0);
    for (; result == 0 && names != NULL && *names != NULL; names++)
        result = zmq_setsockopt(self->socket->zmq, ZMQ_SUBSCRIBE, *names, strlen(*names));
    return result == 0 ? FW_OK : fw_fail(FW_IO, "libzmq refused a subscription: %s", zmq_strerror(zmq_errno()));
}

fw_status fw_feed_open_plain(fw_feed *self, const fw_url *url) {
    const fw_receiver *receiver = self->receiver;
    bool push = url->pattern == FW_PUSH;
    fw_socket_options options = {
        .type = push ? ZMQ_PULL : ZMQ_SUB,
        .receive_hwm = (int)(push ? receiver->options.credit : receiver->options.queue + 2),
        .max_message = FRAME_LIMIT,
        .security = receiver->security,
    };
    self->kind = &plain_class;
    fw_status status = fw_socket_open(receiver->context, url, &options, &self->socket);
    return status == FW_OK && !push ? subscribe(self) : status;
}
