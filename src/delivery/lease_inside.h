/* The inside of leased delivery: the hub that drives the ledger over ROUTER sockets.
 *
 *   lease.c          the output: frames in, receivers that come and go, the end
 *   lease_act.c      what the ledger says is to be done
 *   lease_words.c    what receivers say
 *   lease_gone.c     receivers that are gone
 *   lease_observe.c  observers: mailboxes, results passed on
 *   lease_door.c     the door: shared memory, and the proof of a death
 *   lease_quarantine.c  memory that workers past their deadline hold
 *
 * All under the sender's lock.
 */
#ifndef FW_DELIVERY_LEASE_INSIDE_H
#define FW_DELIVERY_LEASE_INSIDE_H

#include "delivery/ledger.h"
#include "delivery/output.h"
#include "delivery/pin.h"
#include "delivery/roster.h"
#include "delivery/router.h"
#include "delivery/sender.h"

typedef struct fw_lease {
    fw_output output;
    fw_ledger *ledger;
    uint32_t stream;
    fw_router router;
    fw_roster roster;
    fw_door *door;              /* NULL: there is none */
    uint64_t region;            /* the number of the memory that those inside were given */
    fw_map frames;              /* seq -> fw_frame, until its memory is let go */
    fw_pins pins;               /* payloads on their way to workers */
    fw_pins watched;            /* and to observers */
    fw_worker mail;             /* holds what waits for observers */
    fw_letter *latest;          /* for observers that come late */
    unsigned observers;         /* connected */
    uint64_t run;               /* random: this run of the hub, in welcome */
    char host[FW_HOST_MAX + 1]; /* the machine's boot id */
    uint64_t workers;           /* that have come */
    uint64_t shared, copied;    /* leases by how the frame is read */
    uint64_t refused;           /* messages that break the format, or come out of turn */
    fw_time listened;           /* when receivers were last listened to, */
    fw_time unheard;            /* and how long they were not, in all: the ledger's time is so much behind */
    fw_time sweep_at;           /* when receivers that are gone are forgotten */
    size_t room;                /* of the latest frame's slot */
    unsigned quarantined;       /* frames whose slots workers past their deadline hold */
    fw_time aside_by;           /* when what was said aside at the door is heard at the latest */
    fw_time deaths_by;          /* some clients have died, which is to be acted on by then; 0: none */
    unsigned behind;            /* turns in which not all was read */
    bool closing;               /* the ledger was told that no frame follows */
    bool ended;                 /* every frame is settled */
    fw_time said_end;           /* when receivers were told; 0: not yet */
    uint8_t header[FW_HEADER_MAX];
} fw_lease;

/* Send a message about the stream, or (streamless kinds) about the connection. Takes the payloads. A receiver whose pipe is
 * full, or that is not there, is lost. */
bool fw_lease_post(fw_lease *self, fw_client *client, const fw_header *header, zmq_msg_t *payloads, size_t count);

/* The same to one who is in at the door; the payloads stay the caller's. An observer whose door is full is not lost: it is
 * `full`, until FW_DOOR_ROOM. */
bool fw_lease_post_inside(fw_lease *self, fw_client *client, const fw_header *header, const fw_part *payloads,
                          size_t count);

/* A frame's header as it travels: the frame's own, with its texts. */
fw_header fw_lease_frame_header(const fw_frame *frame);

/* Its connection is lost; the ledger is told. */
void fw_lease_lost(fw_lease *self, fw_client *client, fw_time now);

/* The process of a client is gone, and all that it said is heard; the ledger is told. */
void fw_lease_dead(fw_lease *self, fw_client *client, fw_time now);

/* Act on connections and processes that ended, once all that they said was read. */
void fw_lease_hear_gone(fw_lease *self, fw_time now);

/* Each second: forget receivers that left or are gone, once the ledger has; and see who holds others up. */
void fw_lease_sweep(fw_lease *self, fw_time now);

/* Read what came over ZeroMQ, and which connections ended. false: there is more. */
bool fw_lease_read_all(fw_lease *self, fw_time now);

/* Act on one message: of a connection, or (client) of one who is in at the door. */
void fw_lease_hear(fw_lease *self, fw_received *in, fw_time now);
void fw_lease_hear_inside(fw_lease *self, fw_client *client, const fw_part *parts, size_t count, fw_time now);

/* A supervisor came, or is gone: it can tell, or not, of the deaths of its workers. */
void fw_lease_supervisor(fw_lease *self, uint64_t supervisor);

/* The door: opened where it can be; a hello makes a new token; what happened at it is acted on. */
void fw_lease_open_door(fw_lease *self);
bool fw_lease_new_token(fw_lease *self, fw_client *client);
void fw_lease_tend_door(fw_lease *self, fw_time now);
/* Words that wake nobody: heard before their receiver's next, before a deadline or a death is acted on, and from time to
 * time. */
void fw_lease_hear_aside(fw_lease *self, fw_time now);
/* All who are in get the pool's memory where it is a fresh one. */
void fw_lease_give_memory(fw_lease *self);
/* Where a receiver that is in finds a frame. */
fw_place fw_lease_place(const fw_lease *self, const fw_frame *frame, bool copy);

/* From time to time: who holds memory past its deadline, and is it the last? */
void fw_lease_watch_quarantine(fw_lease *self);

/* Do what the ledger says is to be done. */
void fw_lease_act(fw_lease *self, fw_time now);

/* Write the result of a frame, and pass it on to observers. payloads: the messages that parts lie in after the header, or
 * NULL. false: the sender is broken. */
bool fw_lease_settle(fw_lease *self, const fw_frame *frame, const fw_header *answer, const fw_part *parts,
                     zmq_msg_t *payloads);

/* Tell one receiver the end. */
void fw_lease_tell_end(fw_lease *self, fw_client *client);

fw_status fw_observe_open(fw_lease *self);
/* A frame is captured, and in the ledger: observers get it. */
void fw_observe_frame(fw_lease *self, const fw_frame *frame, fw_time now);
/* An observer came; takes more; its door has room again: it is sent what waits. */
void fw_observe_join(fw_lease *self, fw_client *client);
void fw_observe_serve(fw_lease *self, fw_client *client, fw_time now);
void fw_observe_room(fw_lease *self, fw_client *client, fw_time now);
/* Say which of the frames that wait for observers may be moved (fw_pool_renew()). */
void fw_observe_rest(fw_lease *self);
/* What still waits for it is lost: the end comes next. */
void fw_observe_end(fw_client *client);
/* A result, to those that asked. payloads: value and arrays; messages: those that they lie in, or NULL. */
void fw_observe_result(fw_lease *self, const fw_frame *frame, const fw_header *answer, const fw_part *payloads,
                       zmq_msg_t *messages);

#endif
