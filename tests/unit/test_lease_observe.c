#include "check.h"

#include <pthread.h>
#include <stdlib.h>

#include "folder.h"
#include "guest.h"

#define SLOT ((size_t)64 << 10) /* what a frame of send_frame() takes */

/* A frame that a worker over ZeroMQ answers. */
static void send_answered(fw_sender *sender, peer *worker, uint64_t seq) {
    send_frame(sender);
    hear_frame(worker, seq);
    answer(worker, seq);
    wait_done(sender, seq + 1);
}

static void assert_whole(const guest *self) {
    const fw_place *place = &self->frame.place;
    const uint8_t *bytes = fw_view_at(&self->view, place->offset, place->length);
    for (uint64_t i = 0; i < place->length; i++)
        if (bytes[i] != self->frame.seq)
            fail_msg("frame %d was written over at byte %d", (int)self->frame.seq, (int)i);
}

static void say_hello_of(guest *self, const fw_header *more) {
    fw_header hello = *more;
    hello.kind = FW_KIND_HELLO;
    hello.role = FW_ROLE_OBSERVER;
    hello.instance = self->peer.instance;
    say(&self->peer, &hello, "", NULL);
    hear(&self->peer, FW_KIND_WELCOME);
}

/* An observer whose hello says more. */
static void enter_as(guest *self, fw_sender *sender, uint64_t instance, const fw_header *more) {
    *self = (guest){ .peer = new_peer(sender, instance) };
    say_hello_of(self, more);
    knock(self);
}

static void what_an_observer_reads_is_not_written_until_it_says_so(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS, .memory = 8 * SLOT));
    peer worker = join(sender, FW_ROLE_WORKER, 1, 2);
    guest observer;
    enter(&observer, sender, FW_ROLE_OBSERVER, 2);
    credit_inside(&observer, 1);
    settle_inside(&observer);
    send_answered(sender, &worker, 0);
    read_frame(&observer, 0);
    for (uint64_t seq = 1; seq < 30; seq++) {
        send_answered(sender, &worker, seq);
        assert_whole(&observer);
    }
    assert_int_equal(counts_of(sender).memory_used, 2 * SLOT); /* and the latest, for observers that come late */
    say_inside(&observer, &(fw_header){ .kind = FW_KIND_BYE }, "", NULL);
    hear_inside(&observer, FW_KIND_BYE);
    assert_int_equal(counts_of(sender).memory_used, 2 * SLOT);
    release(&observer, observer.region);
    fw_time until = fw_after(fw_now(), 10 * FW_SECOND);
    while (counts_of(sender).memory_used > SLOT && fw_now() < until)
        usleep(1000);
    assert_int_equal(counts_of(sender).memory_used, SLOT);
    assert_int_equal(counts_of(sender).unknown, 0);
    leave(&observer);
    close_peer(&worker);
    fw_sender_close(&sender);
}

static void what_waits_for_an_observer_outlives_its_result(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS, .memory = 8 * SLOT));
    peer worker = join(sender, FW_ROLE_WORKER, 1, 2);
    guest observer;
    enter_as(&observer, sender, 2, &(fw_header){ .queue = 2 });
    settle_inside(&observer);
    for (uint64_t seq = 0; seq < 20; seq++)
        send_answered(sender, &worker, seq);
    credit_inside(&observer, 1);
    read_frame(&observer, 18);
    assert_int_equal(observer.got.lost, 18);
    assert_whole(&observer);
    leave(&observer);
    close_peer(&worker);
    fw_sender_close(&sender);
}

static void observers_that_keep_frames_cost_a_quarter_of_the_memory_and_no_work(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS, .memory = 8 * SLOT));
    guest worker, observer;
    enter_worker(&worker, sender, 1);
    enter(&observer, sender, FW_ROLE_OBSERVER, 2);
    credit_inside(&observer, 64);
    settle_inside(&observer);
    fw_header kept[2];
    for (uint64_t seq = 0; seq < 20; seq++) {
        send_frame(sender);
        read_frame(&worker, seq);
        answer_inside(&worker);
        release(&worker, worker.region);
        settle_inside(&worker);
        if (seq < 2) {
            read_frame(&observer, seq);
            kept[seq] = observer.frame;
        }
    }
    assert_false(has_packet(&observer));
    for (int i = 0; i < 2; i++) {
        observer.frame = kept[i];
        assert_whole(&observer);
        release(&observer, observer.region);
    }
    settle_inside(&observer);
    send_frame(sender);
    read_frame(&observer, 20);
    assert_int_equal(observer.got.lost, 18);
    leave(&observer);
    leave(&worker);
    fw_sender_close(&sender);
}

