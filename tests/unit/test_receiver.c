#include "hub.h"

#include <grp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <framewire/sender.h>

#include "wire/header.h"

static const fw_format small = { .width = 160, .height = 120, .pixels = FW_RGB8 };

/* ---- A sender, and its results ---- */

typedef struct answers {
    pthread_mutex_t lock;
    unsigned count, errors;
    char last[1024];
} answers;

static void on_result(void *arg, const fw_result *result) {
    answers *self = arg;
    pthread_mutex_lock(&self->lock);
    self->count++;
    self->errors += strcmp(result->status, "error") == 0;
    snprintf(self->last, sizeof self->last, "%s", result->json);
    pthread_mutex_unlock(&self->lock);
}

static fw_sender *open_sender(const fw_sender_options *options) {
    fw_sender *sender = NULL;
    assert_ok(fw_sender_open(options, &sender));
    return sender;
}

static void send_frame(fw_sender *sender, unsigned value) {
    fw_frame *frame = NULL;
    assert_ok(fw_sender_loan(sender, &small, &frame));
    memset(fw_frame_data(frame), (int)(value & 0xff), fw_frame_size(frame));
    char item[32];
    snprintf(item, sizeof item, "item-%u", value);
    assert_ok(fw_frame_set_item(frame, item));
    assert_ok(fw_frame_set_text(frame, "file", "a.jpg"));
    assert_ok(fw_frame_set_int(frame, "number", -5));
    assert_ok(fw_frame_set_float(frame, "gain", 1.5));
    assert_ok(fw_sender_send(sender, &frame));
}

typedef struct source {
    fw_sender *sender;
    unsigned count;
    pthread_t thread;
} source;

static void *send_all(void *arg) {
    source *self = arg;
    for (unsigned i = 0; i < self->count; i++)
        send_frame(self->sender, i);
    assert_ok(fw_sender_finish(self->sender));
    return NULL;
}

static source *start(fw_sender *sender, unsigned count) {
    source *self = malloc(sizeof *self);
    *self = (source){ .sender = sender, .count = count };
    assert_int_equal(pthread_create(&self->thread, NULL, send_all, self), 0);
    return self;
}

static void finish(source *self, fw_counts *counts) {
    pthread_join(self->thread, NULL);
    fw_sender_counts(self->sender, counts);
    fw_sender_close(&self->sender);
    free(self);
}

static void assert_whole(fw_frame *frame) {
    assert_int_equal(fw_frame_size(frame), 160 * 120 * 3);
    const uint8_t *bytes = fw_frame_data(frame);
    for (size_t i = 0; i < fw_frame_size(frame); i++)
        if (bytes[i] != (uint8_t)fw_frame_seq(frame))
            fail_msg("frame %d is torn at byte %zu", (int)fw_frame_seq(frame), i);
}

static void work_all(fw_receiver *receiver, unsigned count, const char *transport) {
    fw_frame *frame;
    for (unsigned i = 0; i < count; i++) {
        assert_ok(fw_receiver_receive(receiver, PATIENCE, &frame));
        assert_int_equal(fw_frame_seq(frame), i);
        assert_string_equal(fw_frame_transport(frame), transport);
        assert_whole(frame);
        assert_ok(fw_frame_set_int(frame, "seq", i));
        assert_ok(fw_receiver_reply(receiver, &frame, NULL));
        assert_null(frame);
    }
    assert_fails(fw_receiver_receive(receiver, PATIENCE, &frame), FW_CLOSED, "ended");
    assert_null(frame);
}

static void a_worker_answers_every_frame(const char *url, bool shared) {
    answers seen = { .lock = PTHREAD_MUTEX_INITIALIZER };
    const char *door = new_door();
    fw_sender *sender = open_sender(
        FW_SENDER_OPTIONS(.url = url, .memory = 1 << 20, .door = door, .on_result = on_result, .arg = &seen));
    fw_receiver *receiver = open_receiver(
        FW_RECEIVER_OPTIONS(.url = fw_sender_url(sender, 0), .door = shared ? door : "/nonexistent", .credit = 4));
    source *all = start(sender, 300);
    work_all(receiver, 300, shared ? "shm" : strncmp(url, "ipc", 3) == 0 ? "ipc" : "tcp");
    fw_receiver_counts counts;
    fw_receiver_count(receiver, &counts);
    assert_int_equal(counts.frames, 300);
    assert_int_equal(counts.results, 300);
    assert_int_equal(counts.shared, shared ? 300 : 0);
    fw_receiver_close(&receiver);
    assert_null(receiver);
    fw_counts account;
    finish(all, &account);
    assert_int_equal(account.done, 300);
    assert_int_equal(account.redelivered, 0);
    assert_int_equal(seen.count, 300);
    assert_non_null(strstr(seen.last, "\"value\":{\"seq\":299}"));
}

