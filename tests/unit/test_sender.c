#include "taker.h"

#include <pthread.h>

#include "delivery/sender.h"

static void send_frame(fw_sender *sender, uint8_t value) {
    fw_frame *frame = NULL;
    assert_ok(fw_sender_loan(sender, &(fw_format){ .width = 160, .height = 120, .pixels = FW_RGB8 }, &frame));
    memset(fw_frame_data(frame), value, fw_frame_size(frame));
    assert_ok(fw_sender_send(sender, &frame));
    assert_null(frame);
}

static fw_sender *open_sender(const fw_sender_options *options) {
    fw_sender *sender = NULL;
    assert_ok(fw_sender_open(options, &sender));
    return sender;
}

static void assert_account(fw_sender *sender, uint64_t captured, uint64_t sent, uint64_t dropped) {
    fw_counts counts;
    fw_sender_counts(sender, &counts);
    assert_int_equal(counts.captured, captured);
    assert_int_equal(counts.sent, sent);
    assert_int_equal(counts.dropped, dropped);
    assert_int_equal(counts.captured, counts.sent + counts.dropped + counts.in_flight);
}

static void frames_arrive_in_order_then_the_end(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.url = "push+tcp://127.0.0.1:*", .memory = 1 << 20));
    receiver worker = connect_receiver(ZMQ_PULL, fw_sender_url(sender, 0));
    uint64_t seq;
    for (uint8_t i = 0; i < 100; i++) {
        send_frame(sender, i);
        if (i >= 3) {
            assert_int_equal(receive(&worker, &seq), FW_KIND_FRAME);
            assert_int_equal(seq, i - 3);
        }
    }
    for (uint8_t i = 97; i < 100; i++)
        assert_int_equal(receive(&worker, &seq), FW_KIND_FRAME);
    assert_ok(fw_sender_finish(sender));
    assert_int_equal(receive(&worker, &seq), FW_KIND_END);
    assert_int_equal(seq, 100);
    assert_account(sender, 100, 100, 0);
    fw_sender_close(&sender);
    close_receiver(&worker);
}

static void every_peer_is_told_the_end(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.url = "push+tcp://127.0.0.1:*", .wait_workers = 3));
    receiver workers[3];
    for (int i = 0; i < 3; i++)
        workers[i] = connect_receiver(ZMQ_PULL, fw_sender_url(sender, 0));
    for (uint8_t i = 0; i < 12; i++)
        send_frame(sender, i);
    assert_ok(fw_sender_finish(sender));
    fw_sender_close(&sender);
    unsigned frames = 0;
    for (int i = 0; i < 3; i++) {
        uint64_t seq;
        while (receive(&workers[i], &seq) == FW_KIND_FRAME)
            frames++;
        close_receiver(&workers[i]);
    }
    assert_int_equal(frames, 12);
}

static void a_full_queue_drops_the_newest_or_the_oldest(void **state) {
    (void)state;
    const fw_when_full kinds[] = { FW_DROP_NEWEST, FW_DROP_OLDEST };
    for (int kind = 0; kind < 2; kind++) {
        fw_sender *sender =
            open_sender(FW_SENDER_OPTIONS(.url = "push+tcp://127.0.0.1:*", .when_full = kinds[kind], .queue = 3));
        for (uint8_t i = 0; i < 10; i++)
            send_frame(sender, i);
        assert_account(sender, 10, 0, 7);
        receiver worker = connect_receiver(ZMQ_PULL, fw_sender_url(sender, 0));
        for (uint64_t i = 0; i < 3; i++) {
            uint64_t seq;
            assert_int_equal(receive(&worker, &seq), FW_KIND_FRAME);
            assert_int_equal(seq, kinds[kind] == FW_DROP_NEWEST ? i : i + 7);
        }
        assert_ok(fw_sender_finish(sender));
        assert_account(sender, 10, 3, 7);
        fw_sender_close(&sender);
        close_receiver(&worker);
    }
}

static void used_up_memory_drops_or_is_too_small(void **state) {
    (void)state;
    fw_sender *sender = open_sender(
        FW_SENDER_OPTIONS(.url = "push+tcp://127.0.0.1:*", .memory = 128 << 10, .when_full = FW_DROP_NEWEST));
    fw_frame *frames[2] = { NULL }, *none = NULL;
    const fw_format format = { .width = 160, .height = 120, .pixels = FW_RGB8 };
    assert_ok(fw_sender_loan(sender, &format, &frames[0]));
    assert_ok(fw_sender_loan(sender, &format, &frames[1]));
    assert_int_equal(fw_sender_loan(sender, &format, &none), FW_FULL);
    assert_null(none);
    assert_account(sender, 1, 0, 1);
    assert_fails(fw_sender_loan(sender, &(fw_format){ .width = 1600, .height = 1200, .pixels = FW_RGB8 }, &none),
                 FW_TOO_LARGE, "");
    fw_sender_discard(sender, &frames[0]);
    fw_sender_discard(sender, &frames[1]);
    fw_sender_close(&sender);
}

