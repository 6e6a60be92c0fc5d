/* The door of a hub on this host: once in, words go that way, and frames are read in the hub's memory. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/status.h"
#include "delivery/receiver.h"

/* Who is thrown out so often does without. */
#define TRIES 3
/* More than `release` takes without its slots. */
#define RELEASE_HEAD 64

static void say_why(fw_feed *self, const char *why) {
    if (!self->door_said)
        fw_info("%s: frames come over the socket, not in shared memory: %s", self->socket->bound, why);
    self->door_said = true;
}

void fw_feed_leave_door(fw_feed *self) {
    fw_visit_close(&self->visit);
    if (self->inside) { /* for the hub the connection is lost: it is told again who is here */
        self->hello_due = !self->over || self->receiver->options.follow;
        self->welcomed = false;
    }
    self->inside = false;
    self->knocked_at = 0;
}

void fw_feed_thrown_out(fw_feed *self) {
    self->thrown_out += self->inside;
    fw_feed_leave_door(self);
}

void fw_feed_knock(fw_feed *self, const char *name, const uint8_t *token, fw_time now) {
    fw_visit *visit = NULL;
    if (self->thrown_out >= TRIES)
        say_why(self, "the sender ended each visit");
    else if (fw_visit_open(self->receiver->door, name, token, &visit) != FW_OK)
        say_why(self, fw_cause());
    if (visit == NULL) {
        fw_lease_ready(self);
        return;
    }
    fw_visit_close(&self->visit);
    self->visit = visit;
    self->knocked_at = now;
}

static fw_status take_memory(fw_feed *self, const fw_packet *packet) {
    uint64_t region, size;
    fw_status status = fw_visit_memory(packet, &region, &size);
    fw_lent *lent = status == FW_OK ? calloc(1, sizeof *lent) : NULL;
    if (status == FW_OK && lent == NULL)
        status = fw_fail(FW_NO_MEMORY, "no memory for a region");
    bool known = status == FW_OK && self->lent != NULL && self->lent->region == region && self->lent->view.size >= size;
    if (status == FW_OK && !known)
        status = fw_view_open(&lent->view, packet->fd, size);
    close(packet->fd);
    if (status != FW_OK || known) {
        free(lent);
        return status;
    }
    *lent = (fw_lent){ .region = region, .view = lent->view, .references = 1 };
    fw_lent_drop(self->lent);
    self->lent = lent;
    return FW_OK;
}

/* One packet. false: the visit is over. */
static bool on_packet(fw_feed *self, const fw_packet *packet, fw_time now) {
    switch (packet->kind) {
    case FW_PACKET_ACCEPTED:
        return self->knocked_at != 0;
    case FW_PACKET_MEMORY:
        if (take_memory(self, packet) != FW_OK)
            return false;
        if (self->knocked_at != 0) {
            self->inside = true;
            fw_lease_ready(self);
        }
        return true;
    case FW_PACKET_MESSAGE:
        fw_lease_hears(self, NULL, packet->parts, packet->count, now);
        return true;
    case FW_PACKET_REFUSED:
        (void)fw_fail(FW_DENIED, "refused: %.*s", packet->count > 0 ? (int)packet->parts[0].size : 0,
                      packet->count > 0 ? (const char *)packet->parts[0].data : "");
        return false;
    default:
        if (packet->fd >= 0)
            close(packet->fd);
        (void)fw_fail(FW_BAD_MESSAGE, "a packet that only receivers send");
        return false;
    }
}

void fw_feed_read_door(fw_feed *self, fw_time now) {
    fw_packet packet;
    fw_status status;
    bool goes_on = true;
    while (goes_on && self->visit != NULL && (status = fw_visit_receive(self->visit, &packet)) != FW_TIMEOUT)
        goes_on = status == FW_OK && on_packet(self, &packet, now);
    if (goes_on || self->visit == NULL)
        return;
    bool knocking = self->knocked_at != 0;
    if (knocking)
        say_why(self, fw_cause());
    fw_feed_thrown_out(self);
    if (knocking)
        fw_lease_ready(self);
}

bool fw_feed_say_aside(fw_feed *self, const char *stream, const fw_header *header) {
    fw_receiver *receiver = self->receiver;
    size_t size;
    if (!self->inside || !self->welcomed ||
        fw_header_pack(header, receiver->header, sizeof receiver->header, &size) != FW_OK)
        return false;
    const fw_part parts[] = { { stream, strlen(stream) }, { receiver->header, size } };
    return fw_visit_say_aside(self->visit, parts, 2);
}

/* ---- Slots that are read no more ---- */

void fw_feed_carry_slots(fw_feed *self, fw_header *header, uint8_t out[FW_SLOTS_ROOM]) {
    size_t used = 0, size;
    for (size_t i = 0; i < self->slot_count; i++)
        if (fw_filling_pack(&self->slots[i], out + used, FW_SLOTS_ROOM - used, &size) == FW_OK) {
            used += size;
            header->slot_count++;
        }
    header->slots = (fw_span){ (const char *)out, used };
    self->slot_count = 0;
}

void fw_feed_release_slots(fw_feed *self) {
    if (self->slot_count == 0)
        return;
    uint8_t slots[FW_SLOTS_ROOM];
    fw_header header = { .kind = FW_KIND_RELEASE };
    fw_feed_carry_slots(self, &header, slots);
    (void)fw_lease_say(self, "", &header, NULL, 0);
}

void fw_feed_release(fw_feed *self, const fw_filling *filling) {
    if (self->slot_count == FW_FRAMES_MAX)
        fw_feed_release_slots(self);
    self->slots[self->slot_count++] = *filling;
}

static bool may_say_at_once(const fw_feed *self) {
    return self->inside && self->welcomed && self->words == NULL;
}

bool fw_feed_answer_inside(fw_feed *self, fw_got *got, const fw_header *header, const fw_part *payloads, size_t count) {
    if (!may_say_at_once(self) || got->lent == NULL || got->run != self->run)
        return false;
    fw_feed_release(self, &got->filling);
    got->released = true;
    if (!may_say_at_once(self)) /* others had to be told of first, and could not */
        return false;
    uint8_t *packed = self->receiver->header, slots[FW_SLOTS_ROOM], release[RELEASE_HEAD + FW_SLOTS_ROOM];
    size_t size, release_size, waiting = self->slot_count;
    fw_header word = { .kind = FW_KIND_RELEASE };
    fw_feed_carry_slots(self, &word, slots);
    bool said = false;
    if (FW_PARTS_BEFORE_PAYLOAD + count + 2 <= FW_PARTS_MAX &&
        fw_header_pack(header, packed, sizeof self->receiver->header, &size) == FW_OK &&
        fw_header_pack(&word, release, sizeof release, &release_size) == FW_OK) {
        fw_part parts[FW_PARTS_MAX] = { { got->frame.stream, strlen(got->frame.stream) }, { packed, size } };
        memcpy(parts + FW_PARTS_BEFORE_PAYLOAD, payloads, count * sizeof *parts);
        count += FW_PARTS_BEFORE_PAYLOAD;
        parts[count] = (fw_part){ "", 0 };
        parts[count + 1] = (fw_part){ release, release_size };
        said = fw_visit_send_two(self->visit, parts, count + 2, count) == FW_OK;
    }
    if (!said)
        self->slot_count = waiting;
    return said;
}
