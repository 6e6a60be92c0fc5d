/* What does a ledger cost with many workers? Rows of JSON: events a second, memory, fairness.
 *
 *   scale EVENTS WORKERS...
 *
 * Each worker has credit 2 and takes any time for a frame; there is always a frame ready. Now and then one is killed and
 * replaced, loses its connection, reports progress or gives a frame back. The time of the driver is measured alone, and
 * taken off. */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/map.h"
#include "delivery/ledger.h"

#define EPOCH  1
#define CREDIT 2

typedef struct worker {
    fw_worker handle;
    uint64_t has[CREDIT]; /* seqs, the oldest first */
    uint32_t count;
    uint64_t instance, done;
} worker;

typedef struct drive {
    fw_ledger *ledger; /* NULL: the driver alone */
    worker *workers;
    fw_map handles; /* -> worker */
    uint32_t count;
    uint64_t random, events, seq, instances, done, early;
    fw_time now;
} drive;

static uint32_t roll(drive *d, uint32_t sides) {
    d->random = d->random * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(((d->random >> 32) * sides) >> 32);
}

static void join(drive *d, worker *w) {
    w->instance = ++d->instances;
    w->count = 0;
    d->events += 2;
    if (d->ledger == NULL)
        return;
    fw_map_take(&d->handles, w->handle);
    w->handle = fw_ledger_on_hello(d->ledger, d->now, &(fw_hello){ .instance = w->instance });
    (void)fw_map_put(&d->handles, w->handle, w);
    fw_ledger_on_credit(d->ledger, d->now, w->handle, CREDIT);
}

static void capture(drive *d) {
    d->events++;
    if (d->ledger != NULL)
        (void)fw_ledger_on_frame(d->ledger, d->now, 0,
                                 &(fw_capture){ .seq = d->seq, .frame = d, .slot = FW_NO_SLOT, .size = 1 });
    d->seq++;
}

static bool settle(drive *d) {
    fw_action action;
    if (d->ledger == NULL)
        return true;
    while (fw_ledger_next(d->ledger, d->now, &action)) {
        if (action.kind != FW_ACTION_LEASE)
            continue;
        worker *w = fw_map_get(&d->handles, action.worker);
        if (w == NULL || w->count == CREDIT)
            return false;
        w->has[w->count++] = action.key.seq;
    }
    return true;
}

static void answer(drive *d, worker *w, uint32_t what) {
    fw_key key = { EPOCH, w->has[0] };
    d->events += 2;
    if (d->ledger != NULL) {
        fw_ledger_on_start(d->ledger, d->now, w->handle, key);
        if (what == 0)
            fw_ledger_on_return(d->ledger, d->now, w->handle, key);
        else if (what == 1)
            fw_ledger_on_progress(d->ledger, d->now, w->handle, key);
        else
            (void)fw_ledger_on_result(d->ledger, d->now, w->handle, key, false);
    }
    if (what == 1)
        return;
    if (what != 0) {
        w->done++;
        d->done++;
        capture(d);
    }
    w->has[0] = w->has[1];
    w->count--;
}

static bool run(drive *d, uint64_t events) {
    uint64_t until = d->events + events;
    while (d->events < until) {
        worker *w = &d->workers[roll(d, d->count)];
        uint32_t what = roll(d, 1000);
        d->now += FW_MS / 100;
        if (what < 2) {
            if (d->ledger != NULL)
                fw_ledger_on_gone(d->ledger, d->now, w->handle, FW_GONE_PROCESS);
            join(d, w);
            d->events++;
        } else if (w->count > 0) {
            answer(d, w, what < 12 ? 0 : what < 22 ? 1 : 2);
        } else if (d->ledger == NULL) {
            w->count = 1;
        }
        if (!settle(d))
            return false;
    }
    return true;
}

/* Of this process: others on the machine do not count. */
static fw_time cpu(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return time.tv_sec * FW_SECOND + time.tv_nsec;
}

/* ns an event. */
static double measure(drive *d, uint32_t workers, uint64_t events) {
    d->count = workers;
    d->workers = calloc(workers, sizeof *d->workers);
    if (d->workers == NULL)
        return -1;
    for (uint32_t i = 0; i < workers; i++)
        join(d, &d->workers[i]);
    for (uint32_t i = 0; i < workers * CREDIT + 16; i++)
        capture(d);
    if (!settle(d) || !run(d, events / 4)) /* until nothing grows any more */
        return -1;
    for (uint32_t i = 0; i < workers; i++)
        d->workers[i].done = 0;
    d->early = d->done;
    d->done = 0;
    fw_time before = cpu();
    uint64_t first = d->events;
    if (!run(d, events))
        return -1;
    return (double)(cpu() - before) / (double)(d->events - first);
}

/* Jain's index: 1 where all have done the same. */
static double fairness(const drive *d) {
    double sum = 0, squares = 0;
    for (uint32_t i = 0; i < d->count; i++) {
        sum += (double)d->workers[i].done;
        squares += (double)d->workers[i].done * (double)d->workers[i].done;
    }
    return squares > 0 ? sum * sum / (d->count * squares) : 1;
}

int main(int argc, char **argv) {
    uint64_t events = argc > 2 ? strtoull(argv[1], NULL, 10) : 0;
    if (events == 0) {
        fputs("scale EVENTS WORKERS...\n", stderr);
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        uint32_t workers = (uint32_t)strtoul(argv[i], NULL, 10);
        uint32_t stream;
        drive alone = { .random = 1 }, with = { .random = 1 };
        double base = measure(&alone, workers, events);
        size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
        if (workers == 0 || fw_ledger_open(&(fw_ledger_options){ 0 }, &with.ledger) != FW_OK ||
            fw_ledger_add_stream(with.ledger, EPOCH, &stream) != FW_OK)
            return 1;
        double cost = measure(&with, workers, events);
        size_t memory = mallinfo2().uordblks + mallinfo2().hblkhd - before - workers * sizeof(worker) -
                        with.handles.room * sizeof *with.handles.entries;
        fw_account account;
        fw_ledger_count(with.ledger, FW_ALL_STREAMS, &account);
        bool whole = account.captured == account.done + account.dead + account.in_flight &&
                     account.done == with.done + with.early;
        if (base < 0 || cost < 0 || !whole) {
            fprintf(stderr, "scale: %u workers: the account is not whole\n", workers);
            return 1;
        }
        printf("{\"workers\":%u,\"events\":%" PRIu64 ",\"ns\":%.1f,\"driver_ns\":%.1f,\"bytes\":%zu,\"fairness\":%.4f,"
               "\"done\":%" PRIu64 ",\"redelivered\":%" PRIu64 "}\n",
               workers, with.events, cost - base, base, memory, fairness(&with), with.done, account.redelivered);
        fflush(stdout);
        fw_ledger_close(&with.ledger);
        fw_map_free(&with.handles, NULL);
        free(with.workers);
        free(alone.workers);
    }
    return 0;
}