static void a_stop_ends_in_time_and_accounts_for_the_rest(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.url = "push+tcp://127.0.0.1:*", .drain = 50 * FW_MS));
    for (uint8_t i = 0; i < 3; i++)
        send_frame(sender, i);
    fw_sender_stop(sender);
    fw_frame *none = NULL;
    assert_int_equal(fw_sender_loan(sender, &(fw_format){ .width = 1, .height = 1, .pixels = FW_MONO8 }, &none),
                     FW_CLOSED);
    assert_fails(fw_sender_finish(sender), FW_TIMEOUT, "3 frames were not taken");
    fw_sender_close(&sender);
}

static void a_receiver_that_takes_nothing_is_left_and_its_frames_are_in_flight(void **state) {
    (void)state;
    fw_sender *sender =
        open_sender(FW_SENDER_OPTIONS(.url = "push+tcp://127.0.0.1:*", .drain = 200 * FW_MS, .memory = 256 << 20));
    receiver worker = connect_receiver(ZMQ_PULL, fw_sender_url(sender, 0));
    wait_for_peers(sender, 1);
    fw_frame *frame = NULL;
    for (int i = 0; i < 3; i++) { /* more than kernel buffers and pipes hold at the other end */
        assert_ok(fw_sender_loan(sender, &(fw_format){ .width = 4096, .height = 4096, .pixels = FW_RGB8 }, &frame));
        assert_ok(fw_sender_send(sender, &frame));
    }
    assert_int_equal(fw_sender_finish(sender), FW_TIMEOUT);
    fw_counts counts;
    fw_sender_counts(sender, &counts);
    assert_true(counts.in_flight >= 1);
    assert_int_equal(counts.captured, counts.sent + counts.in_flight);
    fw_sender_close(&sender);
    close_receiver(&worker);
}

static void nobody_within_the_timeout_breaks_it(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.url = "push+tcp://127.0.0.1:*", .timeout = 50 * FW_MS));
    send_frame(sender, 0);
    assert_fails(fw_sender_finish(sender), FW_NOT_FOUND, "nobody came to push+tcp://127.0.0.1:");
    fw_sender_close(&sender);
}

static void subscribers_share_the_slot_and_are_told_the_end(void **state) {
    (void)state;
    const char *sides[] = { "pub+tcp://127.0.0.1:*", NULL };
    fw_sender *sender =
        open_sender(FW_SENDER_OPTIONS(.url = "push+tcp://127.0.0.1:*", .side_urls = sides, .drain = 300 * FW_MS));
    receiver worker = connect_receiver(ZMQ_PULL, fw_sender_url(sender, 0));
    receiver viewer = connect_receiver(ZMQ_SUB, fw_sender_url(sender, 1));
    fw_side_counts side;
    do {
        usleep(1000);
        assert_int_equal(fw_sender_sides(sender, &side, 1), 1);
    } while (side.peers < 1);
    for (uint8_t i = 0; i < 20; i++) {
        uint64_t seq;
        send_frame(sender, i);
        assert_int_equal(receive(&worker, &seq), FW_KIND_FRAME);
        assert_int_equal(receive(&viewer, &seq), FW_KIND_FRAME);
        assert_int_equal(seq, i);
    }
    assert_ok(fw_sender_finish(sender));
    uint64_t seq;
    assert_int_equal(receive(&worker, &seq), FW_KIND_END);
    assert_int_equal(receive(&viewer, &seq), FW_KIND_END);
    assert_int_equal(fw_sender_sides(sender, &side, 1), 1);
    assert_int_equal(side.sent, 20);
    fw_sender_close(&sender);
    close_receiver(&worker);
    close_receiver(&viewer);
}

