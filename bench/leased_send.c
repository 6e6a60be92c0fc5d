/* A sender that draws nothing: leased_send URL WxH COUNT [FILL [WORKERS [RATE [times]]]].
 *
 * Prints its URL, waits for WORKERS, sends COUNT frames, and prints as one line of JSON what all but the first tenth cost.
 * FILL: `number` writes the frame's number into its first bytes, `clock` the time, `stamps` the number at each 64 KiB and at
 * the end and the time of before at byte 16, `copy` copies a whole frame in first (fw_frame_copy()). RATE: frames a second;
 * 0: as fast as they are taken. `times`: when each result came.
 * leased_send memcpy WxH COUNT measures one core that copies a frame into a warm slot.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <framewire/framewire.h>

#define STAMP_STEP ((size_t)64 << 10)
#define TIME_AT    16

static int64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void check(fw_status status, const char *what) {
    if (status != FW_OK) {
        fprintf(stderr, "%s: %s\n", what, fw_cause());
        exit(1);
    }
}

static void stamp(char *data, size_t size, uint64_t number) {
    const uint64_t both[2] = { number, ~number };
    for (size_t at = 0; at + sizeof both <= size; at += STAMP_STEP)
        memcpy(data + at, both, sizeof both);
    memcpy(data + size - sizeof both, both, sizeof both);
}

static void fill(const char *how, fw_frame *frame, const char *picture, uint64_t number) {
    int64_t now = clock_ns(CLOCK_MONOTONIC);
    char *data = fw_frame_data(frame);
    size_t size = fw_frame_size(frame);
    if (strcmp(how, "copy") == 0)
        check(fw_frame_copy(frame, picture, 0), "copy");
    if (strcmp(how, "copy") == 0 || strcmp(how, "stamps") == 0) {
        stamp(data, size, number);
        memcpy(data + TIME_AT, &now, sizeof now);
        return;
    }
    int64_t word = strcmp(how, "clock") == 0 ? now : (int64_t)number;
    memcpy(data, &word, sizeof word);
}

static char *new_picture(size_t size) {
    char *picture = malloc(size);
    if (picture == NULL) {
        fprintf(stderr, "no memory\n");
        exit(1);
    }
    memset(picture, 1, size);
    return picture;
}

/* From one picture into two slots in turn, one for the writer and one for the reader, all as warm as they get. */
static void measure_memcpy(size_t size, uint64_t count) {
    char *picture = new_picture(size);
    int memory = memfd_create("bare", MFD_CLOEXEC);
    size_t room = (size + 4095) & ~(size_t)4095;
    char *slots = MAP_FAILED;
    if (memory >= 0 && ftruncate(memory, (off_t)(2 * room)) == 0)
        slots = mmap(NULL, 2 * room, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (slots == MAP_FAILED) {
        perror("memfd");
        exit(1);
    }
    memset(slots, 1, 2 * room);
    int64_t began = clock_ns(CLOCK_MONOTONIC);
    for (uint64_t number = 0; number < count; number++) {
        char *slot = slots + number % 2 * room;
        memcpy(slot, picture, size);
        stamp(slot, size, number);
        __asm__ volatile("" ::"r"(slot) : "memory");
    }
    double seconds = (double)(clock_ns(CLOCK_MONOTONIC) - began) / 1e9;
    printf("{\"fps\": %.1f}\n", (double)count / seconds);
    free(picture);
    munmap(slots, 2 * room);
    close(memory);
}

typedef struct results {
    uint64_t count;
    int64_t *times;
} results;

static void note(void *arg, const fw_result *result) {
    (void)result;
    results *self = arg;
    self->times[self->count++] = clock_ns(CLOCK_MONOTONIC);
}

static void pause_until(int64_t then) {
    struct timespec at = { .tv_sec = then / 1000000000, .tv_nsec = then % 1000000000 };
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

int main(int argc, char **argv) {
    fw_format format = { .pixels = FW_RGB8 };
    if (argc < 4 || sscanf(argv[2], "%ux%u", &format.width, &format.height) != 2) {
        fprintf(stderr, "usage: leased_send URL|memcpy WxH COUNT [FILL [WORKERS [RATE [times]]]]\n");
        return 2;
    }
    check(fw_format_complete(&format), "format");
    uint64_t count = strtoul(argv[3], NULL, 10), warm = count / 10;
    if (strcmp(argv[1], "memcpy") == 0) {
        measure_memcpy(format.size, count);
        return 0;
    }
    const char *how = argc > 4 ? argv[4] : "number";
    unsigned workers = argc > 5 ? (unsigned)strtoul(argv[5], NULL, 10) : 1;
    double rate = argc > 6 ? strtod(argv[6], NULL) : 0;
    results got = { 0, argc > 7 ? calloc(count, sizeof *got.times) : NULL };
    char *picture = new_picture(format.size);
    fw_sender *sender;
    check(fw_sender_open(FW_SENDER_OPTIONS(.url = argv[1], .wait_workers = workers, .memory = (size_t)256 << 20,
                                           .timeout = 20 * FW_SECOND, .on_result = got.times != NULL ? note : NULL,
                                           .arg = &got),
                         &sender),
          "open");
    printf("%s\n", fw_sender_url(sender, 0));
    fflush(stdout);
    int64_t due = 0, wall = 0, cpu = 0;
    for (uint64_t number = 0; number < count; number++) {
        fw_frame *frame;
        check(fw_sender_loan(sender, &format, &frame), "loan");
        if (number == 0) {
            printf("all are there\n");
            fflush(stdout);
        }
        if (number == warm) {
            wall = clock_ns(CLOCK_MONOTONIC);
            cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        }
        due = due == 0 ? clock_ns(CLOCK_MONOTONIC) : due + (int64_t)(rate > 0 ? 1e9 / rate : 0);
        if (rate > 0)
            pause_until(due);
        fill(how, frame, picture, number);
        check(fw_sender_send(sender, &frame), "send");
    }
    check(fw_sender_finish(sender), "finish");
    fw_counts counts;
    fw_sender_counts(sender, &counts);
    /* Leased, until the last result: that receivers leave then takes a while, and is none of a stream's speed. */
    double seconds = (double)((counts.leases ? counts.ended : clock_ns(CLOCK_MONOTONIC)) - wall) / 1e9;
    double us = (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu) / 1e3;
    double frames = (double)(count - warm);
    printf("{\"fps\": %.1f, \"cpu\": %.3f, \"redelivered\": %llu, \"lost\": %llu, \"times\": [", frames / seconds,
           us / frames, (unsigned long long)counts.redelivered, (unsigned long long)(count - counts.done));
    for (uint64_t i = 0; i < got.count; i++)
        printf("%s%lld", i > 0 ? "," : "", (long long)got.times[i]);
    printf("]}\n");
    fw_sender_close(&sender);
    free(got.times);
    free(picture);
    return 0;
}
