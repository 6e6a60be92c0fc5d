/* A pipeline: source -> decode threads -> sender, with pace, stop and an account. */
#ifndef FRAMEWIRE_PIPELINE_H
#define FRAMEWIRE_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <framewire/export.h>
#include <framewire/sender.h>
#include <framewire/source.h>
#include <framewire/status.h>
#include <framewire/units.h>

FW_BEGIN_DECLS

typedef struct fw_pipeline fw_pipeline;

typedef struct fw_pipeline_options {
    const char *const *sources; /* arguments, as `framewire send` takes them */
    size_t source_count;
    fw_source_options source;
    fw_sender_options sender;
    unsigned threads; /* that decode; 0: one a core */
    double rate;      /* frames a second; 0: as fast as they are taken */
    uint64_t count;   /* stop after so many frames; 0: all */
    bool encode_jpeg; /* what travels is JPEG of this quality */
    int quality;      /* 1-100 */
    bool strict;      /* the first bad input ends the run */
} fw_pipeline_options;

/* The final account, or the account so far. */
typedef struct fw_summary {
    fw_counts counts;
    uint64_t bad;     /* inputs that gave no frame */
    uint64_t missed;  /* frames that a camera's own counter shows were never given to us */
    uint64_t skipped; /* items that --resume knew */
    double seconds;   /* from the first loan until the last frame was done with */
} fw_summary;

/* Open source and sender and start. Strings are copied. Errors: those of fw_source_open() and
 * fw_sender_open(). *self_p is the caller's, NULL on failure. Any thread. */
FW_API fw_status fw_pipeline_open(const fw_pipeline_options *options, fw_pipeline **self_p);

/* Wait until it is finished, or for at most this long: FW_TIMEOUT while it runs on.
 * Finished: FW_OK: all inputs are sent, `end` is said, results are back. FW_CLOSED: it was stopped, and
 * drained. Otherwise what broke it (a result file that cannot be written, a bad input under strict,
 * nobody there within the timeout). One thread. */
FW_API fw_status fw_pipeline_wait(fw_pipeline *self, fw_time timeout);

/* Stop the source, drain, finish. Any thread. */
FW_API void fw_pipeline_stop(fw_pipeline *self);

/* The account at this moment. Any thread. */
FW_API void fw_pipeline_summary(fw_pipeline *self, fw_summary *summary);

/* The sender within, for its URLs and side outputs. Owned by the pipeline. */
FW_API fw_sender *fw_pipeline_sender(fw_pipeline *self);

/* Write a summary as one JSON object with the stream's name, and a newline, into text (FW_TOO_LARGE if it
 * has too little room). Any thread. */
FW_API fw_status fw_pipeline_summary_json(fw_pipeline *self, char *text, size_t room);

/* Stops and frees; clears *self_p. NULL is fine. */
FW_API void fw_pipeline_close(fw_pipeline **self_p);

FW_END_DECLS

#endif
