/* What a worker says to a leased sender over ZeroMQ, and hears. */
#include "hub.h"

static void hub_welcomes(hub *self, uint64_t instance, uint64_t run) {
    const fw_header welcome = { .kind = FW_KIND_WELCOME, .instance = instance, .sender = run };
    hub_says(self, "", &welcome, NULL, 0);
}

static const uint8_t pixels[4] = { 1, 2, 3, 4 };

static void hub_leases(hub *self, uint64_t seq, bool guarded) {
    fw_header frame = { .kind = FW_KIND_FRAME, .epoch = 9, .seq = seq, .attempt = 1, .guarded = guarded };
    frame.format = (fw_format){ .dtype = FW_U8, .ndim = 1, .shape = { 4 }, .size = 4 };
    hub_says(self, "s", &frame, pixels, sizeof pixels);
}

static void hub_word(hub *self, fw_kind kind, uint64_t seq) {
    const fw_header header = { .kind = kind, .epoch = 9, .seq = seq };
    hub_says(self, "s", &header, NULL, 0);
}

static void a_suspect_waits_for_go_and_a_recall_is_answered(void **state) {
    (void)state;
    hub it = open_hub("tcp://127.0.0.1:*");
    fw_receiver *receiver = open_receiver(FW_RECEIVER_OPTIONS(.url = it.url, .credit = 3));
    fw_header hello = hub_hears(&it, FW_KIND_HELLO);
    assert_int_equal(hello.held_count, 0);
    hub_welcomes(&it, hello.instance, 1);
    assert_int_equal(hub_hears(&it, FW_KIND_CREDIT).credit, 3);

    hub_leases(&it, 0, true);
    fw_frame *frame;
    assert_int_equal(fw_receiver_receive(receiver, 200 * FW_MS, &frame), FW_TIMEOUT);
    assert_int_equal(hub_hears(&it, FW_KIND_START).seq, 0);
    hub_word(&it, FW_KIND_GO, 0);
    assert_ok(fw_receiver_receive(receiver, PATIENCE, &frame));
    hub_word(&it, FW_KIND_RECALL, 0); /* it runs: void */
    hub_leases(&it, 1, false);
    hub_word(&it, FW_KIND_RECALL, 1); /* answered by the thread */
    assert_int_equal(hub_hears(&it, FW_KIND_RETURN).seq, 1);
    assert_ok(fw_receiver_reply(receiver, &frame, NULL));
    assert_int_equal(hub_hears(&it, FW_KIND_RESULT).seq, 0);

    /* `who`: it says again who it is, and what it has. */
    hub_leases(&it, 2, false);
    hub_leases(&it, 3, false);
    assert_ok(fw_receiver_receive(receiver, PATIENCE, &frame));
    assert_int_equal(hub_hears(&it, FW_KIND_START).seq, 2);
    const fw_header who = { .kind = FW_KIND_WHO };
    hub_says(&it, "", &who, NULL, 0);
    fw_header again = hub_hears(&it, FW_KIND_HELLO);
    assert_true(again.instance == hello.instance);
    assert_int_equal(again.held_count, 2);
    fw_held_frame held;
    assert_true(fw_held_next(&again.held, &held));
    assert_true(held.seq == 2 && held.started);
    assert_true(fw_held_next(&again.held, &held));
    assert_true(held.seq == 3 && !held.started);
    /* What is answered meanwhile waits for the welcome. */
    assert_ok(fw_receiver_reply(receiver, &frame, NULL));
    hub_welcomes(&it, hello.instance, 1);
    assert_int_equal(hub_hears(&it, FW_KIND_RESULT).seq, 2);
    assert_int_equal(hub_hears(&it, FW_KIND_CREDIT).credit, 3);

    /* Another run of the hub: what it has is nobody's. */
    assert_ok(fw_receiver_receive(receiver, PATIENCE, &frame));
    hub_says(&it, "", &who, NULL, 0);
    (void)hub_hears(&it, FW_KIND_HELLO);
    hub_welcomes(&it, hello.instance, 2);
    (void)hub_hears(&it, FW_KIND_CREDIT);
    assert_fails(fw_receiver_reply(receiver, &frame, NULL), FW_CLOSED, "over");

    const fw_header end = { .kind = FW_KIND_END, .epoch = 9, .captured = 4 };
    hub_says(&it, "s", &end, NULL, 0);
    (void)hub_hears(&it, FW_KIND_BYE);
    assert_fails(fw_receiver_receive(receiver, PATIENCE, &frame), FW_CLOSED, "ended");
    fw_receiver_close(&receiver);
    close_hub(&it);
}

