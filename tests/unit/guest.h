/* A receiver by hand that is in at a sender's door. */
#ifndef FW_TEST_GUEST_H
#define FW_TEST_GUEST_H

#include "check.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "memory/view.h"
#include "net/visit.h"
#include "peer.h"

/* A receiver, and the memory that it was given last. */
typedef struct guest {
    peer peer;
    fw_visit *visit;
    fw_packet packet;
    uint64_t region;
    fw_view view;
    fw_header got, frame; /* the last word; the last frame */
} guest;

/* The next packet, which is of this kind. */
static inline void hear_packet(guest *self, fw_packet_kind kind) {
    struct pollfd ready = { .fd = fw_visit_fd(self->visit), .events = POLLIN };
    if (poll(&ready, 1, 10000) != 1)
        fail_msg("nothing came, but packet %d should have", (int)kind);
    assert_ok(fw_visit_receive(self->visit, &self->packet));
    assert_int_equal(self->packet.kind, kind);
}

static inline bool has_packet(guest *self) {
    return poll(&(struct pollfd){ .fd = fw_visit_fd(self->visit), .events = POLLIN }, 1, 0) == 1;
}

static inline void hear_inside(guest *self, fw_kind kind) {
    fw_reason reason;
    hear_packet(self, FW_PACKET_MESSAGE);
    assert_ok(fw_message_check(self->packet.parts, self->packet.count, &self->got, &reason));
    assert_int_equal(self->got.kind, kind);
}

static inline void take_memory(guest *self) {
    uint64_t size;
    hear_packet(self, FW_PACKET_MEMORY);
    assert_ok(fw_visit_memory(&self->packet, &self->region, &size));
    fw_view_close(&self->view);
    assert_ok(fw_view_open(&self->view, self->packet.fd, size));
    close(self->packet.fd);
}

static inline void say_inside(guest *self, const fw_header *header, const char *stream, const char *value) {
    uint8_t packed[4096];
    size_t size;
    assert_ok(fw_header_pack(header, packed, sizeof packed, &size));
    const fw_part parts[] = { { stream, strlen(stream) }, { packed, size }, { value, value ? strlen(value) : 0 } };
    assert_ok(fw_visit_send(self->visit, parts, value ? 3 : 2));
}

/* After a hello. */
static inline void knock(guest *self) {
    char name[FW_DOOR_MAX + 1];
    assert_true(self->peer.got.door.size > 0);
    snprintf(name, sizeof name, "%.*s", (int)self->peer.got.door.size, self->peer.got.door.data);
    assert_ok(fw_visit_open("door", name, self->peer.got.token, &self->visit));
    hear_packet(self, FW_PACKET_ACCEPTED);
    take_memory(self);
}

static inline void credit_inside(guest *self, uint32_t credit) {
    say_inside(self, &(fw_header){ .kind = FW_KIND_CREDIT, .credit = credit }, "", NULL);
}

static inline void enter(guest *self, fw_sender *sender, fw_role role, uint64_t instance) {
    *self = (guest){ .peer = new_peer(sender, instance) };
    say_hello(&self->peer, role);
    knock(self);
}

/* A worker, with a credit of 2. */
static inline void enter_worker(guest *self, fw_sender *sender, uint64_t instance) {
    enter(self, sender, FW_ROLE_WORKER, instance);
    credit_inside(self, 2);
}

static inline void leave(guest *self) {
    fw_view_close(&self->view);
    fw_visit_close(&self->visit);
    close_peer(&self->peer);
}

/* A frame comes, and is in the memory that was given. */
static inline void read_frame(guest *self, uint64_t seq) {
    hear_inside(self, FW_KIND_FRAME);
    assert_int_equal(self->got.seq, seq);
    assert_true(self->got.place.said);
    assert_true(self->got.place.region == self->region);
    const uint8_t *bytes = fw_view_at(&self->view, self->got.place.offset, self->got.place.length);
    assert_non_null(bytes);
    assert_int_equal(bytes[0], seq);
    assert_int_equal(bytes[self->got.place.length - 1], seq);
    self->frame = self->got;
}

static inline void answer_inside(guest *self) {
    const fw_header result = { .kind = FW_KIND_RESULT,
                               .epoch = self->frame.epoch,
                               .seq = self->frame.seq,
                               .instance = self->peer.instance,
                               .verdict = FW_DONE };
    say_inside(self, &result, "frames", "\x01");
}

static inline void release(guest *self, uint64_t region) {
    const fw_filling filling = { .region = region, .slot = self->frame.place.slot, .gen = self->frame.place.gen };
    uint8_t slots[64];
    size_t size;
    assert_ok(fw_filling_pack(&filling, slots, sizeof slots, &size));
    const fw_header header = { .kind = FW_KIND_RELEASE, .slots = { (const char *)slots, size }, .slot_count = 1 };
    say_inside(self, &header, "", NULL);
}

/* All that was said before is heard. */
static inline void settle_inside(guest *self) {
    say_inside(self, &(fw_header){ .kind = FW_KIND_STATS }, "", NULL);
    hear_inside(self, FW_KIND_STATS);
}

#endif
