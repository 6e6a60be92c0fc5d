#include "check.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <framewire/log.h>
#include <framewire/sender.h>
#include <zmq.h>

#include "base/clock.h"
#include "delivery/sender.h"
#include "folder.h"
#include "net/visit.h"
#include "peer.h"
#include "wire/message.h"

static void a_worker_gets_nothing_before_its_credit_and_no_more_than_it(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS));
    peer worker = new_peer(sender, 7);
    say_hello(&worker, FW_ROLE_WORKER);
    assert_true(worker.got.sender != 0);
    assert_int_equal(worker.got.stream_count, 1);
    assert_int_equal(worker.got.deadline, FW_DEADLINE_DEFAULT);
    for (int i = 0; i < 3; i++)
        send_frame(sender);
    settle(&worker);
    assert_true(hears_nothing(&worker));
    say_credit(&worker, 2);
    hear_frame(&worker, 0);
    hear_frame(&worker, 1);
    settle(&worker);
    assert_true(hears_nothing(&worker));
    worker.got.epoch = fw_sender_epoch(sender);
    answer(&worker, 0);
    hear_frame(&worker, 2);
    assert_int_equal(counts_of(sender).done, 1);
    close_peer(&worker);
    fw_sender_close(&sender);
}

static void a_stranger_is_asked_who_it_is_once_a_second(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS));
    peer stranger = new_peer(sender, 9);
    fw_time began = fw_now();
    for (int i = 0; i < 100; i++)
        say_credit(&stranger, 2);
    hear(&stranger, FW_KIND_WHO);
    settle(&stranger); /* no other who comes before the answer to this */
    assert_int_equal(counts_of(sender).unknown, 100);
    do {
        say_credit(&stranger, 2);
        usleep(1000);
    } while (hears_nothing(&stranger));
    assert_true(fw_now() - began >= FW_SECOND / 2); /* as the hub read its clock */
    hear(&stranger, FW_KIND_WHO);
    say_hello(&stranger, FW_ROLE_WORKER);
    close_peer(&stranger);
    fw_sender_close(&sender);
}

static void a_stranger_may_ask_for_the_counts_and_leave(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS));
    peer stranger = new_peer(sender, 9);
    settle(&stranger);
    say(&stranger, &(fw_header){ .kind = FW_KIND_BYE }, "", NULL);
    hear(&stranger, FW_KIND_BYE);
    assert_int_equal(counts_of(sender).unknown, 0);
    close_peer(&stranger);
    fw_sender_close(&sender);
}

static void a_result_is_accepted_once_and_written_before_it_counts(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS, .results = "results.jsonl"));
    peer worker = join(sender, FW_ROLE_WORKER, 1, 2);
    send_frame(sender);
    hear_frame(&worker, 0);
    say_of_frame(&worker, FW_KIND_START);
    for (int i = 0; i < 3; i++)
        answer(&worker, 0);
    settle(&worker);
    fw_counts counts = counts_of(sender);
    assert_int_equal(counts.done, 1);
    assert_int_equal(counts.duplicates, 2);
    char text[1024] = { 0 };
    FILE *file = fopen("results.jsonl", "r");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    assert_true(size > 0 && strchr(text, '\n') == text + size - 1);
    assert_non_null(strstr(text, "\"status\":\"done\",\"attempts\":1"));
    close_peer(&worker);
    fw_sender_close(&sender);
}

static void a_frame_given_back_goes_to_another_unblamed(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS));
    peer first = join(sender, FW_ROLE_WORKER, 1, 1);
    send_frame(sender);
    hear_frame(&first, 0);
    peer second = join(sender, FW_ROLE_WORKER, 2, 1);
    settle(&second);
    say_credit(&first, 0);
    say_of_frame(&first, FW_KIND_RETURN);
    hear_frame(&second, 0);
    assert_false(second.got.guarded);
    answer(&second, 0);
    settle(&second);
    assert_int_equal(counts_of(sender).done, 1);
    assert_int_equal(counts_of(sender).redelivered, 1);
    close_peer(&first);
    close_peer(&second);
    fw_sender_close(&sender);
}

