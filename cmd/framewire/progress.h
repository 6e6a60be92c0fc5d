/* How far it is: a line that is kept up to date on a terminal, a line now and then elsewhere, a sentence at the end. */
#ifndef FRAMEWIRE_CMD_PROGRESS_H
#define FRAMEWIRE_CMD_PROGRESS_H

#include <stdbool.h>

#include <framewire/pipeline.h>

struct progress {
    bool collects;          /* results come back */
    bool rewrites;          /* there is a status line to keep up to date */
    fw_time next_line;      /* where stderr is no terminal */
    fw_time since;          /* the window that rates are taken over */
    uint64_t frames, bytes; /* then */
    double fps, per_second;
};

/* Call it a few times a second. */
void progress_show(struct progress *self, fw_pipeline *pipeline);

/* The account in one sentence. */
void progress_sum_up(const struct progress *self, const fw_summary *summary);

#endif
