#include "check.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <framewire/pipeline.h>
#include <zmq.h>

#include "folder.h"
#include "wire/message.h"

/* A plain receiver that takes all frames of a run on a thread of its own. */
typedef struct receiving {
    char url[160];
    pthread_t thread;
    unsigned frames, encoded;
    uint64_t next_seq; /* UINT64_MAX: they were not in order */
    bool ended;
} receiving;

static void *take_all(void *arg) {
    receiving *self = arg;
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_PULL);
    int timeout = 10000, linger = 0;
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
    zmq_connect(socket, strchr(self->url, '+') + 1);
    while (!self->ended) {
        static uint8_t bytes[3][8 << 20];
        fw_part parts[3];
        size_t count = 0;
        int more = 1, size = 0;
        size_t room = sizeof more;
        for (; more && count < 3 && size >= 0; count++) {
            size = zmq_recv(socket, bytes[count], sizeof bytes[count], 0);
            parts[count] = (fw_part){ bytes[count], size >= 0 ? (size_t)size : 0 };
            zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &room);
        }
        fw_header header;
        fw_reason reason;
        if (size < 0 || fw_message_check(parts, count, &header, &reason) != FW_OK)
            break;
        self->ended = header.kind == FW_KIND_END;
        if (header.kind != FW_KIND_FRAME)
            continue;
        self->frames++;
        self->encoded += header.format.encoding == FW_JPEG;
        self->next_seq = header.seq == self->next_seq ? header.seq + 1 : UINT64_MAX;
    }
    zmq_close(socket);
    zmq_ctx_term(context);
    return NULL;
}

static receiving run(fw_pipeline_options *options, fw_status wanted, fw_summary *summary) {
    fw_pipeline *pipeline = NULL;
    options->sender.url = "push+tcp://127.0.0.1:*";
    assert_ok(fw_pipeline_open(options, &pipeline));
    receiving taker = { 0 };
    snprintf(taker.url, sizeof taker.url, "%s", fw_sender_url(fw_pipeline_sender(pipeline), 0));
    assert_int_equal(pthread_create(&taker.thread, NULL, take_all, &taker), 0);
    assert_int_equal(fw_pipeline_wait(pipeline, FW_FOREVER), wanted);
    pthread_join(taker.thread, NULL);
    fw_pipeline_summary(pipeline, summary);
    assert_int_equal(summary->counts.captured,
                     summary->counts.sent + summary->counts.dropped + summary->counts.in_flight);
    char json[2048], part[64];
    assert_ok(fw_pipeline_summary_json(pipeline, json, sizeof json));
    snprintf(part, sizeof part, "\"captured\":%u,", (unsigned)summary->counts.captured);
    assert_non_null(strstr(json, part));
    assert_int_equal(fw_pipeline_summary_json(pipeline, json, 10), FW_TOO_LARGE);
    fw_pipeline_close(&pipeline);
    assert_null(pipeline);
    return taker;
}

static void frames_keep_the_order_of_the_source_on_many_threads(void **state) {
    (void)state;
    const char *sources[] = { "test:noise?size=200x100&count=300" };
    fw_pipeline_options options = {
        .sources = sources, .source_count = 1, .source.loop = 2, .threads = 7, .sender.memory = 1 << 20
    };
    fw_summary summary;
    receiving taker = run(&options, FW_OK, &summary);
    assert_true(taker.ended);
    assert_int_equal(taker.frames, 600);
    assert_int_equal(taker.next_seq, 600);
    assert_int_equal(summary.counts.bytes, 600 * 60000);
}

static void a_count_ends_the_run(void **state) {
    (void)state;
    const char *sources[] = { "test:bars?size=64x64" };
    fw_pipeline_options options = {
        .sources = sources, .source_count = 1, .source.loop = 1, .threads = 3, .count = 41
    };
    fw_summary summary;
    receiving taker = run(&options, FW_OK, &summary);
    assert_int_equal(taker.frames, 41);
    assert_int_equal(summary.counts.captured, 41);
}

static void a_rate_is_kept(void **state) {
    (void)state;
    const char *sources[] = { "test:bars?size=64x64&count=21" };
    fw_pipeline_options options = { .sources = sources, .source_count = 1, .source.loop = 1, .rate = 100 };
    fw_summary summary;
    receiving taker = run(&options, FW_OK, &summary);
    assert_int_equal(taker.frames, 21);
    assert_true(summary.seconds >= 0.2);
}