static void a_frame_that_waits_behind_a_busy_worker_is_recalled_for_an_idle_one(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS));
    peer busy = join(sender, FW_ROLE_WORKER, 1, 2);
    send_frame(sender);
    send_frame(sender);
    hear_frame(&busy, 0);
    say_of_frame(&busy, FW_KIND_START);
    hear_frame(&busy, 1);
    peer idle = join(sender, FW_ROLE_WORKER, 2, 1);
    hear(&busy, FW_KIND_RECALL);
    assert_int_equal(busy.got.seq, 1);
    settle(&idle);
    assert_true(hears_nothing(&idle)); /* only its return frees it */
    busy.got.seq = 1;
    busy.got.epoch = fw_sender_epoch(sender);
    say_of_frame(&busy, FW_KIND_RETURN);
    hear_frame(&idle, 1);
    assert_int_equal(counts_of(sender).redelivered, 0);
    close_peer(&busy);
    close_peer(&idle);
    fw_sender_close(&sender);
}

static void who_says_bye_leaves_its_frames_and_is_answered(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS));
    peer first = join(sender, FW_ROLE_WORKER, 1, 1);
    send_frame(sender);
    hear_frame(&first, 0);
    say_of_frame(&first, FW_KIND_START);
    say(&first, &(fw_header){ .kind = FW_KIND_BYE }, "", NULL);
    hear(&first, FW_KIND_BYE);
    assert_int_equal(counts_of(sender).peers, 0);
    peer second = join(sender, FW_ROLE_WORKER, 2, 1);
    hear_frame(&second, 0);
    assert_false(second.got.guarded);
    close_peer(&first);
    close_peer(&second);
    fw_sender_close(&sender);
}

static void a_frame_that_the_last_worker_left_behind_is_waited_for_until_the_timeout(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.timeout = FW_MS));
    peer worker = join(sender, FW_ROLE_WORKER, 1, 1);
    settle(&worker);
    send_frame(sender);
    hear_frame(&worker, 0);
    assert_int_equal(counts_of(sender).waiting, 0);
    say(&worker, &(fw_header){ .kind = FW_KIND_BYE }, "", NULL);
    hear(&worker, FW_KIND_BYE);
    assert_int_equal(counts_of(sender).waiting, 1);
    assert_int_equal(fw_sender_finish(sender), FW_NOT_FOUND);
    assert_non_null(strstr(fw_cause(), "nobody came to tcp://127.0.0.1:"));
    close_peer(&worker);
    fw_sender_close(&sender);
}

/* The end waits for the frame, then for each bye. */
static void *finish(void *arg) {
    return (void *)(uintptr_t)fw_sender_finish(arg);
}

static void the_end_comes_once_all_is_settled_and_waits_for_the_bye(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = 60 * FW_SECOND));
    peer worker = join(sender, FW_ROLE_WORKER, 1, 1), watcher = join(sender, FW_ROLE_OBSERVER, 2, 1);
    settle(&watcher);
    send_frame(sender);
    hear_frame(&worker, 0);
    hear_frame(&watcher, 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, finish, sender), 0);
    settle(&watcher);
    assert_true(hears_nothing(&watcher));
    answer(&worker, 0);
    peer *both[] = { &worker, &watcher };
    for (int i = 0; i < 2; i++) {
        hear(both[i], FW_KIND_END);
        assert_int_equal(both[i]->got.captured, 1);
        assert_int_equal(both[i]->got.done, 1);
        assert_int_equal(both[i]->got.stream_count, 0);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_tryjoin_np(thread, NULL), EBUSY);
        say(both[i], &(fw_header){ .kind = FW_KIND_BYE }, "", NULL);
    }
    void *status;
    pthread_join(thread, &status);
    assert_int_equal((uintptr_t)status, FW_OK);
    close_peer(&worker);
    close_peer(&watcher);
    fw_sender_close(&sender);
}

static void an_observer_sees_the_latest_and_is_told_what_it_missed(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS));
    peer worker = join(sender, FW_ROLE_WORKER, 1, 16), watcher = join(sender, FW_ROLE_OBSERVER, 2, 1);
    settle(&worker);
    settle(&watcher);
    for (uint64_t seq = 0; seq < 6; seq++) {
        send_frame(sender);
        hear_frame(&worker, seq);
    }
    hear_frame(&watcher, 0);
    settle(&watcher);
    assert_true(hears_nothing(&watcher));
    say_credit(&watcher, 1);
    hear_frame(&watcher, 5);
    assert_int_equal(watcher.got.lost, 4);
    assert_int_equal(counts_of(sender).done, 0); /* who looks on makes nothing done */
    say_credit(&watcher, 1);
    send_frame(sender);
    hear_frame(&watcher, 6);
    assert_int_equal(watcher.got.lost, 4);
    close_peer(&worker);
    close_peer(&watcher);
    fw_sender_close(&sender);
}

