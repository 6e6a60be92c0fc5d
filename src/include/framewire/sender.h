/* A sender: takes frames and delivers them. It owns the frame memory. */
#ifndef FRAMEWIRE_SENDER_H
#define FRAMEWIRE_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <framewire/export.h>
#include <framewire/frame.h>
#include <framewire/status.h>
#include <framewire/units.h>

FW_BEGIN_DECLS

typedef struct fw_sender fw_sender;

/* What loaning does when the memory budget, or the queue of waiting frames, is used up. */
typedef enum fw_when_full {
    FW_WAIT,        /* wait for a frame to be let go */
    FW_DROP_OLDEST, /* drop the oldest frame that waits; the new one where none waits */
    FW_DROP_NEWEST  /* drop the new one: the loan returns FW_FULL, and counts it */
} fw_when_full;

/* A worker's result, as it is given to a callback. All pointers are valid during the call only. */
typedef struct fw_result {
    const char *stream;
    uint64_t epoch, seq;
    const char *item;   /* "" where the source has none */
    const char *status; /* "done", "error" or "dead" */
    const char *error;  /* NULL unless status is "error" or "dead" */
    const char *worker; /* who answered, like "host/4242" */
    const void *value;  /* msgpack */
    size_t value_size;
    const char *json; /* the whole result as one line of JSON, without its newline */
} fw_result;

typedef struct fw_sender_options {
    const char *url;              /* the output, and how: tcp:// or ipc:// (leased), push+tcp://, pub+tcp://, ... */
    const char *const *side_urls; /* more outputs, NULL-terminated: pub+, or more addresses of a leased one */
    const char *stream;           /* 1-128 bytes of UTF-8, no control characters; default "frames" */
    size_t memory;                /* the budget for frames in bytes; default 1 GiB */
    bool huge_pages;              /* of those that the system reserves or allows; where there are none, it is said */
    fw_when_full when_full;
    unsigned queue;            /* frames that may wait for their turn; 0: 4, of a leased FW_WAIT sender 1 */
    fw_time queue_time;        /* under FW_DROP_OLDEST: drop what waits longer than this, but for two; 0: off */
    unsigned wait_workers;     /* loaning waits until so many workers or peers are there */
    fw_time drain;             /* how long a stop waits for frames in flight; 0: 5 s */
    fw_time deadline;          /* leased: from a frame's start to its result; with collect: results not back after
                                     this much silence are lost; 0: 30 s */
    fw_time timeout;           /* how long to wait for the other side; 0: for ever */
    const char *collect;       /* with push+: where results come in (PULL), like tcp://0.0.0.0:5556 */
    unsigned attempts;         /* leased: proven deaths or missed deadlines until a frame is dead; 0: 3 */
    const char *dead_letter;   /* leased: a folder where dead frames are saved; NULL: nowhere */
    const char *results;       /* results as JSON lines: a file, or "-" for stdout */
    const char *result_arrays; /* a folder for arrays in results, as .npy */
    bool resume;               /* go on with a results file that is not empty */
    bool retry_errors;         /* with resume: items whose line says `error` are not skipped */
    fw_time sync;              /* how often results are forced to disk; 0: 1 s */
    void (*on_result)(void *arg, const fw_result *result); /* on the sender's thread */
    void *arg;
    const char *keys;       /* a folder made by fw_keys_make(): CURVE on every socket */
    const char *allow;      /* with keys: a file of public keys that may connect, one a line */
    const char *metrics;    /* ADDR:PORT of /metrics and /health; NULL: off */
    const char *ready_file; /* gets the URLs once they listen, one a line */
    const char *door;       /* the folder where local receivers find the shared memory; NULL: FRAMEWIRE_DOOR,
                               else $XDG_RUNTIME_DIR/framewire, else /tmp/framewire-UID */
    const char *door_group; /* a group, by name or number, whose members may read the shared memory, too; NULL: none */
} fw_sender_options;

#define FW_SENDER_OPTIONS(...) (&(fw_sender_options){ __VA_ARGS__ })

/* The account. Always captured = done + dead + dropped + in_flight for a leased output, and
 * captured = sent + dropped + in_flight for push+ and pub+. */
