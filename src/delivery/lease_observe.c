/* Observers: they see what they have time for, and never hold anybody up.
 *
 * A frame that waits for them is held in the ledger by the hub itself, the first of all observers; who is in at the door
 * then holds what it is sent. So all that observers keep from being used again is in one account, a quarter of the memory,
 * but for payloads that are on their way over ZeroMQ. */
#include "delivery/lease_inside.h"

#include <string.h>

#include "base/status.h"

/* Results that an observer inside has not read: what is too large for the door's buffer is in memory of its own until then. */
#define UNREAD_MAX ((size_t)16 << 20)

fw_status fw_observe_open(fw_lease *self) {
    const fw_hello hello = { .observer = true }; /* no receiver has the instance 0 */
    self->mail = fw_ledger_on_hello(self->ledger, 0, &hello);
    return self->mail != 0 ? FW_OK : fw_fail(FW_NO_MEMORY, "no memory for what observers see");
}

static fw_letter *new_letter(fw_lease *self, const fw_frame *frame, fw_time now) {
    size_t travelling = atomic_load(&self->watched.bytes);
    fw_ledger_totals totals;
    fw_ledger_total(self->ledger, &totals);
    if (travelling > 0 && travelling + totals.watched + frame->slot->room > self->output.sender->options.memory / 4)
        return NULL;
    return fw_letter_new(self->ledger, self->mail, frame, now);
}

static bool waits_from(const fw_client *client, uint64_t seq) {
    const fw_letter *first = fw_mailbox_first(&client->mail);
    return first != NULL && first->frame->header.seq <= seq;
}

/* Drop the oldest frame that waits. false: none does. */
static bool drop_oldest(fw_lease *self) {
    uint64_t oldest = UINT64_MAX;
    FW_ROSTER_EACH(&self->roster, client)
    if (waits_from(client, oldest))
        oldest = fw_mailbox_first(&client->mail)->frame->header.seq;
    FW_ROSTER_EACH(&self->roster, client)
    if (waits_from(client, oldest)) {
        client->mail.dropped++;
        fw_mailbox_drop_first(&client->mail);
    }
    return oldest != UINT64_MAX;
}

/* The frame shall be seen by observers: what waits gives way to it. */
static void show(fw_lease *self, const fw_frame *frame, fw_time now) {
    fw_letter_drop(self->latest);
    do
        self->latest = new_letter(self, frame, now);
    while (self->latest == NULL && self->observers > 0 && drop_oldest(self));
}

/* A frame that nobody but the hub holds may be moved. */
static void mark(const fw_lease *self, const fw_letter *letter) {
    fw_ledger_frame look;
    fw_key key = { letter->frame->header.epoch, letter->frame->header.seq };
    letter->frame->slot->movable =
        fw_ledger_look_frame(self->ledger, key, &look) && look.state == FW_FRAME_SETTLED && look.holders == 1;
}

void fw_observe_rest(fw_lease *self) {
    if (self->latest != NULL)
        mark(self, self->latest);
    if (self->observers == 0)
        return;
    FW_ROSTER_EACH(&self->roster, client)
    for (unsigned i = 0; i < client->mail.count; i++)
        mark(self, client->mail.letters[(client->mail.first + i) % FW_MAILBOX_MAX]);
}

/* To who is in: where the frame lies. */
static bool send_place(fw_lease *self, fw_client *client, fw_header *header, const fw_frame *frame, fw_time now) {
    if (!fw_ledger_hold(self->ledger, now, client->worker, (fw_key){ header->epoch, header->seq }))
        return false;
    frame->slot->movable = false;
    header->place = fw_lease_place(self, frame, false);
    if (fw_lease_post(self, client, header, NULL, 0))
        return true;
    fw_ledger_on_release(self->ledger, now, client->worker, frame->slot->index, frame->slot->gen);
    return false;
}

static bool send_payload(fw_lease *self, fw_client *client, const fw_header *header, const fw_frame *frame) {
    zmq_msg_t payload;
    return fw_pin_slot(&self->watched, frame->slot, header->format.size, &payload) &&
           fw_lease_post(self, client, header, &payload, 1);
}