static void an_observer_that_comes_late_gets_the_last_frame_at_once(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS));
    peer worker = join(sender, FW_ROLE_WORKER, 1, 16);
    for (uint64_t seq = 0; seq < 3; seq++) {
        send_frame(sender);
        hear_frame(&worker, seq);
        answer(&worker, seq);
    }
    wait_done(sender, 3);
    peer late = join(sender, FW_ROLE_OBSERVER, 2, 1);
    hear_frame(&late, 2);
    close_peer(&worker);
    close_peer(&late);
    fw_sender_close(&sender);
}

static void results_go_to_observers_that_ask(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS));
    peer worker = join(sender, FW_ROLE_WORKER, 1, 1), watcher = new_peer(sender, 2);
    say(&watcher, &(fw_header){ .kind = FW_KIND_HELLO, .role = FW_ROLE_OBSERVER, .instance = 2, .results = true }, "",
        NULL);
    hear(&watcher, FW_KIND_WELCOME);
    send_frame(sender);
    hear_frame(&worker, 0);
    answer_as(&worker, 0, FW_ERROR, "\x2a");
    hear(&watcher, FW_KIND_RESULT);
    assert_int_equal(watcher.got.verdict, FW_ERROR);
    assert_int_equal(watcher.got.error.size, 3);
    assert_int_equal(watcher.got.format.shape[0], 120); /* the hub fills in the frame's */
    assert_int_equal(*(const char *)watcher.parts[2].data, 0x2a);
    assert_int_equal(counts_of(sender).errors, 1);
    close_peer(&worker);
    close_peer(&watcher);
    fw_sender_close(&sender);
}

/* A supervisor says that its worker died; the hub believes no other. */
static void die(peer *supervisor, uint64_t instance) {
    const fw_header died = { .kind = FW_KIND_DIED, .instance = instance, .cause = { "SIGKILL", 7 } };
    say(supervisor, &died, "", NULL);
    settle(supervisor);
}

static peer join_supervised(fw_sender *sender, uint64_t instance, uint64_t supervisor) {
    peer self = new_peer(sender, instance);
    const fw_header hello = {
        .kind = FW_KIND_HELLO, .role = FW_ROLE_WORKER, .instance = instance, .supervisor = supervisor
    };
    say(&self, &hello, "", NULL);
    hear(&self, FW_KIND_WELCOME);
    say_credit(&self, 1);
    return self;
}

static void a_frame_that_kills_its_workers_is_saved_and_reported_dead(void **state) {
    (void)state;
    fw_sender *sender =
        open_sender(FW_SENDER_OPTIONS(.drain = FW_MS, .results = "dead.jsonl", .dead_letter = "letters"));
    peer supervisor = new_peer(sender, 99);
    say_hello(&supervisor, FW_ROLE_SUPERVISOR);
    send_frame(sender);
    for (unsigned i = 0; i < 4; i++) { /* the first without `go`, which proves nothing */
        peer worker = join_supervised(sender, 1 + i, 99);
        hear_frame(&worker, 0);
        assert_int_equal(worker.got.attempt, i + 1);
        assert_int_equal(worker.got.guarded, i > 0);
        say_of_frame(&worker, FW_KIND_START);
        if (i > 0)
            hear(&worker, FW_KIND_GO);
        settle(&worker);
        assert_int_equal(counts_of(sender).dead, 0);
        close_peer(&worker);
        die(&supervisor, 1 + i);
    }
    fw_time until = fw_after(fw_now(), 10 * FW_SECOND);
    while (counts_of(sender).dead == 0 && fw_now() < until)
        usleep(1000);
    assert_int_equal(counts_of(sender).dead, 1);
    char name[128];
    snprintf(name, sizeof name, "letters/frames-%016llx-0.npy", (unsigned long long)fw_sender_epoch(sender));
    assert_int_equal(access(name, R_OK), 0);
    char text[1024] = { 0 };
    FILE *file = fopen("dead.jsonl", "r");
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof text - 1, file) > 0);
    fclose(file);
    assert_non_null(strstr(text, "\"status\":\"dead\",\"attempts\":4"));
    close_peer(&supervisor);
    fw_sender_close(&sender);
}

/* How often it was said that a worker died with a frame in hand. */
static void count_blame(void *arg, fw_log_level level, const char *text) {
    (void)level;
    *(unsigned *)arg += strstr(text, "in hand") != NULL;
}