static void a_worker_reads_frames_in_shared_memory(void **state) {
    (void)state;
    a_worker_answers_every_frame("tcp://127.0.0.1:*", true);
}

static void a_worker_that_finds_no_door_gets_payloads(void **state) {
    (void)state;
    a_worker_answers_every_frame("tcp://127.0.0.1:*", false);
}

/* A worker of user and group 1 that answers one frame; exits with 1 if it read it in shared memory, with 2 if not. */
static pid_t worker_of_another_user(int url_fd, gid_t further_group) {
    pid_t child = fork();
    if (child != 0)
        return child;
    char url[128] = { 0 };
    fw_receiver *receiver;
    fw_frame *frame;
    if (setgroups(1, &further_group) || setresgid(1, 1, 1) || setresuid(1, 1, 1) ||
        read(url_fd, url, sizeof url - 1) <= 0 ||
        fw_receiver_open(FW_RECEIVER_OPTIONS(.url = url, .door = "shared"), &receiver) != FW_OK ||
        fw_receiver_receive(receiver, PATIENCE, &frame) != FW_OK)
        _exit(3);
    bool shared = strcmp(fw_frame_transport(frame), "shm") == 0;
    for (size_t i = 0; i < fw_frame_size(frame); i++)
        if (((const uint8_t *)fw_frame_data(frame))[i] != 42)
            _exit(4);
    if (fw_receiver_reply(receiver, &frame, NULL) != FW_OK)
        _exit(5);
    fw_receiver_close(&receiver);
    _exit(shared ? 1 : 2);
}

static void workers_of_the_doors_group_read_shared_memory(void **state) {
    (void)state;
    if (geteuid() != 0)
        skip(); /* nobody else can be made up */
    static const gid_t groups[] = { 4242, 4243 };
    for (int i = 0; i < 2; i++) {
        int pipes[2], status;
        assert_int_equal(pipe(pipes), 0);
        pid_t child = worker_of_another_user(pipes[0], groups[i]);
        assert_true(child > 0);
        fw_sender *sender =
            open_sender(FW_SENDER_OPTIONS(.url = "tcp://127.0.0.1:*", .door = "shared", .door_group = "4242"));
        assert_true(write(pipes[1], fw_sender_url(sender, 0), strlen(fw_sender_url(sender, 0))) > 0);
        send_frame(sender, 42);
        assert_ok(fw_sender_finish(sender));
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 1 + i);
        fw_sender_close(&sender);
        close(pipes[0]);
        close(pipes[1]);
    }
}

static void a_frame_says_what_it_is(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.url = "tcp://127.0.0.1:*", .stream = "cam0", .memory = 1 << 20));
    uint64_t epoch = fw_sender_epoch(sender);
    fw_receiver *receiver = open_receiver(FW_RECEIVER_OPTIONS(.url = fw_sender_url(sender, 0)));
    assert_string_equal(fw_receiver_url(receiver, 0), fw_sender_url(sender, 0));
    assert_null(fw_receiver_url(receiver, 1));
    source *all = start(sender, 1);
    fw_frame *frame;
    assert_ok(fw_receiver_receive(receiver, PATIENCE, &frame));
    assert_string_equal(fw_frame_stream(frame), "cam0");
    assert_string_equal(fw_frame_item(frame), "item-0");
    assert_true(fw_frame_epoch(frame) == epoch);
    assert_int_equal(fw_frame_seq(frame), 0);
    assert_int_equal(fw_frame_attempt(frame), 1);
    assert_true(fw_frame_time(frame) > 0 && fw_frame_monotonic(frame) > 0);
    assert_int_equal(fw_frame_format(frame)->pixels, FW_RGB8);
    assert_int_equal(fw_frame_format(frame)->width, 160);
    char text[8] = "", little[3];
    int64_t number = 0;
    double gain = 0;
    assert_ok(fw_frame_get_text(frame, "file", text, sizeof text));
    assert_string_equal(text, "a.jpg");
    assert_fails(fw_frame_get_text(frame, "file", little, sizeof little), FW_TOO_LARGE, "file");
    assert_fails(fw_frame_get_text(frame, "gain", text, sizeof text), FW_NOT_FOUND, "gain");
    assert_ok(fw_frame_get_int(frame, "number", &number));
    assert_int_equal(number, -5);
    assert_fails(fw_frame_get_int(frame, "none", &number), FW_NOT_FOUND, "none");
    assert_ok(fw_frame_get_float(frame, "gain", &gain));
    assert_true(gain == 1.5);
    assert_ok(fw_frame_get_float(frame, "number", &gain));
    assert_true(gain == -5);
    assert_fails(fw_frame_set_item(frame, "other"), FW_INVALID, "received");
    assert_fails(fw_frame_copy(frame, "", 0), FW_INVALID, "received");
    assert_ok(fw_receiver_progress(receiver, frame));
    assert_ok(fw_receiver_reply(receiver, &frame, NULL));
    fw_receiver_close(&receiver);
    fw_counts counts;
    finish(all, &counts);
    assert_int_equal(counts.done, 1);
}