static void options_that_do_not_fit_are_refused(void **state) {
    (void)state;
    fw_sender *sender = NULL;
    const char *second[] = { "push+tcp://127.0.0.1:*", NULL };
    const char *leased[] = { "tcp://127.0.0.1:*", NULL };
    assert_fails(fw_sender_open(FW_SENDER_OPTIONS(.url = "push+tcp://127.0.0.1:*", .side_urls = leased), &sender),
                 FW_INVALID, "one working output");
    assert_null(sender);
    assert_fails(fw_sender_open(FW_SENDER_OPTIONS(.url = "push+tcp://127.0.0.1:*", .side_urls = second), &sender),
                 FW_INVALID, "one working output");
    assert_fails(
        fw_sender_open(FW_SENDER_OPTIONS(.url = "pub+tcp://127.0.0.1:*", .collect = "tcp://127.0.0.1:*"), &sender),
        FW_INVALID, "push+");
    assert_fails(fw_sender_open(FW_SENDER_OPTIONS(.url = "push+tcp://127.0.0.1:*", .results = "-"), &sender),
                 FW_INVALID, "--collect");
    assert_fails(fw_sender_open(FW_SENDER_OPTIONS(.url = "tcp://127.0.0.1:*", .collect = "tcp://127.0.0.1:*"), &sender),
                 FW_INVALID, "by themselves");
    assert_fails(fw_sender_open(FW_SENDER_OPTIONS(.url = "push+tcp://127.0.0.1:*", .stream = "a\nb"), &sender),
                 FW_INVALID, "control characters");
    assert_fails(fw_sender_open(FW_SENDER_OPTIONS(.url = "push+tcp://127.0.0.1:*", .allow = "x"), &sender), FW_INVALID,
                 "--keys");
}

enum { DIRECT_THREADS = 3, DIRECT_FRAMES = 200 };

static void *send_frames(void *arg) {
    for (int i = 0; i < DIRECT_FRAMES; i++) {
        fw_frame *frame = NULL;
        if (fw_sender_loan(arg, &(fw_format){ .width = 160, .height = 120, .pixels = FW_RGB8 }, &frame) != FW_OK)
            break;
        fw_sender_send(arg, &frame);
    }
    return NULL;
}

static void start_direct(fw_sender *sender, pthread_t threads[DIRECT_THREADS]) {
    fw_sender_send_directly(sender);
    for (int i = 0; i < DIRECT_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, send_frames, sender), 0);
}

static void wait_for_captured(fw_sender *sender, uint64_t least) {
    fw_counts counts;
    do {
        usleep(1000);
        fw_sender_counts(sender, &counts);
    } while (counts.captured < least);
}

static void threads_that_send_directly_wait_for_the_receiver(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.url = "push+tcp://127.0.0.1:*"));
    pthread_t threads[DIRECT_THREADS];
    start_direct(sender, threads);
    wait_for_captured(sender, DIRECT_THREADS);
    assert_account(sender, DIRECT_THREADS, 0, 0); /* nobody is there: each waits with its first frame */
    receiver worker = connect_receiver(ZMQ_PULL, fw_sender_url(sender, 0));
    for (int i = 0; i < DIRECT_THREADS * DIRECT_FRAMES; i++)
        for (int part = 0; part < 3; part++)
            assert_true(zmq_recv(worker.socket, NULL, 0, 0) >= 0);
    for (int i = 0; i < DIRECT_THREADS; i++)
        pthread_join(threads[i], NULL);
    uint64_t seq;
    assert_ok(fw_sender_finish(sender));
    assert_int_equal(receive(&worker, &seq), FW_KIND_END);
    assert_account(sender, DIRECT_THREADS * DIRECT_FRAMES, DIRECT_THREADS * DIRECT_FRAMES, 0);
    fw_sender_close(&sender);
    close_receiver(&worker);
}

static void a_stop_frees_threads_that_send_directly(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.url = "push+tcp://127.0.0.1:*", .drain = 50 * FW_MS));
    pthread_t threads[DIRECT_THREADS];
    start_direct(sender, threads);
    wait_for_captured(sender, DIRECT_THREADS);
    fw_sender_stop(sender);
    for (int i = 0; i < DIRECT_THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(fw_sender_finish(sender), FW_TIMEOUT);
    fw_counts counts;
    fw_sender_counts(sender, &counts);
    assert_int_equal(counts.in_flight, DIRECT_THREADS);
    fw_sender_close(&sender);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_arrive_in_order_then_the_end),
        cmocka_unit_test(every_peer_is_told_the_end),
        cmocka_unit_test(a_full_queue_drops_the_newest_or_the_oldest),
        cmocka_unit_test(used_up_memory_drops_or_is_too_small),
        cmocka_unit_test(a_stop_ends_in_time_and_accounts_for_the_rest),
        cmocka_unit_test(a_receiver_that_takes_nothing_is_left_and_its_frames_are_in_flight),
        cmocka_unit_test(nobody_within_the_timeout_breaks_it),
        cmocka_unit_test(subscribers_share_the_slot_and_are_told_the_end),
        cmocka_unit_test(options_that_do_not_fit_are_refused),
        cmocka_unit_test(threads_that_send_directly_wait_for_the_receiver),
        cmocka_unit_test(a_stop_frees_threads_that_send_directly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