static void what_a_dead_worker_said_before_counts(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS));
    unsigned blamed = 0;
    fw_log_to(count_blame, &blamed);
    peer supervisor = new_peer(sender, 99);
    say_hello(&supervisor, FW_ROLE_SUPERVISOR);
    for (uint64_t seq = 0; seq < 20; seq++) {
        send_frame(sender);
        peer worker = join_supervised(sender, 1000 + seq, 99);
        hear_frame(&worker, seq);
        const uint64_t epoch = worker.got.epoch;
        say_of_frame(&worker, FW_KIND_START);
        settle(&worker);
        peer idle = join(sender, FW_ROLE_WORKER, 2000 + seq, 1);
        settle(&idle);
        worker.got.epoch = epoch;
        worker.got.seq = seq;
        pthread_mutex_lock(&sender->lock); /* the hub shall find all of it at once */
        for (int i = 0; i < 20; i++)
            say_of_frame(&worker, FW_KIND_PROGRESS);
        answer(&worker, seq);
        say(&supervisor, &(fw_header){ .kind = FW_KIND_DIED, .instance = worker.instance }, "", NULL);
        close_peer(&worker);
        pthread_mutex_unlock(&sender->lock);
        settle(&supervisor);
        wait_done(sender, seq + 1);
        say(&idle, &(fw_header){ .kind = FW_KIND_BYE }, "", NULL);
        hear(&idle, FW_KIND_BYE); /* and not the frame */
        close_peer(&idle);
    }
    assert_int_equal(counts_of(sender).redelivered, 0);
    close_peer(&supervisor);
    fw_sender_close(&sender);
    fw_log_to(NULL, NULL);
    assert_int_equal(blamed, 0);
}

static void count_late(void *arg, fw_log_level level, const char *text) {
    (void)level;
    *(unsigned *)arg += strstr(text, "deadline") != NULL;
}

static void time_in_which_nobody_listens_counts_against_no_worker(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS, .deadline = 5 * FW_SECOND / 4));
    unsigned late = 0;
    fw_log_to(count_late, &late);
    peer worker = join(sender, FW_ROLE_WORKER, 1, 1);
    settle(&worker); /* else the other's credit may be heard first, and it gets the frame */
    peer other = join(sender, FW_ROLE_WORKER, 2, 1);
    settle(&other);
    send_frame(sender);
    hear_frame(&worker, 0);
    const uint64_t epoch = worker.got.epoch;
    say_of_frame(&worker, FW_KIND_START);
    settle(&worker);
    pthread_mutex_lock(&sender->lock);
    usleep(1500000);
    pthread_mutex_unlock(&sender->lock);
    settle(&worker);
    (void)counts_of(sender); /* under the lock: the hub's turn is over, and it has looked at its clock */
    worker.got.epoch = epoch;
    answer(&worker, 0);
    settle(&worker);
    assert_int_equal(counts_of(sender).done, 1);
    assert_true(hears_nothing(&other));
    close_peer(&worker);
    close_peer(&other);
    fw_sender_close(&sender);
    fw_log_to(NULL, NULL);
    assert_int_equal(late, 0);
}

/* All packets, up to the end of the visit. */
static unsigned read_out(fw_visit *visit) {
    unsigned count = 0;
    fw_packet packet;
    for (fw_status status = FW_OK; status != FW_CLOSED; count++) {
        struct pollfd ready = { .fd = fw_visit_fd(visit), .events = POLLIN };
        if (poll(&ready, 1, 10000) != 1)
            fail_msg("nobody hung up, after %u packets", count);
        status = fw_visit_receive(visit, &packet);
        if (status == FW_OK && packet.fd >= 0)
            close(packet.fd);
    }
    return count - 1;
}

