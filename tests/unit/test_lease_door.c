#include "check.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "delivery/sender.h"
#include "folder.h"
#include "memory/view.h"
#include "net/visit.h"
#include "peer.h"

/* A worker that is in at the door, and the memory that it was given last. */
typedef struct guest {
    peer peer;
    fw_visit *visit;
    fw_packet packet;
    uint64_t region;
    fw_view view;
    fw_header got, frame; /* the last word; the last frame */
} guest;

/* The next packet, which is of this kind. */
static void hear_packet(guest *self, fw_packet_kind kind) {
    struct pollfd ready = { .fd = fw_visit_fd(self->visit), .events = POLLIN };
    if (poll(&ready, 1, 10000) != 1)
        fail_msg("nothing came, but packet %d should have", (int)kind);
    assert_ok(fw_visit_receive(self->visit, &self->packet));
    assert_int_equal(self->packet.kind, kind);
}

static bool has_packet(guest *self) {
    return poll(&(struct pollfd){ .fd = fw_visit_fd(self->visit), .events = POLLIN }, 1, 0) == 1;
}

static void hear_inside(guest *self, fw_kind kind) {
    fw_reason reason;
    hear_packet(self, FW_PACKET_MESSAGE);
    assert_ok(fw_message_check(self->packet.parts, self->packet.count, &self->got, &reason));
    assert_int_equal(self->got.kind, kind);
}

static void take_memory(guest *self) {
    uint64_t size;
    hear_packet(self, FW_PACKET_MEMORY);
    assert_ok(fw_visit_memory(&self->packet, &self->region, &size));
    fw_view_close(&self->view);
    assert_ok(fw_view_open(&self->view, self->packet.fd, size));
    close(self->packet.fd);
}

static void say_inside(guest *self, const fw_header *header, const char *stream, const char *value) {
    uint8_t packed[4096];
    size_t size;
    assert_ok(fw_header_pack(header, packed, sizeof packed, &size));
    const fw_part parts[] = { { stream, strlen(stream) }, { packed, size }, { value, value ? strlen(value) : 0 } };
    assert_ok(fw_visit_send(self->visit, parts, value ? 3 : 2));
}

static void enter(guest *self, fw_sender *sender, uint64_t instance) {
    char name[FW_DOOR_MAX + 1];
    *self = (guest){ .peer = new_peer(sender, instance) };
    say_hello(&self->peer, FW_ROLE_WORKER);
    snprintf(name, sizeof name, "%.*s", (int)self->peer.got.door.size, self->peer.got.door.data);
    assert_ok(fw_visit_open("door", name, self->peer.got.token, &self->visit));
    hear_packet(self, FW_PACKET_ACCEPTED);
    take_memory(self);
    say_inside(self, &(fw_header){ .kind = FW_KIND_CREDIT, .credit = 2 }, "", NULL);
}

static void leave(guest *self) {
    fw_view_close(&self->view);
    fw_visit_close(&self->visit);
    close_peer(&self->peer);
}

/* A frame comes, and is in the memory that was given. */
static void read_frame(guest *self, uint64_t seq) {
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

static void answer_inside(guest *self) {
    const fw_header result = { .kind = FW_KIND_RESULT,
                               .epoch = self->frame.epoch,
                               .seq = self->frame.seq,
                               .instance = self->peer.instance,
                               .verdict = FW_DONE };
    say_inside(self, &result, "frames", "\x01");
}

static void release(guest *self, uint64_t region) {
    const fw_filling filling = { .region = region, .slot = self->frame.place.slot, .gen = self->frame.place.gen };
    uint8_t slots[64];
    size_t size;
    assert_ok(fw_filling_pack(&filling, slots, sizeof slots, &size));
    const fw_header header = { .kind = FW_KIND_RELEASE, .slots = { (const char *)slots, size }, .slot_count = 1 };
    say_inside(self, &header, "", NULL);
}

/* All that was said before is heard. */
static void settle_inside(guest *self) {
    say_inside(self, &(fw_header){ .kind = FW_KIND_STATS }, "", NULL);
    hear_inside(self, FW_KIND_STATS);
}

/* As the sender's thread does it after a while without frames. */
static void renew(fw_sender *sender) {
    fw_region old;
    pthread_mutex_lock(&sender->lock);
    fw_pool_renew(sender->pool, &old);
    sender->outputs[0]->kind->tend(sender->outputs[0], fw_now());
    pthread_mutex_unlock(&sender->lock);
    fw_region_close(&old);
}

static void workers_are_given_fresh_memory_before_frames_in_it(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS));
    guest worker, other;
    enter(&worker, sender, 1);
    settle_inside(&worker);
    uint64_t first = worker.region;
    send_frame(sender);
    read_frame(&worker, 0);
    answer_inside(&worker);
    settle_inside(&worker);
    renew(sender);
    assert_false(has_packet(&worker)); /* it reads the frame still */
    release(&worker, first);
    settle_inside(&worker);
    renew(sender);
    take_memory(&worker);
    assert_true(worker.region != first);
    enter(&other, sender, 2);
    assert_true(other.region == worker.region);
    send_frame(sender);
    send_frame(sender);
    read_frame(&worker, 1);
    read_frame(&other, 2);

    /* A release that names the old region is none. */
    uint64_t unknown = counts_of(sender).unknown;
    answer_inside(&worker);
    release(&worker, first);
    settle_inside(&worker);
    assert_int_equal(counts_of(sender).unknown, unknown + 1);
    answer_inside(&other);
    release(&other, other.region);
    settle_inside(&other);
    renew(sender);
    assert_false(has_packet(&worker) || has_packet(&other));
    release(&worker, worker.region);
    settle_inside(&worker);
    renew(sender);
    assert_true(has_packet(&worker) && has_packet(&other));
    leave(&worker);
    leave(&other);
    fw_sender_close(&sender);
}

static void the_last_frame_waits_for_late_observers_in_fresh_memory_too(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS));
    guest worker;
    enter(&worker, sender, 1);
    for (uint64_t seq = 0; seq < 3; seq++) {
        send_frame(sender);
        read_frame(&worker, seq);
        answer_inside(&worker);
        release(&worker, worker.region);
        settle_inside(&worker);
    }
    uint64_t before = worker.region;
    renew(sender);
    take_memory(&worker);
    assert_true(worker.region != before);
    peer late = join(sender, FW_ROLE_OBSERVER, 2, 1);
    hear_frame(&late, 2);
    close_peer(&late);
    leave(&worker);
    fw_sender_close(&sender);
}

static void one_that_does_not_read_is_given_no_more_memory(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS));
    const fw_output *output = sender->outputs[0];
    guest worker;
    enter(&worker, sender, 1);
    settle_inside(&worker);
    pthread_mutex_lock(&sender->lock);
    assert_true(output->kind->keeps_up(output));
    pthread_mutex_unlock(&sender->lock);
    renew(sender);
    pthread_mutex_lock(&sender->lock);
    assert_false(output->kind->keeps_up(output));
    pthread_mutex_unlock(&sender->lock);
    take_memory(&worker);
    pthread_mutex_lock(&sender->lock);
    assert_true(output->kind->keeps_up(output));
    pthread_mutex_unlock(&sender->lock);
    leave(&worker);
    fw_sender_close(&sender);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_are_given_fresh_memory_before_frames_in_it),
        cmocka_unit_test(the_last_frame_waits_for_late_observers_in_fresh_memory_too),
        cmocka_unit_test(one_that_does_not_read_is_given_no_more_memory),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