static void a_hub_that_comes_back_is_told_what_is_held(void **state) {
    (void)state;
    hub it = open_hub("tcp://127.0.0.1:*");
    fw_receiver *receiver = open_receiver(FW_RECEIVER_OPTIONS(.url = it.url));
    fw_header hello = hub_hears(&it, FW_KIND_HELLO);
    hub_welcomes(&it, hello.instance, 1);
    (void)hub_hears(&it, FW_KIND_CREDIT);
    hub_leases(&it, 0, false);
    fw_frame *frame;
    assert_ok(fw_receiver_receive(receiver, PATIENCE, &frame));
    char url[128];
    strcpy(url, it.url);
    close_hub(&it);
    usleep(50000); /* the answer finds nobody there */
    assert_ok(fw_receiver_reply(receiver, &frame, NULL));
    it = open_hub(url);
    hello = hub_hears(&it, FW_KIND_HELLO);
    assert_int_equal(hello.held_count, 1);
    hub_welcomes(&it, hello.instance, 1);
    assert_int_equal(hub_hears(&it, FW_KIND_RESULT).seq, 0);
    fw_receiver_close(&receiver);
    close_hub(&it);
}

static void messages_that_break_the_format_are_told_and_skipped(void **state) {
    (void)state;
    hub it = open_hub("tcp://127.0.0.1:*");
    fw_receiver *receiver = open_receiver(FW_RECEIVER_OPTIONS(.url = it.url));
    fw_header hello = hub_hears(&it, FW_KIND_HELLO);
    hub_welcomes(&it, hello.instance, 1);
    (void)hub_hears(&it, FW_KIND_CREDIT);
    zmq_send(it.socket, it.peer, it.peer_size, ZMQ_SNDMORE);
    zmq_send(it.socket, "s", 1, ZMQ_SNDMORE);
    zmq_send(it.socket, "\xc1", 1, 0);
    fw_header outside = { .kind = FW_KIND_FRAME, .epoch = 9, .seq = 4 };
    outside.format = (fw_format){ .dtype = FW_U8, .ndim = 1, .shape = { 4 }, .size = 4 };
    outside.place = (fw_place){ .said = true, .region = 1, .slot = 1, .gen = 1, .offset = 0, .length = 4 };
    hub_says(&it, "s", &outside, NULL, 0); /* memory that it never gave */
    hub_leases(&it, 5, false);
    fw_frame *frame, *good = NULL;
    bool told = false;
    while (good == NULL || !told) {
        fw_status status = fw_receiver_receive(receiver, PATIENCE, &frame);
        if (status == FW_BAD_MESSAGE && strstr(fw_cause(), it.url) != NULL)
            told = true;
        else if (status == FW_OK)
            good = frame;
        else
            assert_ok(status);
    }
    frame = good;
    assert_int_equal(fw_frame_seq(frame), 5);
    assert_memory_equal(fw_frame_data(frame), pixels, sizeof pixels);
    fw_header error = hub_hears(&it, FW_KIND_RESULT);
    assert_int_equal(error.seq, 4);
    assert_int_equal(error.verdict, FW_ERROR);
    fw_receiver_return(receiver, &frame);
    fw_receiver_counts counts;
    fw_receiver_count(receiver, &counts);
    assert_int_equal(counts.bad, 2);
    fw_receiver_close(&receiver);
    close_hub(&it);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_suspect_waits_for_go_and_a_recall_is_answered),
        cmocka_unit_test(a_hub_that_comes_back_is_told_what_is_held),
        cmocka_unit_test(messages_that_break_the_format_are_told_and_skipped),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
