/* What waits for an observer: the latest frames, oldest dropped first. */
#ifndef FW_DELIVERY_MAILBOX_H
#define FW_DELIVERY_MAILBOX_H

#include <stdint.h>

#include "delivery/ledger.h"
#include "memory/frame.h"

/* A frame that observers may see: shared by all their mailboxes. The ledger has it held meanwhile, so that it is not let
 * go, and whoever it is sent to can hold it as well. */
typedef struct fw_letter {
    unsigned references;
    const fw_frame *frame;
    fw_ledger *ledger;
    fw_worker holder;
} fw_letter;

/* A letter of this frame, with one reference; holder is an observer. NULL: observers may not pin it, or no memory. */
fw_letter *fw_letter_new(fw_ledger *ledger, fw_worker holder, const fw_frame *frame, fw_time now);
fw_letter *fw_letter_share(fw_letter *self);
/* With the last reference the hold ends: the ledger then has something to be done. */
void fw_letter_drop(fw_letter *self);

#define FW_MAILBOX_MAX 64

typedef struct fw_mailbox {
    fw_letter *letters[FW_MAILBOX_MAX];
    unsigned first, count, room;
    uint64_t dropped; /* frames, in all */
} fw_mailbox;

/* Takes a reference of its own. What does not fit is dropped, oldest first. */
void fw_mailbox_put(fw_mailbox *self, fw_letter *letter);

/* The oldest, which stays; NULL: empty. */
const fw_letter *fw_mailbox_first(const fw_mailbox *self);
void fw_mailbox_drop_first(fw_mailbox *self);

void fw_mailbox_clear(fw_mailbox *self);

#endif
