/* What a hub says. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/status.h"
#include "delivery/receiver.h"

static fw_got *find(const fw_feed *self, const fw_header *header) {
    for (fw_got *got = self->held; got != NULL; got = got->after)
        if (got->leased && got->frame.header.seq == header->seq && got->frame.header.epoch == header->epoch)
            return got;
    return NULL;
}

/* ---- Frames ---- */

/* Its bytes: in the message, or in the hub's memory. false: they are not to be had. */
static bool find_bytes(fw_feed *self, fw_got *got, zmq_msg_t *messages, const fw_part *parts) {
    const fw_place *place = &got->frame.header.place;
    if (!place->said) {
        size_t size = got->frame.header.format.size;
        if (messages != NULL) {
            zmq_msg_init(&got->payload);
            zmq_msg_move(&got->payload, &messages[FW_PARTS_BEFORE_PAYLOAD]);
            got->has_payload = true;
            got->frame.data = zmq_msg_data(&got->payload);
            return true;
        }
        got->frame.data = got->copy = malloc(size);
        if (got->copy != NULL)
            memcpy(got->copy, parts[FW_PARTS_BEFORE_PAYLOAD].data, size);
        return got->copy != NULL;
    }
    const void *bytes = self->lent != NULL && self->lent->region == place->region
                            ? fw_view_at(&self->lent->view, place->offset, place->length)
                            : NULL;
    got->filling = (fw_filling){ place->region, place->gen, place->slot };
    self->receiver->counts.shared++;
    if (bytes == NULL)
        return false;
    if (!place->copy && self->reading < FW_HELD_MAX) {
        self->reading++;
        got->frame.data = (void *)bytes;
        got->frame.transport = "shm";
        got->lent = self->lent;
        got->lent->references++;
        return true;
    }
    size_t size = ((size_t)place->length + 63) / 64 * 64;
    got->frame.data = got->copy = aligned_alloc(64, size);
    got->frame.transport = "copy";
    if (got->copy == NULL)
        return false;
    memcpy(got->copy, bytes, (size_t)place->length);
    fw_feed_release(self, &got->filling);
    return true;
}

static void hold(fw_feed *self, fw_got *got) {
    fw_got **at = &self->held, *before = NULL;
    for (; *at != NULL; at = &before->after)
        before = *at;
    *at = got;
    got->before = before;
    got->listed = true;
    got->leased = self->receiver->options.role == FW_WORKER;
}

/* A frame that cannot be read is answered by a worker, not left to its deadline. */
static void refuse_frame(fw_feed *self, fw_got *got) {
    static const char why[] = "the receiver cannot reach the memory that the frame is in";
    static const uint8_t nil = 0xc0;
    const fw_header header = {
        .kind = FW_KIND_RESULT,
        .epoch = got->frame.header.epoch,
        .seq = got->frame.header.seq,
        .verdict = FW_ERROR,
        .error = { why, sizeof why - 1 },
        .instance = self->receiver->instance,
        .attempt = got->frame.header.attempt,
    };
    const fw_part value = { &nil, 1 };
    fw_warn("%s: frame %" PRIu64 ": %s", self->socket->bound, header.seq, why);
    if (self->receiver->options.role == FW_WORKER)
        (void)fw_lease_say(self, got->frame.stream, &header, &value, 1);
    fw_feed_release(self, &got->filling);
    self->receiver->counts.bad++;
    fw_got_free(got);
}

static void on_frame(fw_feed *self, zmq_msg_t *messages, const fw_part *parts, const fw_header *header) {
    fw_receiver *receiver = self->receiver;
    bool worker = receiver->options.role == FW_WORKER;
    if (worker && find(self, header) != NULL) {
        receiver->counts.unknown++; /* it is here already */
        return;
    }
    fw_got *got = fw_got_new(self, header, &parts[0]);
    if (got == NULL) {
        fw_receiver_break(receiver, fw_fail(FW_NO_MEMORY, "no memory for a frame"));
        return;
    }
    got->run = self->run;
    got->stream->epoch = header->epoch;
    got->stream->ended = false;
    if (!worker) {
        self->asked -= self->asked > 0;
        if (header->lost > self->lost)
            receiver->counts.dropped += header->lost - self->lost;
        self->lost = header->lost;
    }
    if (!find_bytes(self, got, messages, parts)) {
        refuse_frame(self, got);
        return;
    }
    if (worker || got->lent != NULL)
        hold(self, got);
    fw_got_ready(got, false);
}

