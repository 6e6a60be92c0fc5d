/* The receivers that a hub knows: by their instance, by their address, and by their name in the ledger. */
#ifndef FW_DELIVERY_ROSTER_H
#define FW_DELIVERY_ROSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "delivery/ledger.h"
#include "delivery/mailbox.h"
#include "delivery/router.h"
#include "net/door.h"
#include "wire/header.h"

/* One instance of a receiver. */
typedef struct fw_client {
    uint64_t instance;
    fw_role role;
    char name[257];      /* "host/4242", safe to print */
    uint64_t supervisor; /* the instance that may say of its death; 0: none */
    fw_worker worker;    /* in the ledger; 0: none (a supervisor, or it takes nothing) */
    bool connected;
    fw_address address;
    fw_wire_end connection;
    uint8_t token[FW_TOKEN_SIZE]; /* one-time: for the door */
    bool may_knock;
    fw_visitor *visitor; /* at the door: its process is watched; NULL: not */
    bool inside;         /* all words go through the door */
    bool full;           /* an observer's door takes no more for now */
    bool takes;          /* the stream is one that it asked for */
    bool wants_results;
    uint32_t credit; /* of an observer: how many more it takes */
    fw_mailbox mail; /* of an observer */
    uint64_t results_lost;
    size_t unread;       /* bytes of results since it had last read all */
    bool told_end, left; /* left: it said bye */
    bool died;           /* its supervisor said so, and it is to be acted on */
    fw_time died_at;     /* when it was said */
} fw_client;

typedef struct fw_roster {
    fw_map by_instance, by_address, by_worker;
    fw_map asked; /* addresses that are not known: when they were last asked who they are, in ms */
} fw_roster;

/* NULL: not known. */
fw_client *fw_roster_instance(const fw_roster *self, uint64_t instance);
fw_client *fw_roster_address(const fw_roster *self, fw_address address);
fw_client *fw_roster_worker(const fw_roster *self, fw_worker worker);

/* The client of a hello: known, or made. It is connected from there on. NULL: no memory. */
fw_client *fw_roster_hello(fw_roster *self, uint64_t instance, fw_address address, const fw_wire_end *connection);

/* Its name in the ledger is known. */
fw_status fw_roster_name(fw_roster *self, fw_client *client, fw_worker worker);

/* Its connection ended. The client stays known. */
void fw_roster_lost(fw_roster *self, fw_client *client);

/* It is forgotten, and freed. */
void fw_roster_forget(fw_roster *self, fw_client *client);

/* Is this stranger to be asked who it is? Once a second, however much it says. */
bool fw_roster_ask(fw_roster *self, fw_address address, fw_time now);

/* Forget the strangers that were asked a second ago or earlier. */
void fw_roster_forget_asked(fw_roster *self, fw_time now);

void fw_roster_free(fw_roster *self);

/* Go through all: struct fw_map_entry of by_instance with a value. */
#define FW_ROSTER_EACH(roster, client)                                  \
    for (size_t each_ = 0; each_ < (roster)->by_instance.room; each_++) \
        for (fw_client *client = (roster)->by_instance.entries[each_].value; client != NULL; client = NULL)

#endif