static void results_have_values_and_arrays_and_errors(void **state) {
    (void)state;
    answers seen = { .lock = PTHREAD_MUTEX_INITIALIZER };
    fw_sender *sender = open_sender(
        FW_SENDER_OPTIONS(.url = "tcp://127.0.0.1:*", .memory = 1 << 20, .on_result = on_result, .arg = &seen));
    fw_receiver *receiver = open_receiver(FW_RECEIVER_OPTIONS(.url = fw_sender_url(sender, 0), .credit = 1));
    source *all = start(sender, 6);
    const uint8_t seven = 7, mask[6] = { 1, 2, 3, 4, 5, 6 };
    const fw_reply_array array = { "mask", { .dtype = FW_U8, .ndim = 2, .shape = { 2, 3 } }, mask };
    const fw_reply_array twice[] = { array, array };
    fw_frame *frame;
    for (int turn = 0; turn < 6; turn++) {
        assert_ok(fw_receiver_receive(receiver, PATIENCE, &frame));
        switch (turn) {
        case 0:
            assert_ok(fw_receiver_reply(receiver, &frame, FW_REPLY(.value = &seven, .value_size = 1)));
            break;
        case 1:
            assert_ok(fw_receiver_reply(receiver, &frame, FW_REPLY(.arrays = &array, .array_count = 1)));
            break;
        case 2:
            assert_ok(fw_receiver_fail(receiver, &frame, "no \xff light\n"));
            break;
        case 3: /* not msgpack */
            assert_fails(fw_receiver_reply(receiver, &frame, FW_REPLY(.value = "\xc1", .value_size = 1)), FW_INVALID,
                         "msgpack");
            break;
        case 4:
            assert_int_equal(fw_receiver_reply(receiver, &frame, FW_REPLY(.arrays = twice, .array_count = 2)),
                             FW_INVALID);
            break;
        default:
            assert_ok(fw_receiver_reply(receiver, &frame, FW_REPLY(.arrays = &array, .array_count = 1)));
        }
        assert_null(frame);
    }
    fw_receiver_close(&receiver);
    fw_counts counts;
    finish(all, &counts);
    assert_int_equal(counts.done, 6);
    assert_int_equal(counts.errors, 3);
    assert_int_equal(seen.errors, 3);
    assert_int_equal(counts.arrays_not_kept, 2);
}

