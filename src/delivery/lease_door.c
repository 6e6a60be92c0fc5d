/* The door of a hub: local receivers read frames where they lie, and their deaths are proven. */
#include "delivery/lease_inside.h"

#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "memory/pool.h"

/* A deadline begins when the hub hears of the start: late by so much of it, or so long, at most. */
#define ASIDE_PART 10
#define ASIDE_MOST (200 * FW_MS)

void fw_lease_open_door(fw_lease *self) {
    const fw_door_options options = { .folder = self->output.sender->options.door,
                                      .group = self->output.sender->options.door_group };
    self->region = fw_pool_region(self->output.sender->pool)->number;
    if (fw_door_open(&options, &self->door) != FW_OK)
        fw_warn("no shared memory: %s", fw_cause());
}

bool fw_lease_new_token(fw_lease *self, fw_client *client) {
    client->may_knock = self->door != NULL && !client->inside && client->role != FW_ROLE_SUPERVISOR && client->takes &&
                        getrandom(client->token, sizeof client->token, 0) == (ssize_t)sizeof client->token;
    return client->may_knock;
}

static fw_client *by_token(fw_lease *self, const uint8_t *token) {
    FW_ROSTER_EACH(&self->roster, client)
    if (client->may_knock && memcmp(client->token, token, sizeof client->token) == 0)
        return client;
    return NULL;
}

static fw_status give_memory(fw_lease *self, fw_client *client) {
    const fw_region *region = fw_pool_region(self->output.sender->pool);
    return fw_door_give(self->door, client->visitor, region->number, region->fd, region->size);
}

void fw_lease_give_memory(fw_lease *self) {
    uint64_t number = fw_pool_region(self->output.sender->pool)->number;
    if (number == self->region)
        return;
    self->region = number;
    FW_ROSTER_EACH(&self->roster, client)
    if (client->inside && give_memory(self, client) != FW_OK)
        fw_door_hang_up(self->door, client->visitor);
}

static void let_in(fw_lease *self, const fw_door_event *event, fw_time now) {
    fw_client *client = by_token(self, event->token);
    if (client == NULL || !client->connected) {
        fw_door_refuse(self->door, event->visitor, "the token is not one of ours, or was used");
        return;
    }
    client->may_knock = false;
    if (fw_door_let_in(self->door, event->visitor) != FW_OK)
        return;
    if (client->visitor != NULL) /* an earlier visit of the same instance, whose death is to be seen until now */
        fw_door_forget(self->door, client->visitor);
    client->visitor = event->visitor;
    fw_visitor_set(event->visitor, client);
    client->inside = give_memory(self, client) == FW_OK;
    fw_ledger_set_proof(self->ledger, client->worker, true);
    if (client->inside)
        fw_ledger_on_door(self->ledger, now, client->worker);
}

static void on_event(fw_lease *self, const fw_door_event *event, fw_time now) {
    fw_client *client = fw_visitor_get(event->visitor);
    switch (event->kind) {
    case FW_DOOR_KNOCK:
        let_in(self, event, now);
        break;
    case FW_DOOR_MESSAGE:
        if (client != NULL)
            fw_lease_hear_inside(self, client, event->parts, event->count, now);
        break;
    case FW_DOOR_ROOM:
        if (client != NULL && client->role == FW_ROLE_OBSERVER) /* a worker that let it fill up was hung up on */
            fw_observe_room(self, client, now);
        break;
    case FW_DOOR_LEFT:
        if (client != NULL && event->why != NULL && event->why[0] != '\0')
            fw_warn("%s was thrown out: %s", client->name, event->why);
        if (client != NULL)
            fw_lease_lost(self, client, now);
        break;
    case FW_DOOR_DIED:
        if (client == NULL)
            break;
        client->visitor = NULL;
        fw_lease_read_all(self, now); /* what it said over ZeroMQ before */
        fw_lease_dead(self, client, now);
        break;
    }
}

void fw_lease_tend_door(fw_lease *self, fw_time now) {
    fw_door_event event;
    while (self->door != NULL && fw_door_next(self->door, now, &event))
        on_event(self, &event, now);
}

void fw_lease_hear_aside(fw_lease *self, fw_time now) {
    fw_door_event event;
    while (self->door != NULL && fw_door_next_aside(self->door, &event))
        on_event(self, &event, now);
    fw_time every = self->output.sender->options.deadline / ASIDE_PART;
    self->aside_by = fw_after(now, every < ASIDE_MOST ? every : ASIDE_MOST);
}

fw_place fw_lease_place(const fw_lease *self, const fw_frame *frame, bool copy) {
    return (fw_place){
        .region = self->region,
        .gen = frame->slot->gen,
        .offset = frame->slot->offset,
        .length = frame->header.format.size,
        .slot = frame->slot->index,
        .said = true,
        .copy = copy,
    };
}
