#include "delivery/mailbox.h"

#include <stdlib.h>
#include <string.h>

fw_letter *fw_letter_new(const fw_header *header, fw_slot *slot, size_t *pinned) {
    fw_letter *self = malloc(sizeof *self + header->item.size + header->meta.size);
    if (self == NULL)
        return NULL;
    char *item = (char *)(self + 1), *meta = item + header->item.size;
    *self = (fw_letter){ .references = 1, .slot = slot, .pinned = pinned, .header = *header };
    if (header->item.size > 0)
        memcpy(item, header->item.data, header->item.size);
    if (header->meta.size > 0)
        memcpy(meta, header->meta.data, header->meta.size);
    self->header.item.data = item;
    self->header.meta.data = meta;
    fw_slot_retain(slot);
    slot->movable = true;
    *pinned += slot->room;
    return self;
}

fw_letter *fw_letter_share(fw_letter *self) {
    self->references++;
    return self;
}

void fw_letter_drop(fw_letter *self) {
    if (self == NULL || --self->references > 0)
        return;
    *self->pinned -= self->slot->room;
    self->slot->movable = false;
    fw_slot_release(self->slot);
    free(self);
}

fw_letter *fw_mailbox_take(fw_mailbox *self) {
    if (self->count == 0)
        return NULL;
    fw_letter *letter = self->letters[self->first];
    self->first = (self->first + 1) % FW_MAILBOX_MAX;
    self->count--;
    return letter;
}

void fw_mailbox_put(fw_mailbox *self, fw_letter *letter) {
    while (self->count > 0 && self->count >= self->room) {
        fw_letter_drop(fw_mailbox_take(self));
        self->dropped++;
    }
    self->letters[(self->first + self->count) % FW_MAILBOX_MAX] = fw_letter_share(letter);
    self->count++;
}

void fw_mailbox_clear(fw_mailbox *self) {
    while (self->count > 0)
        fw_letter_drop(fw_mailbox_take(self));
}