static void who_lets_the_door_fill_up_is_hung_up_on_and_may_come_back(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS, .queue = 64));
    peer worker = new_peer(sender, 5);
    say_hello(&worker, FW_ROLE_WORKER);
    assert_true(worker.got.door.size > 0);
    char name[FW_DOOR_MAX + 1];
    snprintf(name, sizeof name, "%.*s", (int)worker.got.door.size, worker.got.door.data);
    fw_visit *visit;
    assert_ok(fw_visit_open("door", name, worker.got.token, &visit));
    struct pollfd ready = { .fd = fw_visit_fd(visit), .events = POLLIN };
    assert_int_equal(poll(&ready, 1, 10000), 1); /* accepted */
    say_credit(&worker, 64);
    char item[4000];
    memset(item, 'x', sizeof item - 1);
    item[sizeof item - 1] = '\0';
    for (int i = 0; i < 64; i++) {
        fw_frame *frame = NULL;
        assert_ok(fw_sender_loan(sender, &(fw_format){ .width = 160, .height = 120, .pixels = FW_RGB8 }, &frame));
        memset(fw_frame_data(frame), i, fw_frame_size(frame));
        assert_ok(fw_frame_set_item(frame, item));
        assert_ok(fw_sender_send(sender, &frame));
    }
    unsigned packets = read_out(visit);
    assert_in_range(packets, 4, 63);
    fw_visit_close(&visit);
    say_hello(&worker, FW_ROLE_WORKER);
    say_credit(&worker, 2);
    hear_frame(&worker, 0);
    close_peer(&worker);
    fw_sender_close(&sender);
}

static void words_that_nobody_may_say_are_counted_and_change_nothing(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.drain = FW_MS));
    peer worker = join(sender, FW_ROLE_WORKER, 1, 1), other = join(sender, FW_ROLE_WORKER, 2, 0);
    settle(&other);
    send_frame(sender);
    hear_frame(&worker, 0);
    say_of_frame(&worker, FW_KIND_START);
    settle(&worker);
    other.got.epoch = fw_sender_epoch(sender);
    other.got.seq = 0;
    const fw_kind forged[] = { FW_KIND_START, FW_KIND_PROGRESS, FW_KIND_RETURN, FW_KIND_GO, FW_KIND_RECALL };
    for (size_t i = 0; i < sizeof forged / sizeof *forged; i++)
        say_of_frame(&other, forged[i]);
    answer(&other, 0);
    answer_as(&other, 0, FW_DEAD, "\x01");
    die(&other, 1);
    other.got.epoch = fw_sender_epoch(sender) + 1;
    answer(&other, 0);
    say(&other, &(fw_header){ .kind = FW_KIND_HELLO, .role = FW_ROLE_WORKER, .instance = 3 }, "", NULL);
    zmq_send(other.socket, "frames", 6, 0);
    settle(&other);
    fw_counts counts = counts_of(sender);
    assert_int_equal(counts.unknown, 11);
    assert_int_equal(counts.in_flight, 1);
    assert_int_equal(counts.leased, 1);
    settle(&worker);
    worker.got.epoch = fw_sender_epoch(sender);
    answer_as(&worker, 0, FW_DEAD, "\x01"); /* only a hub may say so */
    settle(&worker);
    assert_int_equal(counts_of(sender).in_flight, 1);
    worker.got.epoch = fw_sender_epoch(sender);
    answer(&worker, 0);
    wait_done(sender, 1);
    assert_int_equal(counts_of(sender).unknown, 12);
    close_peer(&worker);
    close_peer(&other);
    fw_sender_close(&sender);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_gets_nothing_before_its_credit_and_no_more_than_it),
        cmocka_unit_test(a_stranger_is_asked_who_it_is_once_a_second),
        cmocka_unit_test(a_stranger_may_ask_for_the_counts_and_leave),
        cmocka_unit_test(a_result_is_accepted_once_and_written_before_it_counts),
        cmocka_unit_test(a_frame_given_back_goes_to_another_unblamed),
        cmocka_unit_test(a_frame_that_waits_behind_a_busy_worker_is_recalled_for_an_idle_one),
        cmocka_unit_test(who_says_bye_leaves_its_frames_and_is_answered),
        cmocka_unit_test(a_frame_that_the_last_worker_left_behind_is_waited_for_until_the_timeout),
        cmocka_unit_test(the_end_comes_once_all_is_settled_and_waits_for_the_bye),
        cmocka_unit_test(an_observer_sees_the_latest_and_is_told_what_it_missed),
        cmocka_unit_test(an_observer_that_comes_late_gets_the_last_frame_at_once),
        cmocka_unit_test(results_go_to_observers_that_ask),
        cmocka_unit_test(a_frame_that_kills_its_workers_is_saved_and_reported_dead),
        cmocka_unit_test(what_a_dead_worker_said_before_counts),
        cmocka_unit_test(time_in_which_nobody_listens_counts_against_no_worker),
        cmocka_unit_test(who_lets_the_door_fill_up_is_hung_up_on_and_may_come_back),
        cmocka_unit_test(words_that_nobody_may_say_are_counted_and_change_nothing),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
