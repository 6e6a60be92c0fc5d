/* Receivers that are gone: connections that ended, processes that died, and who is forgotten. */
#include "delivery/lease_inside.h"

#include "base/clock.h"

/* A dead process's connection ends in this time, or something else keeps it. */
#define ENDS_WITHIN (50 * FW_MS)

static void leave(fw_lease *self, fw_client *client) {
    self->observers -= client->connected && client->role == FW_ROLE_OBSERVER;
    fw_roster_lost(&self->roster, client);
    fw_mailbox_clear(&client->mail);
    client->inside = client->full = client->may_knock = false;
}

void fw_lease_lost(fw_lease *self, fw_client *client, fw_time now) {
    if (!client->connected)
        return;
    leave(self, client);
    if (client->worker != 0 && !client->left)
        fw_ledger_on_gone(self->ledger, now, client->worker, FW_GONE_CONNECTION);
    if (client->role == FW_ROLE_SUPERVISOR)
        fw_lease_supervisor(self, client->instance);
}

void fw_lease_dead(fw_lease *self, fw_client *client, fw_time now) {
    fw_ledger_worker look;
    leave(self, client);
    client->died = false;
    /* One that left may have been reading still: only now do its holds end. */
    if (client->worker != 0 && fw_ledger_look(self->ledger, client->worker, &look))
        fw_ledger_on_gone(self->ledger, now, client->worker, FW_GONE_PROCESS);
}

/* The connections that ended, once all that they said was heard. */
static void hear_ends(fw_lease *self, fw_time now) {
    fw_wire_end end;
    while (fw_router_gone(&self->router, &end)) {
        FW_ROSTER_EACH(&self->roster, client) {
            if (client->connected && client->connection.socket == end.socket && client->connection.fd == end.fd &&
                client->connection.incarnation == end.incarnation) {
                if (client->inside) /* the door is its connection; ZeroMQ's was for hello alone */
                    client->connection.fd = -1;
                else
                    fw_lease_lost(self, client, now);
                break;
            }
        }
    }
}

/* Those whose supervisor said that they died, once all that they said before was heard: libzmq has read it when it tells
 * of the connection's end. A child may keep the connection, which is not waited for long. */
static void hear_deaths(fw_lease *self, fw_time now) {
    if (self->deaths_by == 0)
        return;
    fw_lease_hear_aside(self, now);
    self->deaths_by = 0;
    FW_ROSTER_EACH(&self->roster, client) {
        fw_time by = fw_after(client->died_at, client->connected && !client->inside ? ENDS_WITHIN : 0);
        if (client->died && by <= now)
            fw_lease_dead(self, client, now);
        else if (client->died && (self->deaths_by == 0 || by < self->deaths_by))
            self->deaths_by = by;
    }
}

void fw_lease_hear_gone(fw_lease *self, fw_time now) {
    hear_ends(self, now);
    hear_deaths(self, now);
}

void fw_lease_sweep(fw_lease *self, fw_time now) {
    if (now < self->sweep_at)
        return;
    self->sweep_at = fw_after(now, FW_SECOND);
    FW_ROSTER_EACH(&self->roster, client) {
        fw_ledger_worker look;
        if (!client->connected && client->visitor == NULL &&
            (client->worker == 0 || !fw_ledger_look(self->ledger, client->worker, &look)))
            fw_roster_forget(&self->roster, client);
    }
    fw_roster_forget_asked(&self->roster, now);
    fw_lease_watch_quarantine(self);
}
