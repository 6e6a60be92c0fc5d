/* Turns: threads that work out of order pass a point in order. */
#ifndef FW_PIPELINE_TURNS_H
#define FW_PIPELINE_TURNS_H

#include <pthread.h>
#include <stdint.h>

typedef struct fw_turns {
    pthread_mutex_t lock;
    pthread_cond_t passed;
    uint64_t next;
    unsigned waiting;
} fw_turns;

void fw_turns_init(fw_turns *self);

/* Wait for one's turn, and then give it to the next. Every ticket from 0 on must take its turn, or all behind it wait. */
void fw_turns_take(fw_turns *self, uint64_t ticket);
void fw_turns_pass(fw_turns *self);

void fw_turns_destroy(fw_turns *self);

#endif