static void a_frame_that_is_given_back_goes_to_another(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.url = "tcp://127.0.0.1:*", .memory = 1 << 20));
    const fw_receiver_options *options = FW_RECEIVER_OPTIONS(.url = fw_sender_url(sender, 0), .credit = 1);
    fw_receiver *first = open_receiver(options);
    source *all = start(sender, 3);
    fw_frame *frame, *kept;
    assert_ok(fw_receiver_receive(first, PATIENCE, &frame));
    fw_receiver_return(first, &frame);
    assert_null(frame);
    assert_ok(fw_receiver_receive(first, PATIENCE, &frame));
    fw_frame_free(&frame); /* the same */
    assert_ok(fw_receiver_receive(first, PATIENCE, &kept));
    fw_receiver_close(&first); /* gives back what it has */
    assert_whole(kept);        /* and it can still be read */
    fw_receiver *second = open_receiver(options);
    for (int i = 0; i < 3; i++) {
        assert_ok(fw_receiver_receive(second, PATIENCE, &frame));
        assert_ok(fw_receiver_reply(second, &frame, NULL));
    }
    assert_fails(fw_receiver_receive(second, PATIENCE, &frame), FW_CLOSED, "ended");
    fw_receiver_close(&second);
    fw_frame_free(&kept);
    fw_counts counts;
    finish(all, &counts);
    assert_int_equal(counts.done, 3);
    assert_int_equal(counts.dead, 0);
    assert_true(counts.redelivered >= 3);
}

/* Frames that wait behind one that takes long go to who is idle: the thread answers while the caller computes. */
static void a_busy_worker_is_asked_for_what_it_has_not_begun(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.url = "tcp://127.0.0.1:*", .memory = 1 << 20));
    fw_receiver *busy = open_receiver(FW_RECEIVER_OPTIONS(.url = fw_sender_url(sender, 0), .credit = 4));
    source *all = start(sender, 4);
    fw_frame *slow, *frame;
    assert_ok(fw_receiver_receive(busy, PATIENCE, &slow));
    fw_counts counts;
    do
        fw_sender_counts(sender, &counts);
    while (counts.leased < 4 && usleep(1000) == 0);
    fw_receiver *idle = open_receiver(FW_RECEIVER_OPTIONS(.url = fw_sender_url(sender, 0), .credit = 1));
    for (int i = 0; i < 3; i++) {
        assert_ok(fw_receiver_receive(idle, PATIENCE, &frame));
        assert_ok(fw_receiver_reply(idle, &frame, NULL));
    }
    assert_ok(fw_receiver_reply(busy, &slow, NULL));
    fw_receiver_close(&busy);
    fw_receiver_close(&idle);
    finish(all, &counts);
    assert_int_equal(counts.done, 4);
}

/* ---- Plain ---- */

static void plain_workers_answer_through_a_socket_of_their_own(void **state) {
    (void)state;
    answers seen = { .lock = PTHREAD_MUTEX_INITIALIZER };
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.url = "push+tcp://127.0.0.1:*", .collect = "tcp://127.0.0.1:*",
                                                      .memory = 1 << 20, .on_result = on_result, .arg = &seen));
    fw_receiver *receiver =
        open_receiver(FW_RECEIVER_OPTIONS(.url = fw_sender_url(sender, 0), .results = fw_sender_url(sender, 1)));
    source *all = start(sender, 100);
    work_all(receiver, 100, "tcp");
    fw_receiver_close(&receiver);
    fw_counts counts;
    finish(all, &counts);
    assert_int_equal(counts.results, 100);
    assert_int_equal(counts.lost, 0);
    assert_non_null(strstr(seen.last, "\"file\":\"a.jpg\""));
}

/* A frame that a worker, where there is one, has answered. */
static uint64_t send_one(fw_sender *sender, fw_receiver *worker) {
    fw_counts counts;
    fw_sender_counts(sender, &counts);
    send_frame(sender, (unsigned)counts.captured);
    fw_frame *frame;
    if (worker != NULL) {
        assert_ok(fw_receiver_receive(worker, PATIENCE, &frame));
        assert_ok(fw_receiver_reply(worker, &frame, NULL));
    }
    return counts.captured;
}

/* An observer that looks now and then gets what is newest, and drops are counted. */
static void observe(fw_sender *sender, size_t url, fw_receiver *worker) {
    fw_receiver *observer = open_receiver(FW_RECEIVER_OPTIONS(.url = fw_sender_url(sender, url), .role = FW_OBSERVER));
    fw_frame *frame = NULL;
    unsigned hits = 0;
    useconds_t pause = 1000;
    for (fw_time until = fw_now() + PATIENCE; hits < 3 && fw_now() < until;) {
        for (int i = 0; i < 5; i++)
            (void)send_one(sender, worker);
        usleep(pause); /* the observer is away; and where a publisher has no room, it drops what is new */
        uint64_t newest = send_one(sender, worker);
        usleep(pause);
        pause += 500; /* for machines that are slow */
        if (fw_receiver_receive(observer, 50 * FW_MS, &frame) != FW_OK)
            continue;
        assert_whole(frame);
        hits += fw_frame_seq(frame) == newest;
        if (hits == 3)
            assert_fails(fw_receiver_reply(observer, &frame, NULL), FW_CLOSED, "observer");
        fw_frame_free(&frame);
    }
    assert_int_equal(hits, 3);
    fw_receiver_counts counts;
    fw_receiver_count(observer, &counts);
    assert_true(counts.dropped + counts.missed > 0);
    assert_int_equal(counts.bad, 0);
    fw_receiver_close(&observer);
}

