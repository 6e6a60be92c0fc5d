/* Frames that came: where their bytes are, and who has them. */
#include "delivery/receiver.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"

fw_known_stream *fw_feed_stream(fw_feed *self, const void *name, size_t size) {
    for (fw_known_stream *known = self->streams; known != NULL; known = known->next)
        if (strlen(known->name) == size && memcmp(known->name, name, size) == 0)
            return known;
    fw_known_stream *made = calloc(1, sizeof *made + size + 1);
    if (made == NULL)
        return NULL;
    memcpy(made->name, name, size);
    made->next = self->streams;
    self->streams = made;
    return made;
}

void fw_lent_drop(fw_lent *self) {
    if (self == NULL || --self->references > 0)
        return;
    fw_view_close(&self->view);
    free(self);
}

/* fw_frame_free() of a frame that the caller has. */
static void drop_frame(fw_frame *frame) {
    fw_got *self = (fw_got *)frame;
    fw_receiver_return(self->receiver, &frame);
}

fw_got *fw_got_new(fw_feed *feed, const fw_header *header, const fw_part *stream) {
    fw_known_stream *known = fw_feed_stream(feed, stream->data, stream->size);
    fw_got *self = known != NULL ? calloc(1, sizeof *self + header->item.size + 1 + header->meta.size) : NULL;
    if (self == NULL)
        return NULL;
    char *texts = (char *)(self + 1);
    self->frame.header = *header;
    self->frame.header.format_name = self->frame.header.kind_text = (fw_span){ 0 };
    self->frame.header.worker = self->frame.header.host = self->frame.header.streams = (fw_span){ 0 };
    if (header->item.size > 0)
        memcpy(texts, header->item.data, header->item.size);
    if (header->meta.size > 0)
        memcpy(texts + header->item.size + 1, header->meta.data, header->meta.size);
    self->frame.item = texts;
    self->frame.header.item = (fw_span){ texts, header->item.size };
    self->frame.header.meta = (fw_span){ texts + header->item.size + 1, header->meta.size };
    self->frame.drop = drop_frame;
    self->frame.stream = known->name;
    self->frame.transport = feed->socket->url.ipc ? "ipc" : "tcp";
    self->receiver = feed->receiver;
    self->feed = feed;
    self->stream = known;
    self->guarded = header->guarded;
    return self;
}

/* The oldest frame of this feed that waits. */
static fw_got *oldest(const fw_receiver *receiver, const fw_feed *feed, unsigned *count_p) {
    fw_got *found = NULL;
    *count_p = 0;
    for (fw_got *got = receiver->first; got != NULL; got = got->next)
        if (got->feed == feed) {
            found = found != NULL ? found : got;
            ++*count_p;
        }
    return found;
}

void fw_got_ready(fw_got *self, bool first) {
    fw_receiver *receiver = self->receiver;
    if (first) {
        self->next = receiver->first;
        receiver->first = self;
        if (receiver->last == NULL)
            receiver->last = self;
    } else {
        self->next = NULL;
        if (receiver->last != NULL)
            receiver->last->next = self;
        else
            receiver->first = self;
        receiver->last = self;
    }
    receiver->ready++;
    unsigned count;
    if (receiver->options.role != FW_OBSERVER)
        return;
    fw_got *old = oldest(receiver, self->feed, &count);
    if (count > receiver->options.queue) {
        fw_got_unready(old);
        old->feed->kind->let_go(old->feed, old);
        fw_got_free(old);
        receiver->counts.dropped++;
    }
}

void fw_got_unready(fw_got *self) {
    fw_receiver *receiver = self->receiver;
    fw_got *before = NULL;
    for (fw_got *got = receiver->first; got != NULL; before = got, got = got->next) {
        if (got != self)
            continue;
        if (before != NULL)
            before->next = self->next;
        else
            receiver->first = self->next;
        if (receiver->last == self)
            receiver->last = before;
        receiver->ready--;
        return;
    }
}

void fw_got_free(fw_got *self) {
    if (self->has_payload)
        zmq_msg_close(&self->payload);
    self->feed->reading -= self->lent != NULL;
    fw_lent_drop(self->lent);
    free(self->copy);
    fw_meta_free(&self->frame.meta);
    free(self);
}
