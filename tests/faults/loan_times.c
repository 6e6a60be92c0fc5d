/* A sender of 100 frames a second that measures its own loans and sends.
 *
 *   loan_times READY-FILE SECONDS MEMORY-IN-MIB
 *
 * stdout: a line a second, once a worker is there: a JSON list of microseconds from before each loan to after its send.
 */
#include <framewire/framewire.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define A_SECOND 100

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void sleep_until(int64_t when) {
    const struct timespec at = { when / 1000000000, when % 1000000000 };
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0)
        continue;
}

static fw_status send_one(fw_sender *sender, double *took_p) {
    fw_frame *frame = NULL;
    int64_t began = now_ns();
    fw_status status = fw_sender_loan(sender, &(fw_format){ .width = 1280, .height = 720, .pixels = FW_RGB8 }, &frame);
    int64_t loaned = now_ns();
    if (status != FW_OK)
        return status;
    memset(fw_frame_data(frame), 7, fw_frame_size(frame)); /* not measured: it is the camera's work */
    int64_t filled = now_ns();
    status = fw_sender_send(sender, &frame);
    *took_p = (double)(now_ns() - filled + loaned - began) / 1000;
    return status;
}

int main(int argc, char **argv) {
    if (argc != 4)
        return 2;
    int seconds = (int)strtol(argv[2], NULL, 10);
    size_t memory = strtoull(argv[3], NULL, 10) << 20;
    fw_sender *sender = NULL;
    fw_status status = fw_sender_open(
        FW_SENDER_OPTIONS(.url = "tcp://127.0.0.1:*", .ready_file = argv[1], .memory = memory, .wait_workers = 1),
        &sender);
    int64_t next = 0;
    for (int second = 0; status == FW_OK && second < seconds; second++) {
        for (int i = 0; status == FW_OK && i < A_SECOND; i++) {
            double took = 0;
            if (next != 0)
                sleep_until(next);
            status = send_one(sender, &took);
            next = (next != 0 ? next : now_ns()) + 1000000000 / A_SECOND;
            printf("%s%.1f", i == 0 ? "[" : ",", took);
        }
        puts("]");
        fflush(stdout);
    }
    if (status == FW_OK)
        status = fw_sender_finish(sender);
    if (status != FW_OK)
        fprintf(stderr, "loan_times: %s\n", fw_cause());
    fw_sender_close(&sender);
    return status == FW_OK ? 0 : 1;
}