static void an_observer_sees_the_latest_of_a_leased_stream(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.url = "tcp://127.0.0.1:*", .memory = 1 << 20));
    fw_receiver *worker = open_receiver(FW_RECEIVER_OPTIONS(.url = fw_sender_url(sender, 0)));
    observe(sender, 0, worker);
    fw_receiver_close(&worker);
    fw_sender_close(&sender);
}

static void an_observer_sees_a_side_output_beside_a_leased_one(void **state) {
    (void)state;
    const char *sides[] = { "pub+tcp://127.0.0.1:*", NULL };
    fw_sender *sender =
        open_sender(FW_SENDER_OPTIONS(.url = "tcp://127.0.0.1:*", .side_urls = sides, .memory = 1 << 20));
    fw_receiver *worker = open_receiver(FW_RECEIVER_OPTIONS(.url = fw_sender_url(sender, 0)));
    observe(sender, 1, worker);
    fw_receiver_close(&worker);
    fw_sender_close(&sender);
}

static void an_observer_sees_the_latest_of_a_pub_stream(void **state) {
    (void)state;
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.url = "pub+tcp://127.0.0.1:*", .memory = 1 << 20));
    observe(sender, 0, NULL);
    fw_sender_close(&sender);
}

static void an_observer_reads_in_shared_memory(void **state) {
    (void)state;
    const char *door = new_door();
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.url = "tcp://127.0.0.1:*", .memory = 1 << 20, .door = door));
    const char *url = fw_sender_url(sender, 0);
    fw_receiver *worker = open_receiver(FW_RECEIVER_OPTIONS(.url = url, .door = door));
    fw_receiver *observer =
        open_receiver(FW_RECEIVER_OPTIONS(.url = url, .door = door, .role = FW_OBSERVER, .queue = 4));
    fw_frame *kept[3] = { NULL };
    unsigned seen = 0, sent = 0;
    for (; seen < 300; sent++) {
        fw_frame *frame;
        (void)send_one(sender, worker);
        if (fw_receiver_receive(observer, FW_MS, &frame) != FW_OK)
            continue;
        assert_string_equal(fw_frame_transport(frame), "shm");
        fw_frame **place = &kept[seen++ * 7 % 3];
        if (*place != NULL)
            assert_whole(*place);
        fw_frame_free(place);
        *place = frame;
    }
    fw_receiver_counts counts;
    fw_receiver_count(observer, &counts);
    assert_true(counts.shared >= 300 && counts.bad == 0);
    fw_receiver_close(&observer);
    for (int i = 0; i < 3; i++) {
        assert_whole(kept[i]);
        fw_frame_free(&kept[i]);
    }
    fw_receiver_close(&worker);
    fw_counts account;
    fw_sender_counts(sender, &account);
    assert_int_equal(account.done, sent);
    assert_int_equal(account.unknown, 0);
    fw_sender_close(&sender);
}

/* More than a hello could name would be lost when the connection is. */
static void an_observer_that_keeps_hundreds_of_frames_gets_copies(void **state) {
    (void)state;
    const char *door = new_door();
    fw_sender *sender = open_sender(FW_SENDER_OPTIONS(.url = "tcp://127.0.0.1:*", .memory = 128 << 20, .door = door));
    const char *url = fw_sender_url(sender, 0);
    fw_receiver *worker = open_receiver(FW_RECEIVER_OPTIONS(.url = url, .door = door));
    fw_receiver *observer =
        open_receiver(FW_RECEIVER_OPTIONS(.url = url, .door = door, .role = FW_OBSERVER, .queue = 4));
    fw_frame *kept[FW_HELD_MAX + 20], *more;
    for (unsigned seen = 0; seen < FW_HELD_MAX + 20;) {
        (void)send_one(sender, worker);
        if (fw_receiver_receive(observer, FW_MS, &kept[seen]) == FW_OK)
            seen++;
    }
    for (unsigned i = 0; i < FW_HELD_MAX + 20; i++) {
        assert_string_equal(fw_frame_transport(kept[i]), i < FW_HELD_MAX ? "shm" : "copy");
        assert_whole(kept[i]);
        fw_frame_free(&kept[i]);
    }
    do
        (void)send_one(sender, worker);
    while (fw_receiver_receive(observer, FW_MS, &more) != FW_OK ||
           (strcmp(fw_frame_transport(more), "shm") != 0 && (fw_frame_free(&more), true)));
    fw_frame_free(&more);
    fw_receiver_close(&observer);
    fw_receiver_close(&worker);
    fw_sender_close(&sender);
}