static void a_hello_says_what_an_observer_still_reads(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS, .memory = 16 * SLOT));
    peer worker = join(sender, FW_ROLE_WORKER, 1, 2);
    guest observer;
    enter(&observer, sender, FW_ROLE_OBSERVER, 2);
    credit_inside(&observer, 2);
    settle_inside(&observer);
    for (uint64_t seq = 0; seq < 2; seq++) {
        send_answered(sender, &worker, seq);
        read_frame(&observer, seq);
    }
    send_answered(sender, &worker, 2);
    assert_int_equal(counts_of(sender).memory_used, 3 * SLOT);
    fw_visit_close(&observer.visit);
    settle(&worker);
    assert_int_equal(counts_of(sender).memory_used, 3 * SLOT); /* who hung up may read on */

    const fw_filling second = { observer.region, observer.frame.place.gen, observer.frame.place.slot };
    uint8_t slots[64];
    size_t size;
    assert_ok(fw_filling_pack(&second, slots, sizeof slots, &size));
    say_hello_of(&observer, &(fw_header){ .slots = { (const char *)slots, size }, .slot_count = 1 });
    knock(&observer);
    settle_inside(&observer);
    assert_int_equal(counts_of(sender).memory_used, 2 * SLOT);
    assert_whole(&observer);
    leave(&observer);
    close_peer(&worker);
    fw_sender_close(&sender);
}

/* A result whose value is 200 KiB: too large for a packet of the door. */
static void answer_at_length(guest *worker) {
    const fw_header header = { .kind = FW_KIND_RESULT,
                               .epoch = worker->frame.epoch,
                               .seq = worker->frame.seq,
                               .instance = worker->peer.instance,
                               .verdict = FW_DONE };
    uint8_t packed[4096], value[5 + 200 * 1024] = { 0xc6, 0, 3, 0x20, 0 };
    size_t size;
    memset(value + 5, 7, sizeof value - 5);
    assert_ok(fw_header_pack(&header, packed, sizeof packed, &size));
    assert_ok(
        fw_visit_send(worker->visit, (fw_part[]){ { "frames", 6 }, { packed, size }, { value, sizeof value } }, 3));
}

static void assert_at_length(const fw_part *value) {
    assert_int_equal(value->size, 5 + 200 * 1024);
    assert_int_equal(((const uint8_t *)value->data)[5 + 200 * 1024 - 1], 7);
}

static void results_go_to_observers_by_either_way(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS));
    guest worker, observer;
    peer afar = new_peer(sender, 3);
    const fw_header hello = { .kind = FW_KIND_HELLO, .role = FW_ROLE_OBSERVER, .instance = 3, .results = true };
    say(&afar, &hello, "", NULL);
    hear(&afar, FW_KIND_WELCOME);
    enter_as(&observer, sender, 2, &(fw_header){ .results = true });
    settle_inside(&observer);
    enter_worker(&worker, sender, 1);
    send_frame(sender);
    read_frame(&worker, 0);
    answer_at_length(&worker);
    hear_inside(&observer, FW_KIND_RESULT);
    assert_int_equal(observer.got.format.shape[0], 120);
    assert_at_length(&observer.packet.parts[2]);
    hear(&afar, FW_KIND_RESULT);
    assert_at_length(&afar.parts[2]);
    close_peer(&afar);
    leave(&observer);
    leave(&worker);
    fw_sender_close(&sender);
}

static void what_only_workers_say_is_ignored_from_an_observer(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS));
    peer worker = join(sender, FW_ROLE_WORKER, 1, 2);
    guest observer;
    enter(&observer, sender, FW_ROLE_OBSERVER, 2);
    credit_inside(&observer, 1);
    settle_inside(&observer);
    send_answered(sender, &worker, 0);
    read_frame(&observer, 0);
    const fw_kind words[] = { FW_KIND_START, FW_KIND_PROGRESS, FW_KIND_RETURN };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        say_inside(&observer, &(fw_header){ .kind = words[i], .epoch = observer.frame.epoch }, "frames", NULL);
    answer_inside(&observer);
    settle_inside(&observer);
    assert_int_equal(counts_of(sender).unknown, 4);
    assert_int_equal(counts_of(sender).duplicates, 0);
    leave(&observer);
    close_peer(&worker);
    fw_sender_close(&sender);
}

static void results_that_an_observer_does_not_read_cost_little_memory(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS));
    guest worker, observer;
    enter_as(&observer, sender, 2, &(fw_header){ .results = true });
    settle_inside(&observer);
    enter_worker(&worker, sender, 1);
    for (uint64_t seq = 0; seq < 120; seq++) { /* 24 MB */
        send_frame(sender);
        read_frame(&worker, seq);
        answer_at_length(&worker);
        release(&worker, worker.region);
        settle_inside(&worker);
    }
    uint64_t came = 0;
    for (; has_packet(&observer); came++) {
        hear_inside(&observer, FW_KIND_RESULT);
        assert_int_equal(observer.got.seq, came);
        assert_at_length(&observer.packet.parts[2]);
    }
    assert_in_range(came, 70, 90);
    send_frame(sender);
    read_frame(&worker, 120);
    answer_at_length(&worker);
    hear_inside(&observer, FW_KIND_RESULT);
    assert_int_equal(observer.got.lost, 120 - came);
    leave(&observer);
    leave(&worker);
    fw_sender_close(&sender);
}

