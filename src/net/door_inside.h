/* The inside of a sender's door: what its files share.
 *
 *   door.c        opening, what happens, and what is sent
 *   door_comer.c  who comes: admitted, heard, let in or refused
 */
#ifndef FW_NET_DOOR_INSIDE_H
#define FW_NET_DOOR_INSIDE_H

#include "net/door.h"

#include <sys/epoll.h>
#include <sys/queue.h>

#include "net/doorway.h"

#define FW_DOOR_READY_MAX 32

struct fw_visitor {
    TAILQ_ENTRY(fw_visitor) link;
    int socket; /* -1: it left */
    int aside;  /* where it says what wakes nobody; -1: there is none */
    int pidfd;  /* -1 before its knock */
    bool in;
    bool wants_room;
    fw_time knock_by;
    unsigned last_words;
    void *known_as;
};

TAILQ_HEAD(fw_visitors, fw_visitor);

struct fw_door {
    fw_doorway way;
    gid_t group;
    int epoll_fd;
    unsigned limit;
    fw_time patience;
    fw_time accept_at;            /* FW_FOREVER: now, whenever somebody comes */
    struct fw_visitors strangers; /* not let in yet, in the order of knock_by */
    struct fw_visitors guests;
    fw_visitor *knocking, *gone; /* to be refused, or freed, at the next call */
    fw_visitor *asked;           /* whose words aside were last told; NULL: begin anew */
    struct epoll_event ready[FW_DOOR_READY_MAX];
    int ready_count, ready_at;
    fw_packet_buffer buffer;
    fw_packet packet;
    fw_visitor *says_more; /* the packet's second message is still to be told; NULL: there is none */
    fw_door_counts counts;
    char why[1024];
};

/* What epoll gives back: a visitor, and which of its two fds. */
#define PIDFD_MARK    UINT64_C(1)
#define FOR_SOCKET(v) ((uint64_t)(uintptr_t)(v))
#define FOR_PIDFD(v)  (FOR_SOCKET(v) | PIDFD_MARK)
#define FOR_LISTEN    UINT64_C(0)
#define FOR_NOBODY    UINT64_MAX

fw_status fw_door_watch(fw_door *self, int operation, int fd, uint32_t events, uint64_t for_whom);
void fw_door_free_visitor(fw_door *self, fw_visitor *visitor);
void fw_door_say_no(int socket, const char *why);

/* Admit all who wait outside. */
void fw_door_accept_all(fw_door *self, fw_time now);
/* The packet is a knock; takes its pidfd. false: the visitor is refused, and gone. */
bool fw_door_hear_knock(fw_door *self, fw_visitor *visitor);

#endif