typedef struct fw_counts {
    bool leases; /* the first output is leased: frames are done or dead, not sent */
    uint64_t captured, sent, done, dead, dropped, in_flight;
    uint64_t leased;      /* of in_flight: with a worker */
    uint64_t quarantined; /* frames whose memory is kept for workers that are past their deadline and may read it */
    uint64_t results, errors, lost, duplicates, redelivered; /* lost = sent - results, where results are collected */
    uint64_t unknown;           /* results that belong to no frame of this run, and messages that break the format */
    uint64_t shared, copied;    /* leases whose frame is read in shared memory; copied from there by its reader */
    uint64_t bytes;             /* of payloads, sent */
    uint64_t nulls;             /* NaN and infinities that became null in JSON */
    uint64_t arrays_not_kept;   /* arrays in results, without result_arrays */
    uint64_t workers;           /* that came to a leased output, in all */
    unsigned peers;             /* connected to the first output now */
    unsigned waiting;           /* frames ready to go */
    size_t memory, memory_used; /* the budget, and what slots take of it now */
    fw_time started;            /* of CLOCK_MONOTONIC: the first frame's loan; 0 before */
    fw_time ended;              /* of CLOCK_MONOTONIC: no frame follows, and none is open; 0 before */
} fw_counts;

/* An output beside the first, with its own account. */
typedef struct fw_side_counts {
    const char *url; /* owned by the sender */
    uint64_t sent, dropped;
    unsigned peers;
} fw_side_counts;

/* Open a sender: bind (or with ?connect, connect) its outputs and start its thread.
 *
 * Strings are copied. On success *self_p is the caller's, to be given to fw_sender_close(); on
 * failure it is NULL. Errors: FW_INVALID (the URL or an option), FW_UNSUPPORTED, FW_IN_USE,
 * FW_DENIED, FW_IO, FW_NO_MEMORY. Any thread.
 */
FW_API fw_status fw_sender_open(const fw_sender_options *options, fw_sender **self_p);

/* Lend a frame of this format: memory of the sender's, to be filled in place.
 *
 * Waits while the memory budget is used up, or returns FW_FULL where the options say so.
 * The frame's bytes are uninitialised, 64-byte aligned, and the caller's alone until
 * fw_sender_send() or fw_sender_discard() takes it back.
 *
 * Any thread. Errors: FW_INVALID (the format), FW_FULL, FW_TOO_LARGE (more than the largest block
 * of the budget), FW_NOT_FOUND (nobody came in options.timeout), FW_CLOSED; *frame_p is then NULL.
 */
FW_API fw_status fw_sender_loan(fw_sender *self, const fw_format *format, fw_frame **frame_p);

/* Deliver a frame. Takes it, whatever happens, and clears *frame_p. Gives it its `seq`, in call order.
 * Waits while the queue is full and options.when_full is FW_WAIT. Any thread. Errors: FW_CLOSED. */
FW_API fw_status fw_sender_send(fw_sender *self, fw_frame **frame_p);

/* Give a loaned frame back, unsent: it is not captured, and takes no `seq`. NULL is fine. Any thread. */
FW_API void fw_sender_discard(fw_sender *self, fw_frame **frame_p);

/* Say that no frame follows, deliver what waits, say `end` to every receiver, collect results.
 *
 * Waits as long as receivers take frames; one that takes nothing for options.drain is named and left, and what
 * it had not taken counts as in flight. FW_OK: all done; FW_TIMEOUT: frames are left in flight, or results are
 * lost; else what broke the sender. One thread, after the last send.
 */
FW_API fw_status fw_sender_finish(fw_sender *self);

/* Take no more frames, and wait for nothing longer than options.drain from now: loans return FW_CLOSED, frames
 * on loan can still be sent (without waiting), fw_sender_finish() ends in time. Any thread. */
FW_API void fw_sender_stop(fw_sender *self);

/* The account at this moment: one consistent snapshot. Any thread. */
FW_API void fw_sender_counts(fw_sender *self, fw_counts *counts);
FW_API size_t fw_sender_sides(fw_sender *self, fw_side_counts *sides, size_t room);

/* Where it listens, with the port that the system chose: the first output for 0, then the side
 * outputs, then collect; NULL beyond. Owned by the sender. Any thread. */
FW_API const char *fw_sender_url(const fw_sender *self, size_t index);

/* This run's random number, which every frame of it carries. Any thread. */
FW_API uint64_t fw_sender_epoch(const fw_sender *self);

/* Close: stops without draining if fw_sender_finish() was not called, frees all, clears *self_p.
 * NULL is fine. Frames on loan must have been sent or discarded. One thread. */
FW_API void fw_sender_close(fw_sender **self_p);

FW_END_DECLS

#endif
