/* Observers: they see what they have time for, and never hold anybody up. */
#include "delivery/lease_inside.h"

#include "base/log.h"

/* May observers pin one frame more? A quarter of the memory is theirs, and one frame in any case. */
static bool may_pin(const fw_lease *self, const fw_frame *frame) {
    size_t held = atomic_load(&self->watched.bytes) + self->letters;
    return held == 0 || held + frame->slot->room <= self->output.sender->options.memory / 4;
}

void fw_observe_serve(fw_lease *self, fw_client *client) {
    while (client->connected && client->credit > 0 && client->mail.count > 0) {
        fw_letter *letter = fw_mailbox_take(&client->mail);
        fw_header header = letter->header;
        header.attempt = 1;
        header.lost = client->mail.dropped;
        zmq_msg_t payload;
        bool sent = fw_pin_slot(&self->watched, letter->slot, header.format.size, &payload) &&
                    fw_lease_post(self, client, &header, &payload, 1);
        fw_letter_drop(letter);
        client->credit--;
        client->mail.dropped += !sent;
    }
}

void fw_observe_frame(fw_lease *self, const fw_frame *frame) {
    fw_letter_drop(self->latest); /* a quarter of the memory is for what is new */
    self->latest = NULL;
    fw_header header = fw_lease_frame_header(frame);
    if (may_pin(self, frame))
        self->latest = fw_letter_new(&header, frame->slot, &self->letters);
    if (self->observers == 0)
        return;
    FW_ROSTER_EACH(&self->roster, client) {
        if (client->role != FW_ROLE_OBSERVER || !client->connected || !client->takes || client->left)
            continue;
        if (self->latest != NULL)
            fw_mailbox_put(&client->mail, self->latest);
        else
            client->mail.dropped++;
        fw_observe_serve(self, client);
    }
}

void fw_observe_join(fw_lease *self, fw_client *client) {
    fw_mailbox_clear(&client->mail);
    if (self->latest != NULL && client->takes)
        fw_mailbox_put(&client->mail, self->latest);
}

void fw_observe_result(fw_lease *self, const fw_frame *frame, const fw_header *answer, zmq_msg_t *payloads) {
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
        zmq_msg_t copies[1 + FW_RESULT_ARRAYS_MAX];
        for (size_t i = 0; i < count; i++) {
            zmq_msg_init(&copies[i]);
            zmq_msg_copy(&copies[i], &payloads[i]);
        }
        header.lost = client->mail.dropped;
        client->mail.dropped += !fw_lease_post(self, client, &header, copies, count);
    }
}
