/* The door: where receivers on this host get in, and get the shared memory (DESIGN, section 6).
 *
 * A Unix socket in a folder that is the user's alone. Who comes says its one-time token and shows the pidfd of its own
 * process; the hub looks the token up and lets it in. From then on packets go both ways, each a whole message or a region
 * of memory, and two things are told apart: that it hung up, and that its process is gone. A forked child may keep the
 * socket open for long; the pidfd is the proof.
 *
 *     accepted --token and pidfd--> KNOCK --fw_door_let_in()--> in: MESSAGE, ROOM --> LEFT --> DIED
 *        | says nothing in time, another user: refused, and gone without an event
 *
 * Beside that each has a socket for what is said aside, which nobody waits at: such words wake no thread, and are told
 * before the next packet, the leaving or the death of who said them, or when the hub asks.
 *
 * One thread, and nothing here waits: poll fw_door_fd(), and call fw_door_next() until false.
 */
#ifndef FW_NET_DOOR_H
#define FW_NET_DOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <framewire/units.h>

#include "net/packet.h"

typedef struct fw_door fw_door;
typedef struct fw_visitor fw_visitor;

typedef struct fw_door_options {
    const char *folder; /* NULL: see door_folder.h; made 0700 if missing */
    const char *group;  /* a name or number: its members are let in, too; NULL: nobody is but this user and root */
    unsigned visitors;  /* the most at a time, those that left and live on counted; 0: 1024 */
    fw_time patience;   /* how long a visitor may take to knock; 0: 2 s */
} fw_door_options;

/* Doors of senders that are gone are cleaned away; a living one's is never touched.
 * Errors: FW_DENIED (the folder is somebody else's, or open to others), FW_UNSUPPORTED (this process runs as `nobody`, as
 * whom users of other namespaces appear), FW_INVALID (no such group), FW_NOT_FOUND, FW_NO_MEMORY, FW_IO; *self_p is then NULL. */
fw_status fw_door_open(const fw_door_options *options, fw_door **self_p);

/* Its file's name in the folder, for `welcome`; owned by the door. */
const char *fw_door_name(const fw_door *self);

/* Readable while there is something for fw_door_next(). */
int fw_door_fd(const fw_door *self);

typedef enum fw_door_event_kind {
    FW_DOOR_KNOCK =
        1, /* token: answer with fw_door_let_in() or fw_door_refuse() before the next call; no answer refuses */
    FW_DOOR_MESSAGE, /* parts; a packet of two messages is two of these */
    FW_DOOR_ROOM,    /* after FW_FULL: there is room again */
    FW_DOOR_LEFT,    /* hung up, or thrown out (why is then not empty); its process may live, and is still watched */
    FW_DOOR_DIED     /* its process is gone; all that it had sent was told before. The last event of a visitor: it is
                          freed at the next call. No LEFT comes after it */
} fw_door_event_kind;

typedef struct fw_door_event {
    fw_door_event_kind kind;
    fw_visitor *visitor;
    const uint8_t *token;
    const fw_part *parts; /* valid until the next call, as are token and why */
    size_t count;
    const char *why;
} fw_door_event;

/* The next thing that happened; false: nothing. `now` is of CLOCK_MONOTONIC. */
bool fw_door_next(fw_door *self, fw_time now, fw_door_event *event);

/* The next message that was said aside, by whomever; false: none, or (in between the two messages of a packet) not now. */
bool fw_door_next_aside(fw_door *self, fw_door_event *event);

/* When to call fw_door_next() though the fd is not readable; FW_FOREVER: never. */
fw_time fw_door_wakes(const fw_door *self);

/* Answers to a knock. A refused visitor is told why, and freed. */
fw_status fw_door_let_in(fw_door *self, fw_visitor *visitor);
void fw_door_refuse(fw_door *self, fw_visitor *visitor, const char *why);

/* Give it a region of memory to map; packets that speak of the region come after it. fd stays the caller's.
 * Errors: those of fw_door_send(). */
fw_status fw_door_give(fw_door *self, fw_visitor *visitor, uint64_t region, int fd, uint64_t size);

/* Send one message. Errors: FW_FULL (no cause; FW_DOOR_ROOM follows), FW_CLOSED (it left: FW_DOOR_LEFT follows, or came),
 * FW_TOO_LARGE, FW_NO_MEMORY, FW_IO. */
fw_status fw_door_send(fw_door *self, fw_visitor *visitor, const fw_part *parts, size_t count);

/* Has it, or has everybody who is in, received all that was sent? */
bool fw_visitor_keeps_up(const fw_visitor *visitor);
bool fw_door_keeps_up(const fw_door *self);

/* Hang up on one that lets its side fill up: FW_DOOR_LEFT follows, after all that it had sent. */
void fw_door_hang_up(fw_door *self, fw_visitor *visitor);

/* Hang up, watch it no more, and free it: no event follows. */
void fw_door_forget(fw_door *self, fw_visitor *visitor);

/* What the hub knows it by; NULL at first. */
void fw_visitor_set(fw_visitor *visitor, void *known_as);
void *fw_visitor_get(const fw_visitor *visitor);

typedef struct fw_door_counts {
    uint32_t visitors; /* now: accepted, and not yet freed */
    uint64_t let_in;
    uint64_t refused; /* by the hub, for their user, their silence, their pidfd, or want of room */
    uint64_t bad;     /* packets that broke the format, each of which ended a visit */
} fw_door_counts;

void fw_door_count(const fw_door *self, fw_door_counts *counts);

/* Removes the door, hangs up on all. NULL is fine; clears *self_p. */
void fw_door_close(fw_door **self_p);

#endif
