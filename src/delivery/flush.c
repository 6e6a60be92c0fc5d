#include "delivery/flush.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"

#define REPEAT (200 * FW_MS)

void fw_flush_came(fw_flush *self, const fw_output *output) {
    if (self->sender->phase != FW_ENDING)
        return;
    if (output->push)
        self->ends_due = fw_output_takers(output);
    else
        self->repeat = 0;
}

static bool pack_end(fw_sender *sender, fw_packed *packed) {
    static const char padding[FW_END_PAD];
    fw_meta meta = { 0 };
    fw_status status = fw_meta_text(&meta, "pad", padding, sizeof padding);
    fw_header header = {
        .kind = FW_KIND_END,
        .epoch = sender->epoch,
        .captured = sender->counts.captured,
        .sent = sender->outputs[0]->sent,
        .dropped = sender->counts.dropped,
        .meta = { (const char *)meta.packed, meta.size },
        .meta_count = meta.count,
    };
    *packed = (fw_packed){ .stream = sender->options.stream, .header = sender->header };
    if (status == FW_OK)
        status = fw_header_pack(&header, sender->header, sizeof sender->header, &packed->header_size);
    fw_meta_free(&meta);
    if (status != FW_OK)
        fw_sender_break(sender, status);
    return status == FW_OK;
}

static size_t held_by_working(const fw_sender *sender) {
    const fw_output *first = sender->outputs[0];
    return first->push ? atomic_load(&first->held) : 0;
}

/* Does the working output still move? A peer that takes nothing for the drain time is named and left. */
static bool moves(fw_flush *self, fw_time now) {
    fw_sender *sender = self->sender;
    size_t held = held_by_working(sender) + self->ends_due;
    if (self->progress == 0 || held != self->held)
        self->progress = now;
    if (held == 0)
        return false;
    self->held = held;
    if (now < fw_after(self->progress, sender->options.drain) && now < sender->stop_by)
        return true;
    fw_warn("%s: a receiver takes nothing for %.3g s and is left; %zu messages stay untaken",
            sender->outputs[0]->socket->bound, (double)sender->options.drain / (double)FW_SECOND, held);
    self->left = true;
    return false;
}

/* What libzmq still holds when its peer is left was never taken: it is in flight, not sent. */
static void take_back_untaken(fw_flush *self) {
    fw_output *first = self->sender->outputs[0];
    uint64_t held = held_by_working(self->sender);
    first->sent -= held < first->sent ? held : first->sent;
}

static void say_end(fw_flush *self, fw_time now) {
    fw_sender *sender = self->sender;
    fw_packed packed;
    bool repeat = now >= self->repeat;
    if ((self->ends_due == 0 && !repeat) || !pack_end(sender, &packed))
        return;
    if (self->ends_due > fw_output_takers(sender->outputs[0]))
        self->ends_due = fw_output_takers(sender->outputs[0]);
    while (self->ends_due > 0 && fw_output_send_end(sender->outputs[0], &packed))
        self->ends_due--;
    for (size_t i = 0; repeat && i < sender->output_count; i++)
        if (!sender->outputs[i]->push)
            (void)fw_output_send_end(sender->outputs[i], &packed);
    if (repeat)
        self->repeat = fw_after(now, REPEAT);
}

/* Side outputs say the end through the drain time, since subscribers may be late and cannot be asked. */
static bool sides_done(const fw_flush *self, fw_time now) {
    const fw_sender *sender = self->sender;
    bool has_pub = !sender->outputs[0]->push || sender->output_count > 1;
    fw_time until = fw_after(self->ends_since, sender->options.drain);
    return !has_pub || now >= (until < sender->stop_by ? until : sender->stop_by);
}

static bool results_done(const fw_flush *self, fw_time now) {
    const fw_sender *sender = self->sender;
    fw_collect *collect = sender->collect;
    if (collect == NULL || now >= sender->stop_by)
        return true;
    pthread_mutex_lock(&collect->lock);
    bool all = collect->open.count == 0;
    fw_time since = collect->last > self->ends_since ? collect->last : self->ends_since;
    pthread_mutex_unlock(&collect->lock);
    return all || now >= fw_after(since, sender->options.deadline);
}

bool fw_flush_step(fw_flush *self, fw_time now) {
    fw_sender *sender = self->sender;
    if (sender->broken != FW_OK || (sender->closing && sender->stop_by == 0))
        return true;
    if (sender->phase == FW_RUNNING && sender->closing) {
        if (sender->head != NULL && now < sender->stop_by)
            return false;
        sender->phase = FW_FLUSHING;
        for (size_t i = 0; i < sender->output_count; i++)
            atomic_store(&sender->outputs[i]->flushing, true);
    }
    /* libzmq hands frames to a peer before its monitor tells of it: that peer is due an `end` too. */
    fw_output *first = sender->outputs[0];
    bool untold = first->push && fw_output_takers(first) == 0 && fw_output_takes(first) && now < sender->stop_by;
    if (sender->phase == FW_FLUSHING && !moves(self, now) && !untold) {
        if (self->left)
            take_back_untaken(self);
        sender->phase = FW_ENDING;
        self->ends_since = now;
        self->ends_due = sender->outputs[0]->push ? fw_output_takers(sender->outputs[0]) : 0;
        self->progress = 0;
    }
    if (sender->phase != FW_ENDING)
        return false;
    say_end(self, now);
    bool gone = self->left || !moves(self, now);
    return gone && sides_done(self, now) && results_done(self, now);
}
