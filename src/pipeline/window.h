/* A reorder window: what threads finish in any order is delivered in order, each by whoever finds it next in line. Nobody
 * waits for a slower one before it, unless that is a whole window behind. */
#ifndef FW_PIPELINE_WINDOW_H
#define FW_PIPELINE_WINDOW_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <framewire/status.h>

typedef struct fw_window {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    uint64_t next;   /* the ticket that is to be delivered */
    bool delivering; /* somebody is at it */
    unsigned width;
    void **finished; /* by ticket, modulo the width; NULL: not yet */
} fw_window;

/* Errors: FW_NO_MEMORY. */
fw_status fw_window_open(fw_window *self, unsigned width);

/* Wait until a ticket has room. Every ticket from 0 on must finish, or all behind it wait. Any thread, as all of these. */
void fw_window_enter(fw_window *self, uint64_t ticket);

/* Something is finished. Returns what the caller is to deliver now; NULL: others will. */
void *fw_window_finish(fw_window *self, uint64_t ticket, void *thing);

/* The caller has delivered what it was given. Returns what it is to deliver next; NULL: nothing now. */
void *fw_window_delivered(fw_window *self);

void fw_window_close(fw_window *self);

#endif
