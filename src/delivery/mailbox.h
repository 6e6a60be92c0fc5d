/* What waits for an observer: the latest frames, oldest dropped first. */
#ifndef FW_DELIVERY_MAILBOX_H
#define FW_DELIVERY_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "memory/pool.h"
#include "wire/header.h"

/* A frame that observers may see: shared by all their mailboxes. */
typedef struct fw_letter {
    unsigned references;
    fw_slot *slot;
    size_t *pinned;   /* the bytes of slots that letters pin: the hub's */
    fw_header header; /* its texts lie behind the struct */
} fw_letter;

/* A letter of this frame, with one reference. NULL: no memory. */
fw_letter *fw_letter_new(const fw_header *header, fw_slot *slot, size_t *pinned);
fw_letter *fw_letter_share(fw_letter *self);
void fw_letter_drop(fw_letter *self);

#define FW_MAILBOX_MAX 64

typedef struct fw_mailbox {
    fw_letter *letters[FW_MAILBOX_MAX];
    unsigned first, count, room;
    uint64_t dropped; /* since the last one that was taken */
} fw_mailbox;

/* Takes a reference of its own. What does not fit is dropped, oldest first. */
void fw_mailbox_put(fw_mailbox *self, fw_letter *letter);

/* The oldest, with its reference; NULL: empty. */
fw_letter *fw_mailbox_take(fw_mailbox *self);

void fw_mailbox_clear(fw_mailbox *self);

#endif
