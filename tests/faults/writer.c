/* A sender of frames that are stamped in every byte, of sizes that change from frame to frame.
 *
 *   writer ready=FILE [url=URL] [side=URL] [door=FOLDER] [results=FILE] [count=N] [memory=BYTES] [largest=BYTES]
 *          [attempts=N] [wait=WORKERS] [rate=FPS] [die=SEQ]
 *
 * It ends after count frames, or at SIGTERM; with die it is killed when half of that frame is written. stdout, at the end:
 * its account, a JSON map.
 */
#include <framewire/framewire.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "stamped.h"

static volatile sig_atomic_t stopping;

static void on_term(int number) {
    (void)number;
    stopping = 1;
}

static size_t size_of(uint64_t seq, size_t largest) {
    return 1 + (size_t)(seq * 0x9E3779B97F4A7C15u >> 33) % largest;
}

static fw_status send_one(fw_sender *sender, uint64_t seq, size_t size, bool dies) {
    fw_frame *frame = NULL;
    char item[32];
    uint64_t epoch = fw_sender_epoch(sender);
    fw_status status = fw_sender_loan(sender, &(fw_format){ .dtype = FW_U8, .ndim = 1, .shape = { size } }, &frame);
    if (status != FW_OK)
        return status;
    stamped_fill(fw_frame_data(frame), 0, size / 16 * 8, epoch, seq);
    if (dies)
        raise(SIGKILL);
    stamped_fill(fw_frame_data(frame), size / 16 * 8, size, epoch, seq);
    snprintf(item, sizeof item, "%" PRIu64, seq);
    (void)fw_frame_set_item(frame, item);
    return fw_sender_send(sender, &frame);
}

static void print_account(fw_sender *sender) {
    fw_counts counts;
    fw_sender_counts(sender, &counts);
    printf("{\"captured\":%" PRIu64 ",\"done\":%" PRIu64 ",\"dead\":%" PRIu64 ",\"dropped\":%" PRIu64
           ",\"in_flight\":%" PRIu64 ",\"redelivered\":%" PRIu64 ",\"unknown\":%" PRIu64 ",\"memory_used\":%zu}\n",
           counts.captured, counts.done, counts.dead, counts.dropped, counts.in_flight, counts.redelivered,
           counts.unknown, counts.memory_used);
}

int main(int argc, char **argv) {
    (void)argc;
    const char *sides[] = { word_of(argv, "side", NULL), NULL };
    uint64_t count = number_of(argv, "count", UINT64_MAX), dies = number_of(argv, "die", UINT64_MAX);
    size_t largest = number_of(argv, "largest", 16384);
    useconds_t pause = 1000000 / (useconds_t)number_of(argv, "rate", 1000001);
    signal(SIGTERM, on_term);
    fw_sender *sender = NULL;
    fw_status status = fw_sender_open(
        FW_SENDER_OPTIONS(.url = word_of(argv, "url", "tcp://127.0.0.1:*"), .side_urls = sides, .stream = "stamped",
                          .memory = number_of(argv, "memory", 1 << 20), .door = word_of(argv, "door", NULL),
                          .results = word_of(argv, "results", NULL), .ready_file = word_of(argv, "ready", NULL),
                          .attempts = (unsigned)number_of(argv, "attempts", 0),
                          .wait_workers = (unsigned)number_of(argv, "wait", 1)),
        &sender);
    for (uint64_t seq = 0; status == FW_OK && seq < count && !stopping; seq++) {
        status = send_one(sender, seq, size_of(seq, largest), seq == dies);
        if (pause > 0)
            usleep(pause);
    }
    if (status == FW_OK)
        status = fw_sender_finish(sender);
    if (status != FW_OK)
        fprintf(stderr, "writer: %s\n", fw_cause());
    if (sender != NULL)
        print_account(sender);
    fw_sender_close(&sender);
    return status == FW_OK ? 0 : 1;
}