static void frames_travel_as_jpeg(void **state) {
    (void)state;
    const char *sources[] = { "test:bars?size=64x64&count=10" };
    fw_pipeline_options options = {
        .sources = sources, .source_count = 1, .source.loop = 1, .threads = 3, .encode_jpeg = true
    };
    fw_summary summary;
    receiving taker = run(&options, FW_OK, &summary);
    assert_int_equal(taker.encoded, 10);
    assert_int_equal(taker.next_seq, 10);
    assert_true(summary.counts.bytes < 10 * 64 * 64 * 3);
}

static void bad_inputs_leave_no_gaps(void **state) {
    (void)state;
    static const char pixels[] = "P5 2 2 255\nabcd";
    for (int i = 0; i < 9; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d.pgm", i);
        write_file(name, pixels, i % 3 == 0 ? 12 : sizeof pixels - 1);
    }
    const char *sources[] = { folder };
    fw_pipeline_options options = { .sources = sources, .source_count = 1, .source.loop = 1, .threads = 4 };
    fw_summary summary;
    receiving taker = run(&options, FW_OK, &summary);
    assert_int_equal(taker.next_seq, 6);
    assert_int_equal(summary.bad, 3);
    assert_int_equal(summary.counts.captured, 6);
}

static void strict_ends_at_the_first_bad_input(void **state) {
    (void)state;
    write_file("1.pgm", "P5 2 2 255\nabcd", 15);
    write_file("2.pgm", "P5 2 2 255\na", 12);
    const char *sources[] = { folder };
    fw_pipeline_options options = {
        .sources = sources, .source_count = 1, .source.loop = 1, .threads = 1, .strict = true
    };
    fw_summary summary;
    receiving taker = run(&options, FW_BAD_INPUT, &summary);
    assert_int_equal(taker.frames, 1);
    assert_int_equal(summary.bad, 1);
}

static void a_stop_drains_and_accounts(void **state) {
    (void)state;
    const char *sources[] = { "test:bars?size=64x64" };
    fw_pipeline_options options = { .sources = sources,
                                    .source_count = 1,
                                    .source.loop = 1,
                                    .sender = { .url = "push+tcp://127.0.0.1:*", .drain = 50 * FW_MS } };
    fw_pipeline *pipeline = NULL;
    assert_ok(fw_pipeline_open(&options, &pipeline));
    fw_summary summary;
    do {
        assert_int_equal(fw_pipeline_wait(pipeline, FW_MS), FW_TIMEOUT);
        fw_pipeline_summary(pipeline, &summary);
    } while (summary.counts.waiting == 0);
    fw_pipeline_stop(pipeline);
    assert_int_equal(fw_pipeline_wait(pipeline, FW_FOREVER), FW_CLOSED);
    fw_pipeline_summary(pipeline, &summary);
    assert_true(summary.counts.in_flight > 0);
    assert_int_equal(summary.counts.captured, summary.counts.in_flight);
    fw_pipeline_close(&pipeline);
}

static void what_cannot_be_opened_is_said(void **state) {
    (void)state;
    fw_pipeline *pipeline = NULL;
    const char *missing[] = { "/nowhere/at/all" }, *test[] = { "test:bars?size=8x8" };
    fw_pipeline_options options = {
        .sources = missing, .source_count = 1, .source.loop = 1, .sender.url = "push+tcp://127.0.0.1:*"
    };
    assert_fails(fw_pipeline_open(&options, &pipeline), FW_NOT_FOUND, "/nowhere");
    options.sources = test;
    options.source.loop = 2;
    char results[256];
    snprintf(results, sizeof results, "%s/results.jsonl", folder);
    options.sender.collect = "tcp://127.0.0.1:*";
    options.sender.results = results;
    options.sender.resume = true;
    assert_fails(fw_pipeline_open(&options, &pipeline), FW_INVALID, "--loop 1");
    assert_null(pipeline);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_keep_the_order_of_the_source_on_many_threads),
        cmocka_unit_test(a_count_ends_the_run),
        cmocka_unit_test(a_rate_is_kept),
        cmocka_unit_test(frames_travel_as_jpeg),
        cmocka_unit_test_setup_teardown(bad_inputs_leave_no_gaps, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(strict_ends_at_the_first_bad_input, folder_make, folder_remove),
        cmocka_unit_test(a_stop_drains_and_accounts),
        cmocka_unit_test_setup_teardown(what_cannot_be_opened_is_said, folder_make, folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