/* ---- Waiting, stopping, options ---- */

static void *stop_soon(void *arg) {
    usleep(20000);
    fw_receiver_stop(arg);
    return NULL;
}

static void waiting_ends(void **state) {
    (void)state;
    fw_receiver *receiver = open_receiver(FW_RECEIVER_OPTIONS(.url = "tcp://127.0.0.1:1", .timeout = 100 * FW_MS));
    fw_frame *frame;
    assert_fails(fw_receiver_receive(receiver, 0, &frame), FW_TIMEOUT, "no frame");
    assert_fails(fw_receiver_receive(receiver, 10 * FW_MS, &frame), FW_TIMEOUT, "no frame");
    assert_fails(fw_receiver_receive(receiver, FW_FOREVER, &frame), FW_NOT_FOUND, "tcp://127.0.0.1:1");
    fw_receiver_close(&receiver);

    receiver = open_receiver(FW_RECEIVER_OPTIONS(.url = "tcp://127.0.0.1:1"));
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, receiver), 0);
    assert_fails(fw_receiver_receive(receiver, FW_FOREVER, &frame), FW_CLOSED, "stopped");
    pthread_join(thread, NULL);
    fw_receiver_close(&receiver);
    fw_receiver_close(&receiver);
}

static void options_that_make_no_sense_are_refused(void **state) {
    (void)state;
    fw_receiver *receiver = NULL;
    assert_fails(fw_receiver_open(FW_RECEIVER_OPTIONS(.url = "tcp://*:1?bind"), &receiver), FW_INVALID, "?bind");
    assert_fails(fw_receiver_open(FW_RECEIVER_OPTIONS(.url = "push+tcp://127.0.0.1:1", .role = FW_OBSERVER), &receiver),
                 FW_INVALID, "push+");
    assert_fails(fw_receiver_open(FW_RECEIVER_OPTIONS(.url = "pub+tcp://127.0.0.1:1"), &receiver), FW_INVALID, "pub+");
    assert_fails(fw_receiver_open(FW_RECEIVER_OPTIONS(.credit = 65), &receiver), FW_INVALID, "64");
    assert_fails(fw_receiver_open(FW_RECEIVER_OPTIONS(.streams = (const char *const[]){ "a\n", NULL }), &receiver),
                 FW_INVALID, "name");
    assert_null(receiver);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_of_the_doors_group_read_shared_memory), /* forks: before there are threads */
        cmocka_unit_test(a_worker_reads_frames_in_shared_memory),
        cmocka_unit_test(a_worker_that_finds_no_door_gets_payloads),
        cmocka_unit_test(a_frame_says_what_it_is),
        cmocka_unit_test(results_have_values_and_arrays_and_errors),
        cmocka_unit_test(a_frame_that_is_given_back_goes_to_another),
        cmocka_unit_test(a_busy_worker_is_asked_for_what_it_has_not_begun),
        cmocka_unit_test(plain_workers_answer_through_a_socket_of_their_own),
        cmocka_unit_test(an_observer_sees_the_latest_of_a_leased_stream),
        cmocka_unit_test(an_observer_sees_the_latest_of_a_pub_stream),
        cmocka_unit_test(an_observer_sees_a_side_output_beside_a_leased_one),
        cmocka_unit_test(waiting_ends),
        cmocka_unit_test(options_that_make_no_sense_are_refused),
        cmocka_unit_test(an_observer_reads_in_shared_memory),
        cmocka_unit_test(an_observer_that_keeps_hundreds_of_frames_gets_copies),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
