/* Where results go: JSON lines in a file that is locked, append-only and whole after a crash; arrays as .npy.
 *
 * One thread at a time.
 */
#ifndef FW_DELIVERY_RESULTS_H
#define FW_DELIVERY_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <framewire/sender.h>

#include "delivery/known.h"
#include "wire/header.h"
#include "wire/message.h"

typedef struct fw_results fw_results;

typedef struct fw_results_options {
    const char *path;   /* "-": stdout; NULL: lines go nowhere */
    const char *arrays; /* a folder, made if missing; NULL: arrays are not kept */
    bool resume;        /* go on with a file that is not empty */
    bool retry_errors;
    fw_time sync;                                          /* how often what was written is forced to disk */
    void (*on_result)(void *arg, const fw_result *result); /* is given each result as well; NULL: nobody */
    void *arg;
} fw_results_options;

/* Open and lock the file, cut a torn last line, and with resume read which items have their result.
 * Errors: FW_IN_USE (another sender writes it, or it is not empty without resume), FW_DENIED, FW_NOT_FOUND, FW_IO. */
fw_status fw_results_open(const fw_results_options *options, fw_results **self_p);

/* Has this item its result from an earlier run? Any thread: nothing is added after open. */
bool fw_results_knows(const fw_results *self, const char *item, fw_known_file *file_p);

/* false: no line is written or told, and none need be made. */
bool fw_results_wants_lines(const fw_results *self);

/* What a result's line says beside the worker's answer. */
typedef struct fw_line {
    const char *stream;
    uint64_t epoch, seq;
    const char *item;  /* NULL: none */
    const char *about; /* the frame's own fields as JSON, from fw_line_about(); NULL where no line is wanted */
} fw_line;

/* The fields of a line that are known when the frame is sent: "time":...,"meta":{...}. malloc'ed; NULL: no memory. */
char *fw_line_about(const fw_header *header);

/* Write one line, in one write(), before it returns, and the arrays that belong to it; then tell on_result. answer and
 * parts are a message that fw_message_check() has passed.
 * Errors: FW_IO ("results.jsonl: No space left on device"): what was written before stays whole. */
fw_status fw_results_add(fw_results *self, const fw_line *line, const fw_header *answer, const fw_part *parts);

/* Force what was written to disk, if it is time. */
fw_status fw_results_tick(fw_results *self, fw_time now);

uint64_t fw_results_nulls(const fw_results *self);
uint64_t fw_results_arrays_not_kept(const fw_results *self);

/* Forces all to disk. NULL is fine; clears *self_p. */
fw_status fw_results_close(fw_results **self_p);

#endif
