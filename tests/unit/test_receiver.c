#include "check.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include <framewire/receiver.h>
#include <framewire/sender.h>

#include "base/clock.h"
#include "base/host.h"
#include "folder.h"
#include "memory/region.h"
#include "memory/view.h"
#include "net/door.h"
#include "wire/message.h"

#define PATIENCE (10 * FW_SECOND)

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

static fw_receiver *open_receiver(const fw_receiver_options *options) {
    fw_receiver *receiver = NULL;
    assert_ok(fw_receiver_open(options, &receiver));
    return receiver;
}

static void assert_whole(fw_frame *frame) {
    assert_int_equal(fw_frame_size(frame), 160 * 120 * 3);
    const uint8_t *bytes = fw_frame_data(frame);
    for (size_t i = 0; i < fw_frame_size(frame); i++)
        if (bytes[i] != (uint8_t)fw_frame_seq(frame))
            fail_msg("frame %d is torn at byte %zu", (int)fw_frame_seq(frame), i);
}

/* A folder for doors of its own, in the test's. */
static const char *new_door(void) {
    static char path[128];
    snprintf(path, sizeof path, "%.63s/door-XXXXXX", folder);
    assert_non_null(mkdtemp(path));
    return path;
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

/* ---- A hub made by hand ---- */

typedef struct hub {
    void *context, *socket;
    char url[128];
    uint8_t peer[8];
    size_t peer_size;
} hub;

static hub open_hub(const char *endpoint) {
    hub self = { .context = zmq_ctx_new() };
    self.socket = zmq_socket(self.context, ZMQ_ROUTER);
    int timeout = 5000, linger = 0;
    zmq_setsockopt(self.socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    zmq_setsockopt(self.socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_setsockopt(self.socket, ZMQ_ZAP_DOMAIN, "framewire", 9);
    assert_int_equal(zmq_bind(self.socket, endpoint), 0);
    size_t size = sizeof self.url;
    zmq_getsockopt(self.socket, ZMQ_LAST_ENDPOINT, self.url, &size);
    return self;
}

static void close_hub(hub *self) {
    zmq_close(self->socket);
    zmq_ctx_term(self->context);
}

static void hub_says(hub *self, const char *name, const fw_header *header, const void *payload, size_t payload_size) {
    uint8_t packed[4096];
    size_t size;
    assert_ok(fw_header_pack(header, packed, sizeof packed, &size));
    zmq_send(self->socket, self->peer, self->peer_size, ZMQ_SNDMORE);
    zmq_send(self->socket, name, strlen(name), ZMQ_SNDMORE);
    zmq_send(self->socket, packed, size, payload != NULL ? ZMQ_SNDMORE : 0);
    if (payload != NULL)
        zmq_send(self->socket, payload, payload_size, 0);
}

/* The next word that is of this kind; its texts are gone. */
static fw_header hub_hears(hub *self, fw_kind kind) {
    static uint8_t bytes[8][4096];
    for (;;) {
        fw_part parts[8];
        int more = 1;
        size_t count = 0, option = sizeof more;
        int size = zmq_recv(self->socket, self->peer, sizeof self->peer, 0);
        if (size < 0)
            fail_msg("the worker did not say %d", kind);
        self->peer_size = (size_t)size;
        for (; more && count < 8; count++) {
            size = zmq_recv(self->socket, bytes[count], sizeof bytes[count], 0);
            assert_true(size >= 0);
            parts[count] = (fw_part){ bytes[count], (size_t)size };
            zmq_getsockopt(self->socket, ZMQ_RCVMORE, &more, &option);
        }
        fw_header header;
        fw_reason reason;
        assert_ok(fw_message_check(parts, count, &header, &reason));
        if (header.kind == kind)
            return header;
    }
}

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

/* ---- The hub's door ---- */

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

/* ---- Memory of others ---- */

static void memory_that_is_not_sealed_is_not_read(void **state) {
    (void)state;
    fw_view view;
    int fd = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, 8192), 0);
    assert_fails(fw_view_open(&view, fd, 4096), FW_BAD_MESSAGE, "sealed");
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    assert_fails(fw_view_open(&view, fd, 4096), FW_BAD_MESSAGE, "sealed");
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL), 0);
    assert_fails(fw_view_open(&view, fd, 8193), FW_BAD_MESSAGE, "bytes");
    assert_fails(fw_view_open(&view, fd, 0), FW_BAD_MESSAGE, "bytes");
    assert_ok(fw_view_open(&view, fd, 8192));
    assert_non_null(fw_view_at(&view, 0, 8192));
    assert_non_null(fw_view_at(&view, 8128, 64));
    assert_null(fw_view_at(&view, 8128, 65));
    assert_null(fw_view_at(&view, 8, 8));
    assert_null(fw_view_at(&view, UINT64_MAX - 63, 64));
    fw_view_close(&view);
    close(fd);
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    assert_fails(fw_view_open(&view, pipes[0], 1), FW_BAD_MESSAGE, "memfd");
    close(pipes[0]);
    close(pipes[1]);
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
        cmocka_unit_test(a_suspect_waits_for_go_and_a_recall_is_answered),
        cmocka_unit_test(a_hub_that_comes_back_is_told_what_is_held),
        cmocka_unit_test(messages_that_break_the_format_are_told_and_skipped),
        cmocka_unit_test(a_frame_stays_true_when_its_sender_goes_on_in_fresh_memory),
        cmocka_unit_test(an_answer_brings_its_slot_along),
        cmocka_unit_test(the_end_counts_though_the_door_is_shut_right_after_it),
        cmocka_unit_test(an_observer_releases_each_frame_once_and_answers_none),
        cmocka_unit_test(who_says_hello_again_has_left_the_door_and_says_what_it_reads),
        cmocka_unit_test(an_observer_reads_in_shared_memory),
        cmocka_unit_test(an_observer_that_keeps_hundreds_of_frames_gets_copies),
        cmocka_unit_test(memory_that_is_not_sealed_is_not_read),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
