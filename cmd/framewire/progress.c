#include "progress.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "say.h"

#define WINDOW      FW_SECOND
#define FIRST_LINE  (10 * FW_SECOND)
#define LINES_EVERY (60 * FW_SECOND)

struct line {
    char text[512];
    size_t used;
};

static FW_PRINTF(2, 3) void add(struct line *self, const char *format, ...) {
    va_list list;
    va_start(list, format);
    int wrote = vsnprintf(self->text + self->used, sizeof self->text - self->used, format, list);
    va_end(list);
    self->used += wrote > 0 ? (size_t)wrote : 0;
    if (self->used >= sizeof self->text)
        self->used = sizeof self->text - 1;
}

static fw_time now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (fw_time)time.tv_sec * FW_SECOND + time.tv_nsec;
}

static void add_count(struct line *line, uint64_t count, const char *one, const char *many) {
    add(line, ", %" PRIu64 " %s", count, count == 1 ? one : many);
}

static void add_if(struct line *line, uint64_t count, const char *one, const char *many) {
    if (count > 0)
        add_count(line, count, one, many);
}

static void add_speed(struct line *line, double fps, double bytes_per_second) {
    add(line, "%.*f fps, ", fps < 100 ? 1 : 0, fps);
    if (bytes_per_second >= 1e9)
        add(line, "%.2f GB/s", bytes_per_second / 1e9);
    else
        add(line, "%.*f MB/s", bytes_per_second < 1e7 ? 1 : 0, bytes_per_second / 1e6);
}

/* What was delivered: answered where frames are leased, else sent. */
static uint64_t delivered(const fw_counts *counts) {
    return counts->leases ? counts->done + counts->dead : counts->sent;
}

/* Rates over the last second or so, and over less only at the start. */
static void measure(struct progress *self, const fw_counts *counts, fw_time at) {
    if (self->since == 0)
        self->since = counts->started ? counts->started : at;
    fw_time passed = at - self->since;
    if (passed < WINDOW)
        return;
    double seconds = (double)passed / (double)FW_SECOND;
    self->fps = (double)(delivered(counts) - self->frames) / seconds;
    self->per_second = (double)(counts->bytes - self->bytes) / seconds;
    self->since = at;
    self->frames = delivered(counts);
    self->bytes = counts->bytes;
}

void progress_show(struct progress *self, fw_pipeline *pipeline) {
    fw_summary summary;
    fw_pipeline_summary(pipeline, &summary);
    const fw_counts *counts = &summary.counts;
    fw_time at = now();
    measure(self, counts, at);
    struct line line = { 0 };
    uint64_t frames = delivered(counts);
    add(&line, "%" PRIu64 " %s, ", frames, counts->leases ? "done" : frames == 1 ? "frame" : "frames");
    add_speed(&line, self->fps, self->per_second);
    if (counts->leases) { /* in this order: what stands last may be cut off at the edge of the terminal */
        add_count(&line, counts->peers, "worker", "workers");
        add_count(&line, counts->in_flight, "in flight", "in flight");
        add_if(&line, counts->dead, "dead", "dead");
        add_if(&line, counts->dropped, "dropped", "dropped");
        add_if(&line, counts->redelivered, "redelivered", "redelivered");
    } else {
        if (self->collects)
            add_count(&line, counts->results, "result", "results");
        add_count(&line, counts->dropped, "dropped", "dropped");
        add_count(&line, counts->peers, "receiver", "receivers");
    }
    add_if(&line, summary.bad, "bad input", "bad inputs");
    if (self->rewrites) {
        status_line(line.text);
        return;
    }
    if (self->next_line == 0)
        self->next_line = at + FIRST_LINE;
    if (at < self->next_line)
        return;
    say("%s", line.text);
    self->next_line = at + LINES_EVERY;
}

void progress_sum_up(const struct progress *self, const fw_summary *summary) {
    const fw_counts *counts = &summary->counts;
    struct line line = { 0 };
    uint64_t frames = counts->leases ? counts->done : counts->sent;
    add(&line, "%" PRIu64 " %s %s", frames, frames == 1 ? "frame" : "frames", counts->leases ? "done" : "sent");
    if (counts->leases && counts->workers > 0)
        add(&line, " by %" PRIu64 " %s", counts->workers, counts->workers == 1 ? "worker" : "workers");
    if (frames > 0 && summary->seconds > 0) {
        add(&line, " in %.*f s (", summary->seconds < 10 ? 2 : 0, summary->seconds);
        add_speed(&line, (double)frames / summary->seconds, (double)counts->bytes / summary->seconds);
        add(&line, ")");
    }
    if (self->collects)
        add_count(&line, counts->results, "result", "results");
    if (self->collects || counts->leases) {
        add_if(&line, counts->errors, "of them an error", "of them errors");
        add_if(&line, counts->lost, "lost", "lost");
        add_if(&line, counts->duplicates, "duplicate", "duplicates");
        add_if(&line, counts->unknown, "that belongs to no frame", "that belong to no frame");
        add_if(&line, counts->nulls, "NaN or infinity as null", "NaN or infinities as null");
        add_if(&line, counts->arrays_not_kept, "array not kept (--result-arrays)", "arrays not kept (--result-arrays)");
    }
    add_if(&line, counts->shared, "read in shared memory", "read in shared memory");
    add_if(&line, counts->copied, "copied from it", "copied from it");
    add_if(&line, counts->redelivered, "redelivered", "redelivered");
    add_if(&line, counts->dead, "dead", "dead");
    add_if(&line, counts->dropped, "dropped", "dropped");
    add_if(&line, counts->in_flight, "still in flight", "still in flight");
    add_if(&line, summary->bad, "bad input", "bad inputs");
    add_if(&line, summary->missed, "missed by the camera", "missed by the camera");
    add_if(&line, summary->skipped, "skipped (its result is there)", "skipped (their results are there)");
    say("%s", line.text);
}
