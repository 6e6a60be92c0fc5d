/* A frame on its way: a slot (or memory of its own) and the header it will travel with. */
#ifndef FW_MEMORY_FRAME_H
#define FW_MEMORY_FRAME_H

#include <framewire/frame.h>

#include "memory/pool.h"
#include "wire/header.h"

struct fw_frame {
    fw_header header; /* kind frame; stream, epoch and seq are given on send */
    fw_meta meta;     /* packed, grows; header.meta points here on send */
    char *item;       /* malloc'ed or NULL; header.item points here */
    fw_slot *slot;    /* NULL: data is malloc'ed */
    void *data;
    size_t room;
    fw_frame *next; /* in the sender's queue */

    /* Of a frame that was received; else NULL. */
    void (*drop)(fw_frame *self); /* frees it, instead of what follows from the above */
    const char *stream;           /* its name */
    const char *transport;        /* how its payload came */
};

/* A frame over a slot (takes the caller's reference), or over memory of its own (slot NULL: 64-byte aligned, malloc'ed).
 * format must be complete. Sets time and monotonic. */
fw_status fw_frame_new(const fw_format *format, fw_slot *slot, fw_frame **frame_p);

/* Gives the slot back. NULL is fine; clears *frame_p. */
void fw_frame_drop(fw_frame **frame_p);

#endif
