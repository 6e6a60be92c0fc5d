/* Quarantine: slots that a worker past its deadline may still read. They are not filled anew before it releases them or
 * dies, whoever else waits for memory: then people are told whom they wait for. */
#include "delivery/lease_inside.h"

#include <stdio.h>

#include "base/log.h"

static bool is_used_up(const fw_lease *self) {
    const fw_sender *sender = self->output.sender;
    size_t slots, used = fw_pool_used(sender->pool, &slots);
    return fw_pool_waiting(sender->pool) > 0 || used + self->room > sender->options.memory;
}

void fw_lease_watch_quarantine(fw_lease *self) {
    fw_sender *sender = self->output.sender;
    const fw_client *worst = NULL;
    unsigned most = 0;
    self->quarantined = 0;
    FW_ROSTER_EACH(&self->roster, client) {
        fw_ledger_worker look;
        if (client->worker == 0 || !fw_ledger_look(self->ledger, client->worker, &look) || !look.late)
            continue;
        self->quarantined += look.holds;
        if (look.holds > most) {
            worst = client;
            most = look.holds;
        }
    }
    bool was = sender->held_up[0] != '\0';
    sender->held_up[0] = '\0';
    if (worst == NULL || !is_used_up(self))
        return;
    snprintf(sender->held_up, sizeof sender->held_up,
             "no memory is left: %u frames are with workers past their deadline, %u of them with %s", self->quarantined,
             most, worst->name);
    if (!was)
        fw_warn("%s; they are kept for it until it goes on or ends", sender->held_up);
}
