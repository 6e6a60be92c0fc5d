/* The way from the last frame to the end: all pipes empty, `end` to every receiver, results in.
 *
 * Driven by the sender's thread, under its lock.
 */
#ifndef FW_DELIVERY_FLUSH_H
#define FW_DELIVERY_FLUSH_H

#include <stdbool.h>

#include "delivery/sender.h"

typedef struct fw_flush {
    fw_sender *sender;
    fw_time progress;   /* when libzmq last let go of something */
    size_t held;        /* what it held then */
    bool left;          /* a peer took nothing for too long, and was left */
    unsigned ends_due;  /* of the working output: `end`s not handed over yet */
    fw_time ends_since; /* when the first `end` was said */
    fw_time repeat;     /* when the side outputs say it again */
} fw_flush;

/* Somebody came to an output: who comes late is told the end too. */
void fw_flush_came(fw_flush *self, const fw_output *output);

/* Do what is due. true: finished, or broken, or out of time. */
bool fw_flush_step(fw_flush *self, fw_time now);

#endif
