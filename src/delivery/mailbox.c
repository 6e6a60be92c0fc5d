#include "delivery/mailbox.h"

#include <stdlib.h>

fw_letter *fw_letter_new(fw_ledger *ledger, fw_worker holder, const fw_frame *frame, fw_time now) {
    fw_letter *self = malloc(sizeof *self);
    if (self == NULL)
        return NULL;
    if (!fw_ledger_hold(ledger, now, holder, (fw_key){ frame->header.epoch, frame->header.seq })) {
        free(self);
        return NULL;
    }
    *self = (fw_letter){ .references = 1, .frame = frame, .ledger = ledger, .holder = holder };
    return self;
}

fw_letter *fw_letter_share(fw_letter *self) {
    self->references++;
    return self;
}

void fw_letter_drop(fw_letter *self) {
    if (self == NULL || --self->references > 0)
        return;
    fw_slot *slot = self->frame->slot;
    slot->movable = false;
    fw_ledger_on_release(self->ledger, 0, self->holder, slot->index, slot->gen);
    free(self);
}

const fw_letter *fw_mailbox_first(const fw_mailbox *self) {
    return self->count > 0 ? self->letters[self->first] : NULL;
}

void fw_mailbox_drop_first(fw_mailbox *self) {
    fw_letter *letter = self->letters[self->first];
    self->first = (self->first + 1) % FW_MAILBOX_MAX;
    self->count--;
    fw_letter_drop(letter);
}

void fw_mailbox_put(fw_mailbox *self, fw_letter *letter) {
    while (self->count > 0 && self->count >= self->room) {
        fw_mailbox_drop_first(self);
        self->dropped++;
    }
    self->letters[(self->first + self->count) % FW_MAILBOX_MAX] = fw_letter_share(letter);
    self->count++;
}

void fw_mailbox_clear(fw_mailbox *self) {
    while (self->count > 0)
        fw_mailbox_drop_first(self);
}
