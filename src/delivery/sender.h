/* The inside of a sender: what its files share.
 *
 *   any thread:  loan -> fill -> send ---> [queue] ---> outputs      (a frame goes out from the caller's thread
 *   its thread:  monitors, subscriptions, what waits, `end`, results  when nothing waits before it)
 *
 * `lock` guards the queue, the counts and the sockets that carry frames. Other sockets belong to the thread.
 */
#ifndef FW_DELIVERY_SENDER_H
#define FW_DELIVERY_SENDER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <framewire/sender.h>

#include "delivery/collect.h"
#include "delivery/output.h"
#include "delivery/results.h"
#include "memory/pool.h"
#include "net/http.h"
#include "net/security.h"

typedef enum fw_phase {
    FW_RUNNING, /* frames come */
    FW_ENDING,  /* no frame follows, and none waits: the outputs come to their end */
    FW_FINISHED
} fw_phase;

struct fw_sender {
    fw_sender_options options; /* strings are our own; defaults filled in */
    uint64_t epoch;
    void *context;
    fw_security *security;
    fw_pool *pool;
    fw_output *outputs[FW_OUTPUTS_MAX]; /* the first is the one that counts */
    size_t output_count;
    fw_collect *collect; /* NULL: results are not collected */
    fw_results *results;
    fw_http *http;
    int wake_fd; /* eventfd: something for the thread */
    pthread_t thread;
    bool thread_runs;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* room in the queue, takers, phase, broken */
    fw_frame *head, *tail;  /* captured, waiting for an output */
    unsigned queued;
    bool direct;  /* fw_sender_send_directly() */
    bool looking; /* a caller of send waits at the working output: no other thread uses its socket */
    int look_fd;  /* eventfd: it shall look no longer */
    uint64_t next_seq;
    fw_counts counts; /* those that are not derived */
    fw_phase phase;
    bool closing;     /* no frame follows */
    bool started;     /* wait_workers is satisfied */
    fw_time stop_by;  /* FW_FOREVER until fw_sender_stop() */
    fw_status broken; /* what ended it early */
    char cause[1024];
    char held_up[512]; /* by whom, where receivers keep the last memory; empty: nobody does */
    uint8_t header[FW_HEADER_MAX];
};

/* Under the lock: the sender cannot go on. Keeps the first status and this thread's fw_cause(). */
void fw_sender_break(fw_sender *self, fw_status status);

/* Open what options.url and options.side_urls say; the working output is the first. */
fw_status fw_sender_open_outputs(fw_sender *self);

/* From now on a send that waits returns once its frame is taken, instead of leaving it to the queue, and its thread
 * waits at the socket itself: half the wake-ups of going through the sender's thread, and fewer slots in turn, which
 * stay warm. For who does nothing but send. */
void fw_sender_send_directly(fw_sender *self);

/* Under the lock: do those who send look at the working output, so that the sender's thread need not? */
bool fw_sender_is_direct(const fw_sender *self);

/* Under the lock: hand over what waits, in order, as far as the outputs take it. */
void fw_sender_pump(fw_sender *self);

/* Under the lock: the account as it is, without what other parts know. */
void fw_sender_count(fw_sender *self, fw_counts *counts);

/* Under the lock: `end` with the account as it is, padded by so many bytes, into self->header. false: broken. */
bool fw_sender_pack_end(fw_sender *self, size_t pad, fw_packed *packed);

/* The sender's thread. */
void *fw_sender_thread(void *arg);

/* Tell the thread. Any thread. */
void fw_sender_wake(fw_sender *self);

/* The pages of --metrics. arg is the sender. */
void fw_sender_metrics(void *arg, fw_text *text);
bool fw_sender_health(void *arg, fw_text *text);

#endif
