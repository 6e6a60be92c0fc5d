/* What the ledger says is to be done. */
#include "delivery/lease_inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/status.h"
#include "delivery/deadletter.h"

/* Send a frame to the worker that the ledger chose. */
static void do_lease(fw_lease *self, const fw_action *action, fw_time now) {
    fw_client *client = fw_roster_worker(&self->roster, action->worker);
    fw_frame *frame = action->frame;
    fw_header header = fw_lease_frame_header(frame);
    header.attempt = action->attempt;
    header.guarded = action->guarded;
    zmq_msg_t payload;
    size_t payloads = action->hold ? 0 : 1;
    if (action->hold)
        header.place = fw_lease_place(self, frame, action->copy);
    if (client == NULL || !client->connected ||
        (payloads > 0 && !fw_pin_slot(&self->pins, frame->slot, header.format.size, &payload))) {
        fw_ledger_on_return(self->ledger, now, action->worker, action->key);
        return;
    }
    if (!fw_lease_post(self, client, &header, &payload, payloads)) {
        fw_lease_lost(self, client, now);
        return;
    }
    self->output.sent++;
    self->shared += action->hold && !action->copy;
    self->copied += action->hold && action->copy;
}

static void do_word(fw_lease *self, const fw_action *action, fw_kind kind, fw_time now) {
    fw_client *client = fw_roster_worker(&self->roster, action->worker);
    fw_header header = { .kind = kind, .epoch = action->key.epoch, .seq = action->key.seq };
    if (client != NULL && client->connected && !fw_lease_post(self, client, &header, NULL, 0))
        fw_lease_lost(self, client, now);
}

bool fw_lease_settle(fw_lease *self, const fw_frame *frame, const fw_header *answer, const fw_part *parts,
                     zmq_msg_t *payloads) {
    fw_sender *sender = self->output.sender;
    fw_header header = fw_lease_frame_header(frame);
    bool wanted = fw_results_wants_lines(sender->results);
    char *about = wanted ? fw_line_about(&header) : NULL;
    const fw_line line = {
        .stream = sender->options.stream,
        .epoch = sender->epoch,
        .seq = frame->header.seq,
        .item = frame->item,
        .about = about,
    };
    fw_status status = wanted && about == NULL ? fw_fail(FW_NO_MEMORY, "no memory for a result line")
                                               : fw_results_add(sender->results, &line, answer, parts);
    free(about);
    if (status != FW_OK)
        fw_sender_break(sender, status);
    else
        fw_observe_result(self, frame, answer, parts + FW_PARTS_BEFORE_PAYLOAD, payloads);
    return status == FW_OK;
}

/* A frame that nobody could answer: its result is written, and the frame is kept. */
static void do_dead(fw_lease *self, const fw_action *action) {
    const fw_frame *frame = action->frame;
    const fw_client *client = fw_roster_worker(&self->roster, action->worker);
    const char *worker = client != NULL ? client->name : "";
    char why[512];
    snprintf(why, sizeof why, "%s while a worker ran it, %u times; the last was %s",
             action->deadline ? "the deadline passed" : "the process died", self->output.sender->options.attempts,
             worker[0] != '\0' ? worker : "gone");
    fw_warn("%s: frame %" PRIu64 " is dead: %s",
            frame->item != NULL ? frame->item : self->output.sender->options.stream, frame->header.seq, why);
    fw_header answer = {
        .kind = FW_KIND_RESULT,
        .epoch = action->key.epoch,
        .seq = action->key.seq,
        .verdict = FW_DEAD,
        .error = { why, strlen(why) },
        .worker = { worker, strlen(worker) },
        .attempt = action->attempt,
    };
    static const uint8_t nil = 0xc0;
    const char *stream = self->output.sender->options.stream;
    fw_part parts[] = { { stream, strlen(stream) }, { NULL, 0 }, { &nil, 1 } };
    bool written = fw_lease_settle(self, frame, &answer, parts, NULL);
    const char *folder = self->output.sender->options.dead_letter;
    if (written && folder != NULL) {
        fw_status status = fw_dead_letter_save(folder, stream, frame, why, action->attempt, worker);
        if (status != FW_OK)
            fw_sender_break(self->output.sender, status);
    }
}

/* What people are told of workers that cost time. */
static void tell_people(const fw_lease *self, const fw_action *action) {
    const fw_client *client = fw_roster_worker(&self->roster, action->worker);
    const char *name = client != NULL ? client->name : "a worker";
    uint64_t seq = action->key.seq;
    if (client != NULL && client->role == FW_ROLE_OBSERVER)
        return; /* it costs nobody time */
    if (action->kind == FW_ACTION_LATE)
        fw_warn("%s has not answered frame %" PRIu64 " within its deadline; the frame goes to another", name, seq);
    else if (!action->proven)
        fw_warn("%s did not come back; its frames go to others", name);
    else if (action->blamed)
        fw_warn("%s died with frame %" PRIu64 " in hand", name, seq);
    else
        fw_info("%s died", name);
}

void fw_lease_act(fw_lease *self, fw_time now) {
    fw_action action;
    if (fw_ledger_wakes(self->ledger) <= now)
        fw_lease_hear_aside(self, now);
    while (self->output.sender->broken == FW_OK && fw_ledger_next(self->ledger, now, &action)) {
        fw_frame *frame = action.frame;
        switch (action.kind) {
        case FW_ACTION_LEASE:
            do_lease(self, &action, now);
            break;
        case FW_ACTION_GO:
            do_word(self, &action, FW_KIND_GO, now);
            break;
        case FW_ACTION_RECALL:
            do_word(self, &action, FW_KIND_RECALL, now);
            break;
        case FW_ACTION_DEAD:
            do_dead(self, &action);
            break;
        case FW_ACTION_LET_GO:
            (void)fw_map_take(&self->frames, frame->header.seq);
            fw_frame_drop(&frame);
            break;
        case FW_ACTION_LATE:
        case FW_ACTION_DIED:
            tell_people(self, &action);
            break;
        case FW_ACTION_END:
            self->ended = true;
            break;
        }
    }
    fw_status status = fw_ledger_status(self->ledger);
    if (status != FW_OK)
        fw_sender_break(self->output.sender, fw_fail(status, "no memory for the account of frames"));
}