/* ---- Words ---- */

/* Another run of the hub, which knows nothing of what this side has. */
static void start_anew(fw_feed *self) {
    fw_lease_drop_words(self, true);
    while (self->held != NULL) {
        fw_got *got = self->held;
        bool useless = got->leased && !got->out; /* an observer's is as good as ever */
        fw_lease_forget(self, got);
        if (useless) {
            fw_got_unready(got);
            fw_got_free(got);
        }
    }
    fw_feed_leave_door(self);
    fw_lent_drop(self->lent);
    self->lent = NULL;
    self->slot_count = 0;
    self->thrown_out = 0;
    self->lost = 0;
}

static void on_welcome(fw_feed *self, const fw_header *header, fw_time now) {
    fw_receiver *receiver = self->receiver;
    if (header->instance != receiver->instance || !self->greeted || self->welcomed)
        return;
    uint8_t token[FW_TOKEN_SIZE];
    char door[FW_DOOR_MAX + 1] = { 0 }; /* copies: what it came in may be closed below */
    bool here = receiver->host[0] != '\0' && header->host.size == strlen(receiver->host) &&
                memcmp(header->host.data, receiver->host, header->host.size) == 0;
    bool knocks = here && header->door.size > 0 && header->door.size <= FW_DOOR_MAX;
    if (knocks) {
        memcpy(door, header->door.data, header->door.size);
        memcpy(token, header->token, sizeof token);
    }
    uint64_t run = header->sender;
    if (self->run != 0 && self->run != run) {
        fw_info("%s: the sender has started anew", self->socket->bound);
        start_anew(self);
    }
    self->run = run;
    if (knocks)
        fw_feed_knock(self, door, token, now);
    else
        fw_lease_ready(self);
}

static void on_recall(fw_feed *self, const fw_header *header) {
    fw_got *got = find(self, header);
    if (got == NULL || got->out || (got->started && !got->guarded))
        return;
    fw_lease_say_of(self, got, FW_KIND_RETURN);
    fw_got_unready(got);
    fw_lease_forget(self, got);
    if (got->lent != NULL)
        fw_feed_release(self, &got->filling);
    fw_got_free(got);
}

static void on_go(fw_feed *self, const fw_header *header) {
    fw_got *got = find(self, header);
    if (got == NULL || got->out || !got->started || got->go)
        return;
    got->go = true;
    fw_got_ready(got, true);
}

static void on_end(fw_feed *self, const fw_part *parts, const fw_header *header) {
    fw_receiver *receiver = self->receiver;
    fw_known_stream *stream = fw_feed_stream(self, parts[0].data, parts[0].size);
    if (stream == NULL)
        return;
    stream->ended = true;
    if (header->lost > self->lost)
        receiver->counts.dropped += header->lost - self->lost;
    self->lost = header->lost;
    fw_span left = header->streams, name;
    bool open = false;
    while (fw_stream_next(&left, &name))
        open |= fw_receiver_takes(receiver, name.data, name.size);
    self->over = !open;
}

void fw_lease_hears(fw_feed *self, zmq_msg_t *messages, const fw_part *parts, size_t count, fw_time now) {
    fw_header header;
    fw_reason reason;
    fw_status status = count > FW_PARTS_MAX ? fw_fail(FW_BAD_MESSAGE, "a message of %zu parts", count)
                                            : fw_message_check(parts, count, &header, &reason);
    if (status != FW_OK) {
        fw_receiver_bad(self->receiver, self);
        return;
    }
    switch (header.kind) {
    case FW_KIND_FRAME:
        on_frame(self, messages, parts, &header);
        break;
    case FW_KIND_WELCOME:
        on_welcome(self, &header, now);
        break;
    case FW_KIND_WHO:
        self->hello_due = !self->over || self->receiver->options.follow;
        break;
    case FW_KIND_RECALL:
        on_recall(self, &header);
        break;
    case FW_KIND_GO:
        on_go(self, &header);
        break;
    case FW_KIND_END:
        on_end(self, parts, &header);
        break;
    case FW_KIND_BYE:
        self->bye_heard = true;
        break;
    default:
        self->receiver->counts.unknown++;
    }
}
