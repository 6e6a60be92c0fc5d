/* What a receiver says at a leased sender's door, and the memory that it is given there. */
#include "hub.h"

#include <poll.h>

#include "base/host.h"
#include "memory/region.h"
#include "net/door.h"

static void wait_for(fw_door *door, fw_door_event_kind kind, fw_door_event *event) {
    struct pollfd ready = { .fd = fw_door_fd(door), .events = POLLIN };
    while (!fw_door_next(door, fw_now(), event))
        if (poll(&ready, 1, 10000) != 1)
            fail_msg("nothing happened at the door, but %d should have", (int)kind);
    assert_int_equal(event->kind, kind);
}

static fw_header door_hears(fw_door *door, fw_kind kind) {
    fw_door_event event;
    fw_header header = { 0 };
    for (fw_reason reason; header.kind != kind;) {
        wait_for(door, FW_DOOR_MESSAGE, &event);
        assert_ok(fw_message_check(event.parts, event.count, &header, &reason));
    }
    return header;
}

/* A region whose first frame is of this value. */
static fw_region give_region(fw_door *door, fw_visitor *visitor, uint8_t value) {
    fw_region region;
    assert_ok(fw_region_open(&region, 1 << 20, FW_PAGES_NORMAL));
    assert_ok(fw_region_take(&region, 0, 4096));
    memset(region.base, value, 4096);
    assert_ok(fw_door_give(door, visitor, region.number, region.fd, region.size));
    return region;
}

static void door_leases(fw_door *door, fw_visitor *visitor, uint64_t seq, uint64_t region) {
    fw_header frame = { .kind = FW_KIND_FRAME, .epoch = 9, .seq = seq, .attempt = 1 };
    frame.format = (fw_format){ .dtype = FW_U8, .ndim = 1, .shape = { 4096 }, .size = 4096 };
    frame.place = (fw_place){ .said = true, .region = region, .slot = 3, .gen = 5 + seq, .length = 4096 };
    uint8_t packed[4096];
    size_t size;
    assert_ok(fw_header_pack(&frame, packed, sizeof packed, &size));
    assert_ok(fw_door_send(door, visitor, (fw_part[]){ { "s", 1 }, { packed, size } }, 2));
}

static void assert_released(fw_door *door, uint64_t region, uint64_t gen) {
    fw_header header = door_hears(door, FW_KIND_RELEASE);
    fw_filling one;
    assert_true(fw_filling_next(&header.slots, &one));
    assert_true(one.region == region && one.slot == 3 && one.gen == gen);
    assert_false(fw_filling_next(&header.slots, &one));
}

/* The next receiver that says hello comes in. */
static fw_visitor *let_in(hub *self, fw_door *door) {
    static const uint8_t token[FW_TOKEN_SIZE] = "a token of 16 by";
    fw_door_event event;
    char host[FW_HOST_MAX + 1];
    fw_boot_id(host, sizeof host);
    const fw_header welcome = { .kind = FW_KIND_WELCOME,
                                .instance = hub_hears(self, FW_KIND_HELLO).instance,
                                .sender = 1,
                                .host = { host, strlen(host) },
                                .door = { fw_door_name(door), strlen(fw_door_name(door)) },
                                .token = token };
    hub_says(self, "", &welcome, NULL, 0);
    wait_for(door, FW_DOOR_KNOCK, &event);
    assert_ok(fw_door_let_in(door, event.visitor));
    return event.visitor;
}

static void a_frame_stays_true_when_its_sender_goes_on_in_fresh_memory(void **state) {
    (void)state;
    const char *path = new_door();
    hub it = open_hub("tcp://127.0.0.1:*");
    fw_door *door;
    fw_frame *old, *new, *lost;
    assert_ok(fw_door_open(&(fw_door_options){ .folder = path }, &door));
    fw_receiver *receiver = open_receiver(FW_RECEIVER_OPTIONS(.url = it.url, .door = path, .credit = 3));
    fw_visitor *visitor = let_in(&it, door);
    fw_region first = give_region(door, visitor, 7);
    assert_int_equal(door_hears(door, FW_KIND_CREDIT).credit, 3);
    door_leases(door, visitor, 0, first.number);
    assert_ok(fw_receiver_receive(receiver, PATIENCE, &old));

    fw_region second = give_region(door, visitor, 8);
    uint64_t first_number = first.number;
    fw_region_close(&first);
    door_leases(door, visitor, 1, second.number);
    assert_ok(fw_receiver_receive(receiver, PATIENCE, &new));
    for (size_t i = 0; i < 4096; i++)
        assert_true(((uint8_t *)fw_frame_data(old))[i] == 7 && ((uint8_t *)fw_frame_data(new))[i] == 8);
    fw_receiver_return(receiver, &old);
    assert_released(door, first_number, 5);
    fw_receiver_return(receiver, &new);
    assert_released(door, second.number, 6);

    /* That memory is gone. */
    door_leases(door, visitor, 2, first_number);
    assert_int_equal(fw_receiver_receive(receiver, 200 * FW_MS, &lost), FW_TIMEOUT);
    fw_header answer = door_hears(door, FW_KIND_RESULT);
    assert_int_equal(answer.verdict, FW_ERROR);
    assert_released(door, first_number, 7);
    fw_region_close(&second);
    fw_door_close(&door);
    fw_receiver_close(&receiver);
    close_hub(&it);
}

