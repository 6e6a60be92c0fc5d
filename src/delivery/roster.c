#include "delivery/roster.h"

#include <stdlib.h>

static uint64_t address_key(fw_address address) {
    return (uint64_t)address.socket << 32 | address.id;
}

fw_client *fw_roster_instance(const fw_roster *self, uint64_t instance) {
    return fw_map_get(&self->by_instance, instance);
}

fw_client *fw_roster_address(const fw_roster *self, fw_address address) {
    return fw_map_get(&self->by_address, address_key(address));
}

fw_client *fw_roster_worker(const fw_roster *self, fw_worker worker) {
    return fw_map_get(&self->by_worker, worker);
}

fw_client *fw_roster_hello(fw_roster *self, uint64_t instance, fw_address address, const fw_wire_end *connection) {
    fw_client *client = fw_roster_instance(self, instance);
    if (client == NULL) {
        client = calloc(1, sizeof *client);
        if (client == NULL || fw_map_put(&self->by_instance, instance, client) != FW_OK) {
            free(client);
            return NULL;
        }
        client->instance = instance;
    }
    fw_roster_lost(self, client); /* what it had before, where its end was not told yet */
    fw_client *other = fw_roster_address(self, address);
    if (other != NULL)
        fw_roster_lost(self, other);
    if (fw_map_put(&self->by_address, address_key(address), client) != FW_OK)
        return NULL;
    client->connected = true;
    client->address = address;
    client->connection = *connection;
    return client;
}

fw_status fw_roster_name(fw_roster *self, fw_client *client, fw_worker worker) {
    if (client->worker != 0 && client->worker != worker)
        (void)fw_map_take(&self->by_worker, client->worker);
    client->worker = worker;
    return worker != 0 ? fw_map_put(&self->by_worker, worker, client) : FW_OK;
}

void fw_roster_lost(fw_roster *self, fw_client *client) {
    if (client->connected && fw_roster_address(self, client->address) == client)
        (void)fw_map_take(&self->by_address, address_key(client->address));
    client->connected = false;
}

void fw_roster_forget(fw_roster *self, fw_client *client) {
    fw_roster_lost(self, client);
    (void)fw_map_take(&self->by_instance, client->instance);
    if (client->worker != 0)
        (void)fw_map_take(&self->by_worker, client->worker);
    fw_mailbox_clear(&client->mail);
    free(client);
}

static bool asked_lately(const void *asked, fw_time now) {
    return asked != NULL && (uintptr_t)(now / FW_MS) - (uintptr_t)asked < FW_SECOND / FW_MS;
}

bool fw_roster_ask(fw_roster *self, fw_address address, fw_time now) {
    if (asked_lately(fw_map_get(&self->asked, address_key(address)), now))
        return false;
    uintptr_t ms = (uintptr_t)(now / FW_MS);
    (void)fw_map_put(&self->asked, address_key(address), (void *)(ms != 0 ? ms : 1));
    return true;
}

void fw_roster_forget_asked(fw_roster *self, fw_time now) {
    for (size_t i = 0; i < self->asked.room; i++)
        if (self->asked.entries[i].value != NULL && !asked_lately(self->asked.entries[i].value, now))
            (void)fw_map_take(&self->asked, self->asked.entries[i].key);
}

static void drop_client(void *value) {
    fw_client *client = value;
    fw_mailbox_clear(&client->mail);
    free(client);
}

void fw_roster_free(fw_roster *self) {
    fw_map_free(&self->by_address, NULL);
    fw_map_free(&self->asked, NULL);
    fw_map_free(&self->by_worker, NULL);
    fw_map_free(&self->by_instance, drop_client);
}