void fw_observe_serve(fw_lease *self, fw_client *client, fw_time now) {
    const fw_letter *letter;
    while (client->connected && !client->full && client->credit > 0 &&
           (letter = fw_mailbox_first(&client->mail)) != NULL) {
        fw_header header = fw_lease_frame_header(letter->frame);
        header.attempt = 1;
        header.lost = client->mail.dropped;
        bool sent = client->inside ? send_place(self, client, &header, letter->frame, now)
                                   : send_payload(self, client, &header, letter->frame);
        if (client->full) /* it waits, or gives way to a later one */
            return;
        fw_mailbox_drop_first(&client->mail);
        client->credit--;
        client->mail.dropped += !sent;
    }
}

void fw_observe_frame(fw_lease *self, const fw_frame *frame, fw_time now) {
    show(self, frame, now);
    if (self->observers == 0)
        return;
    FW_ROSTER_EACH(&self->roster, client) {
        if (client->role != FW_ROLE_OBSERVER || !client->connected || !client->takes || client->left)
            continue;
        if (self->latest != NULL)
            fw_mailbox_put(&client->mail, self->latest);
        else
            client->mail.dropped++;
        fw_observe_serve(self, client, now);
    }
}

void fw_observe_join(fw_lease *self, fw_client *client) {
    fw_mailbox_clear(&client->mail);
    if (self->latest != NULL && client->takes)
        fw_mailbox_put(&client->mail, self->latest);
}

void fw_observe_room(fw_lease *self, fw_client *client, fw_time now) {
    client->full = false;
    fw_observe_serve(self, client, now);
    if (self->said_end != 0 && !client->told_end)
        fw_lease_tell_end(self, client);
}

void fw_observe_end(fw_client *client) {
    client->mail.dropped += client->mail.count;
    fw_mailbox_clear(&client->mail);
}

/* A result through the door. */
static bool send_result_inside(fw_lease *self, fw_client *client, const fw_header *header, const fw_part *payloads,
                               size_t count) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += payloads[i].size;
    if (fw_visitor_keeps_up(client->visitor))
        client->unread = 0;
    if (client->full || (client->unread > 0 && client->unread + size > UNREAD_MAX))
        return false;
    client->unread += size;
    return fw_lease_post_inside(self, client, header, payloads, count);
}

/* A result over ZeroMQ. messages: as it came, to be shared; NULL: it came by the door. */
static bool send_result(fw_lease *self, fw_client *client, const fw_header *header, const fw_part *payloads,
                        zmq_msg_t *messages, size_t count) {
    zmq_msg_t copies[1 + FW_RESULT_ARRAYS_MAX];
    for (size_t i = 0; i < count; i++) {
        if (messages == NULL && zmq_msg_init_size(&copies[i], payloads[i].size) == 0) {
            if (payloads[i].size > 0)
                memcpy(zmq_msg_data(&copies[i]), payloads[i].data, payloads[i].size);
            continue;
        }
        zmq_msg_init(&copies[i]);
        if (messages == NULL || zmq_msg_copy(&copies[i], &messages[i]) != 0) {
            while (i-- > 0)
                zmq_msg_close(&copies[i]);
            return false;
        }
    }
    return fw_lease_post(self, client, header, copies, count);
}

void fw_observe_result(fw_lease *self, const fw_frame *frame, const fw_header *answer, const fw_part *payloads,
                       zmq_msg_t *messages) {
    if (self->observers == 0)
        return;
    fw_header header = fw_lease_frame_header(frame);
    header.kind = FW_KIND_RESULT;
    header.attempt = answer->attempt;
    header.worker = answer->worker;
    header.verdict = answer->verdict;
    header.error = answer->error;
    header.array_count = answer->array_count;
    header.arrays = answer->arrays;
    size_t count = 1 + answer->array_count;
    FW_ROSTER_EACH(&self->roster, client) {
        if (client->role != FW_ROLE_OBSERVER || !client->connected || !client->wants_results || client->left)
            continue;
        header.lost = client->results_lost;
        bool sent = client->inside ? send_result_inside(self, client, &header, payloads, count)
                                   : send_result(self, client, &header, payloads, messages, count);
        client->results_lost += !sent;
    }
}