/* The hub is woken once a frame: the answer and what is read no more are in one packet, where they fit. */
static void an_answer_brings_its_slot_along(void **state) {
    (void)state;
    static const size_t sizes[] = { 16, FW_PACKET_MAX };
    const char *path = new_door();
    hub it = open_hub("tcp://127.0.0.1:*");
    fw_door *door;
    fw_frame *frame;
    fw_door_event event;
    uint8_t *bytes = calloc(1, FW_PACKET_MAX);
    assert_ok(fw_door_open(&(fw_door_options){ .folder = path }, &door));
    fw_receiver *receiver = open_receiver(FW_RECEIVER_OPTIONS(.url = it.url, .door = path));
    fw_visitor *visitor = let_in(&it, door);
    fw_region region = give_region(door, visitor, 7);
    (void)door_hears(door, FW_KIND_CREDIT);
    for (unsigned seq = 0; seq < 2; seq++) {
        door_leases(door, visitor, seq, region.number);
        assert_ok(fw_receiver_receive(receiver, PATIENCE, &frame));
        const fw_reply_array array = { "a", { .dtype = FW_U8, .ndim = 1, .shape = { sizes[seq] } }, bytes };
        assert_ok(fw_receiver_reply(receiver, &frame, FW_REPLY(.arrays = &array, .array_count = 1)));
        assert_true(door_hears(door, FW_KIND_RESULT).seq == seq);
        if (sizes[seq] < FW_PACKET_MAX)
            assert_true(fw_door_next(door, fw_now(), &event) && event.kind == FW_DOOR_MESSAGE && event.count == 2);
        else
            assert_released(door, region.number, 5 + seq);
    }
    free(bytes);
    fw_region_close(&region);
    fw_door_close(&door);
    fw_receiver_close(&receiver);
    close_hub(&it);
}

static void the_end_counts_though_the_door_is_shut_right_after_it(void **state) {
    (void)state;
    const char *path = new_door();
    hub it = open_hub("tcp://127.0.0.1:*");
    fw_door *door;
    fw_frame *none;
    assert_ok(fw_door_open(&(fw_door_options){ .folder = path }, &door));
    fw_receiver *receiver = open_receiver(FW_RECEIVER_OPTIONS(.url = it.url, .door = path));
    fw_visitor *visitor = let_in(&it, door);
    fw_region region = give_region(door, visitor, 7);
    (void)door_hears(door, FW_KIND_CREDIT);
    const fw_header end = { .kind = FW_KIND_END, .epoch = 9 };
    uint8_t packed[256];
    size_t size;
    assert_ok(fw_header_pack(&end, packed, sizeof packed, &size));
    assert_ok(fw_door_send(door, visitor, (fw_part[]){ { "s", 1 }, { packed, size } }, 2));
    fw_door_close(&door);
    assert_fails(fw_receiver_receive(receiver, PATIENCE, &none), FW_CLOSED, "ended");
    fw_region_close(&region);
    fw_receiver_close(&receiver);
    close_hub(&it);
}

/* All that an observer says until it leaves: the fillings that it releases, in order. */
static unsigned hear_releases(fw_door *door, uint64_t *gens, unsigned most) {
    unsigned count = 0;
    for (fw_door_event event;;) {
        wait_for(door, FW_DOOR_MESSAGE, &event);
        fw_header header;
        fw_reason reason;
        fw_filling one;
        assert_ok(fw_message_check(event.parts, event.count, &header, &reason));
        if (header.kind == FW_KIND_BYE)
            return count;
        assert_true(header.kind == FW_KIND_RELEASE || header.kind == FW_KIND_CREDIT);
        while (header.kind == FW_KIND_RELEASE && fw_filling_next(&header.slots, &one)) {
            assert_in_range(count, 0, most - 1);
            gens[count++] = one.gen;
        }
    }
}