#define MANY 200

/* Frames that say so much of themselves that the door of an observer that does not read is full. */
static guest fill_door(fw_sender *sender, peer *worker) {
    guest observer;
    char item[4000];
    memset(item, 'x', sizeof item - 1);
    item[sizeof item - 1] = '\0';
    enter_as(&observer, sender, 2, &(fw_header){ .queue = 4, .results = true });
    credit_inside(&observer, 64);
    settle_inside(&observer);
    for (uint64_t seq = 0; seq < MANY; seq++) {
        fw_frame *frame = NULL;
        assert_ok(fw_sender_loan(sender, &(fw_format){ .width = 160, .height = 120, .pixels = FW_RGB8 }, &frame));
        memset(fw_frame_data(frame), (int)seq, fw_frame_size(frame));
        assert_ok(fw_frame_set_item(frame, item));
        assert_ok(fw_sender_send(sender, &frame));
        hear_frame(worker, seq);
        answer(worker, seq);
        wait_done(sender, seq + 1);
    }
    return observer;
}

/* Frames up to this one, or (MANY) to the end; results between them. Those that came and those that were lost are all. */
static void read_up_to(guest *observer, uint64_t seq) {
    fw_reason reason;
    uint64_t frames = 0, results = 0, results_lost = 0, next = 0;
    for (bool over = false; !over;) {
        hear_packet(observer, FW_PACKET_MESSAGE);
        assert_ok(fw_message_check(observer->packet.parts, observer->packet.count, &observer->got, &reason));
        const fw_header *got = &observer->got;
        over = got->kind == FW_KIND_END || (got->kind == FW_KIND_FRAME && got->seq == seq);
        if (got->kind == FW_KIND_RESULT) {
            results++;
            results_lost = got->lost;
        } else if (got->kind == FW_KIND_FRAME) {
            observer->frame = *got;
            assert_true(got->seq >= next);
            next = got->seq + 1;
            frames++;
            assert_whole(observer);
        }
    }
    assert_in_range(frames, 4, 60);
    assert_true(results > 4 && results + results_lost <= MANY);
    assert_int_equal(observer->got.kind, seq == MANY ? FW_KIND_END : FW_KIND_FRAME);
    assert_int_equal(frames + observer->got.lost, MANY);
}

static void an_observer_whose_door_is_full_misses_frames_and_is_told(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS, .memory = 1024 * SLOT));
    peer worker = join(sender, FW_ROLE_WORKER, 1, 2);
    guest observer = fill_door(sender, &worker);
    read_up_to(&observer, MANY - 1);
    leave(&observer);
    close_peer(&worker);
    fw_sender_close(&sender);
}

static void *finish(void *arg) {
    return (void *)(uintptr_t)fw_sender_finish(arg);
}

static void the_end_waits_until_a_full_door_has_room(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = 60 * FW_SECOND, .memory = 1024 * SLOT));
    peer worker = join(sender, FW_ROLE_WORKER, 1, 2);
    guest observer = fill_door(sender, &worker);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, finish, sender), 0);
    hear(&worker, FW_KIND_END);
    say(&worker, &(fw_header){ .kind = FW_KIND_BYE }, "", NULL);
    hear(&worker, FW_KIND_BYE);
    read_up_to(&observer, MANY);
    say_inside(&observer, &(fw_header){ .kind = FW_KIND_BYE }, "", NULL);
    hear_inside(&observer, FW_KIND_BYE);
    void *status;
    pthread_join(thread, &status);
    assert_int_equal((uintptr_t)status, FW_OK);
    leave(&observer);
    close_peer(&worker);
    fw_sender_close(&sender);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_observer_reads_is_not_written_until_it_says_so),
        cmocka_unit_test(what_waits_for_an_observer_outlives_its_result),
        cmocka_unit_test(observers_that_keep_frames_cost_a_quarter_of_the_memory_and_no_work),
        cmocka_unit_test(a_hello_says_what_an_observer_still_reads),
        cmocka_unit_test(results_go_to_observers_by_either_way),
        cmocka_unit_test(what_only_workers_say_is_ignored_from_an_observer),
        cmocka_unit_test(results_that_an_observer_does_not_read_cost_little_memory),
        cmocka_unit_test(an_observer_whose_door_is_full_misses_frames_and_is_told),
        cmocka_unit_test(the_end_waits_until_a_full_door_has_room),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
