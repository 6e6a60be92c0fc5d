/* The inside of a pipeline: what its files share.
 *
 * Worker threads take items in turn, and each carries its item to a frame; frames leave by a reorder window:
 *
 *     next item -> measure -> | loan | -> fill -> | send |      (| |: in the source's order)
 */
#ifndef FW_PIPELINE_INSIDE_H
#define FW_PIPELINE_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <framewire/pipeline.h>

#include "pipeline/turns.h"
#include "pipeline/window.h"
#include "source/source.h"

#define FW_THREADS_MAX 64
/* Frames on their way, a thread: while one takes long, or waits for receivers, the others have something to do. */
#define FW_WINDOW_WIDTH 4

struct fw_pipeline {
    fw_source *source;
    fw_sender *sender;
    unsigned threads;
    double rate;
    uint64_t limit; /* frames; UINT64_MAX: all */
    bool encode_jpeg;
    int quality;
    bool strict, resume;

    pthread_mutex_t take; /* of the source's next item and its ticket */
    uint64_t tickets;
    bool exhausted;
    fw_turns loans;
    fw_window sends;
    fw_time next_due; /* of a paced source; within the turns of loans */
    uint64_t sent;    /* by who delivers */

    atomic_bool stopping;
    atomic_uint_fast64_t bad, skipped;
    pthread_t coordinator;
    bool coordinator_runs;
    pthread_t workers[FW_THREADS_MAX];

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    bool finished;
    fw_time finished_at;
    fw_status status; /* what ended it; FW_OK: the source's end */
    char cause[1024];
};

/* End the run, for this reason: the source stops, what was taken is delivered. Any thread. */
void fw_pipeline_end(fw_pipeline *self, fw_status status, const char *cause);

/* A worker thread; arg is the pipeline. */
void *fw_pipeline_work(void *arg);

#endif