static void an_observer_releases_each_frame_once_and_answers_none(void **state) {
    (void)state;
    const char *path = new_door();
    hub it = open_hub("tcp://127.0.0.1:*");
    fw_door *door;
    assert_ok(fw_door_open(&(fw_door_options){ .folder = path }, &door));
    fw_receiver *receiver =
        open_receiver(FW_RECEIVER_OPTIONS(.url = it.url, .door = path, .role = FW_OBSERVER, .queue = 2));
    fw_visitor *visitor = let_in(&it, door);
    fw_region region = give_region(door, visitor, 7);
    assert_int_equal(door_hears(door, FW_KIND_CREDIT).credit, 2);
    door_leases(door, visitor, 0, region.number); /* gives way to the third */
    door_leases(door, visitor, 1, region.number);
    door_leases(door, visitor, 2, region.number);
    door_leases(door, visitor, 3, region.number + 1); /* cannot be read */
    fw_receiver_counts counts;
    do
        fw_receiver_count(receiver, &counts);
    while (counts.bad == 0 && usleep(1000) == 0);
    assert_int_equal(counts.dropped, 1);
    fw_frame *frame;
    assert_ok(fw_receiver_receive(receiver, PATIENCE, &frame));
    assert_int_equal(fw_frame_seq(frame), 1);
    assert_string_equal(fw_frame_transport(frame), "shm");
    fw_frame_free(&frame);
    fw_receiver_close(&receiver); /* nobody took frame 2 */
    uint64_t gens[8];
    assert_int_equal(hear_releases(door, gens, 8), 4);
    assert_true(gens[0] == 5 && gens[1] == 8 && gens[2] == 6 && gens[3] == 7);
    fw_region_close(&region);
    fw_door_close(&door);
    close_hub(&it);
}

static void who_says_hello_again_has_left_the_door_and_says_what_it_reads(void **state) {
    (void)state;
    const char *path = new_door();
    hub it = open_hub("tcp://127.0.0.1:*");
    fw_door *door;
    fw_door_event event;
    fw_filling one;
    assert_ok(fw_door_open(&(fw_door_options){ .folder = path }, &door));
    fw_receiver *receiver = open_receiver(FW_RECEIVER_OPTIONS(.url = it.url, .door = path, .role = FW_OBSERVER));
    fw_visitor *visitor = let_in(&it, door);
    fw_region region = give_region(door, visitor, 7);
    fw_frame *frame;
    door_leases(door, visitor, 0, region.number);
    door_leases(door, visitor, 1, region.number);
    do
        assert_ok(fw_receiver_receive(receiver, PATIENCE, &frame));
    while (fw_frame_seq(frame) == 0 && (fw_frame_free(&frame), true));
    hub_says(&it, "", &(fw_header){ .kind = FW_KIND_WHO }, NULL, 0);
    fw_header hello = hub_hears(&it, FW_KIND_HELLO);
    assert_int_equal(hello.held_count, 0);
    assert_int_equal(hello.slot_count, 1);
    assert_true(fw_filling_next(&hello.slots, &one) && one.region == region.number && one.gen == 6);
    do /* what was sent to it is void by now */
        while (!fw_door_next(door, fw_now(), &event))
            usleep(1000);
    while (event.kind == FW_DOOR_MESSAGE);
    assert_int_equal(event.kind, FW_DOOR_LEFT);
    fw_frame_free(&frame);
    fw_region_close(&region);
    fw_door_close(&door);
    fw_receiver_close(&receiver);
    close_hub(&it);
}

/* An observer with a queue keeps frames of a sender whose memory is little, and frees them in any order. */

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_stays_true_when_its_sender_goes_on_in_fresh_memory),
        cmocka_unit_test(an_answer_brings_its_slot_along),
        cmocka_unit_test(the_end_counts_though_the_door_is_shut_right_after_it),
        cmocka_unit_test(an_observer_releases_each_frame_once_and_answers_none),
        cmocka_unit_test(who_says_hello_again_has_left_the_door_and_says_what_it_reads),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
