#include "net/door_inside.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "net/door_group.h"
#include "net/pidfd.h"

enum {
    VISITORS_MAX = 1024,
    LAST_WORDS_MAX = 4096 /* packets that a dead process can have left unread; a living child's are not waited for */
};
#define PATIENCE (2 * FW_SECOND)

fw_status fw_door_watch(fw_door *self, int operation, int fd, uint32_t events, uint64_t for_whom) {
    struct epoll_event event = { .events = events, .data.u64 = for_whom };
    return epoll_ctl(self->epoll_fd, operation, fd, &event) ? fw_fail_errno(errno, "a visitor cannot be watched")
                                                            : FW_OK;
}

/* epoll lets go of a file only when its last fd is closed, and a fork may have more. */
static void unwatch(fw_door *self, int *fd_p) {
    if (*fd_p < 0)
        return;
    epoll_ctl(self->epoll_fd, EPOLL_CTL_DEL, *fd_p, NULL);
    close(*fd_p);
    *fd_p = -1;
}

static void close_aside(fw_visitor *visitor) {
    if (visitor->aside >= 0)
        close(visitor->aside);
    visitor->aside = -1;
}

void fw_door_free_visitor(fw_door *self, fw_visitor *visitor) {
    for (int i = self->ready_at; i < self->ready_count; i++)
        if ((self->ready[i].data.u64 & ~PIDFD_MARK) == FOR_SOCKET(visitor))
            self->ready[i].data.u64 = FOR_NOBODY;
    if (self->knocking == visitor)
        self->knocking = NULL;
    if (self->gone == visitor)
        self->gone = NULL;
    if (self->says_more == visitor)
        self->says_more = NULL;
    if (self->asked == visitor)
        self->asked = NULL;
    unwatch(self, &visitor->socket);
    unwatch(self, &visitor->pidfd);
    close_aside(visitor);
    TAILQ_REMOVE(visitor->in ? &self->guests : &self->strangers, visitor, link);
    self->counts.visitors--;
    free(visitor);
}

void fw_door_say_no(int socket, const char *why) {
    fw_packet_send(socket, FW_PACKET_REFUSED, &(fw_part){ why, strlen(why) }, 1, -1);
}

fw_status fw_door_open(const fw_door_options *options, fw_door **self_p) {
    *self_p = NULL;
    if (geteuid() == FW_NOBODY)
        return fw_fail(FW_UNSUPPORTED,
                       "a sender that runs as `nobody` (user %d) shares no memory, since any user of another "
                       "namespace looks the same; let it run as a user of its own",
                       FW_NOBODY);
    fw_door *self = calloc(1, sizeof *self);
    if (!self)
        return fw_fail(FW_NO_MEMORY, "out of memory");
    TAILQ_INIT(&self->strangers);
    TAILQ_INIT(&self->guests);
    self->limit = options->visitors ? options->visitors : VISITORS_MAX;
    self->patience = options->patience ? options->patience : PATIENCE;
    self->accept_at = FW_FOREVER;
    self->epoll_fd = -1;
    self->group = FW_NO_GROUP;
    self->way.folder_fd = self->way.lock_fd = self->way.listen_fd = -1;
    fw_status status = options->group ? fw_door_group_find(options->group, &self->group) : FW_OK;
    if (status == FW_OK)
        status = fw_doorway_open(options->folder, self->group, &self->way);
    if (status == FW_OK && (self->epoll_fd = epoll_create1(EPOLL_CLOEXEC)) < 0)
        status = fw_fail_errno(errno, "no door can be opened");
    if (status == FW_OK)
        status = fw_door_watch(self, EPOLL_CTL_ADD, self->way.listen_fd, EPOLLIN, FOR_LISTEN);
    if (status == FW_OK)
        *self_p = self;
    else
        fw_door_close(&self);
    return status;
}

const char *fw_door_name(const fw_door *self) {
    return self->way.name;
}

int fw_door_fd(const fw_door *self) {
    return self->epoll_fd;
}

/* ---- What happens ----------------------------------------------------------------------------------------------------- */

static bool left(fw_door *self, fw_visitor *visitor, const char *why, fw_door_event *event) {
    snprintf(self->why, sizeof self->why, "%s", why);
    unwatch(self, &visitor->socket);
    close_aside(visitor);
    *event = (fw_door_event){ .kind = FW_DOOR_LEFT, .visitor = visitor, .why = self->why };
    return true;
}

static bool on_bad(fw_door *self, fw_visitor *visitor, const char *why, fw_door_event *event) {
    self->counts.bad++;
    if (visitor->in)
        return left(self, visitor, why, event);
    fw_door_refuse(self, visitor, why);
    return false;
}

/* What it said aside. true: that is an event. */
static bool on_aside(fw_door *self, fw_visitor *visitor, fw_door_event *event) {
    if (visitor->aside < 0)
        return false;
    fw_status status = fw_packet_receive(visitor->aside, &self->buffer, &self->packet);
    if (status == FW_TIMEOUT)
        return false;
    if (status == FW_CLOSED) {
        close_aside(visitor);
        return false;
    }
    if (status != FW_OK)
        return on_bad(self, visitor, fw_cause(), event);
    if (self->packet.fd >= 0)
        close(self->packet.fd);
    if (self->packet.kind != FW_PACKET_MESSAGE || self->packet.first > 0)
        return on_bad(self, visitor, "it said something else than a message aside", event);
    *event = (fw_door_event){
        .kind = FW_DOOR_MESSAGE, .visitor = visitor, .parts = self->packet.parts, .count = self->packet.count
    };
    return true;
}

/* One packet. true: that is an event. */
static bool on_packet(fw_door *self, fw_visitor *visitor, fw_door_event *event) {
    fw_status status = fw_packet_receive(visitor->socket, &self->buffer, &self->packet);
    if (status == FW_TIMEOUT)
        return false;
    if (status == FW_CLOSED) {
        if (visitor->in)
            return left(self, visitor, "", event);
        fw_door_free_visitor(self, visitor);
        return false;
    }
    if (status != FW_OK)
        return on_bad(self, visitor, fw_cause(), event);
    if (self->packet.kind == (visitor->in ? FW_PACKET_MESSAGE : FW_PACKET_KNOCK)) {
        if (visitor->in) {
            size_t first = self->packet.first;
            self->says_more = first > 0 ? visitor : NULL;
            *event = (fw_door_event){ .kind = FW_DOOR_MESSAGE,
                                      .visitor = visitor,
                                      .parts = self->packet.parts,
                                      .count = first > 0 ? first : self->packet.count };
            return true;
        }
        if (!fw_door_hear_knock(self, visitor))
            return false;
        self->knocking = visitor;
        *event = (fw_door_event){ .kind = FW_DOOR_KNOCK, .visitor = visitor, .token = self->packet.parts[0].data };
        return true;
    }
    if (self->packet.fd >= 0)
        close(self->packet.fd);
    return on_bad(self, visitor, visitor->in ? "it sent something else than a message" : "it did not knock first",
                  event);
}

static bool on_socket(fw_door *self, struct epoll_event *ready, fw_visitor *visitor, fw_door_event *event) {
    if (visitor->wants_room && ready->events & EPOLLOUT) {
        ready->events &= ~(uint32_t)EPOLLOUT;
        visitor->wants_room = false;
        fw_door_watch(self, EPOLL_CTL_MOD, visitor->socket, EPOLLIN, FOR_SOCKET(visitor));
        *event = (fw_door_event){ .kind = FW_DOOR_ROOM, .visitor = visitor };
        return true;
    }
    if (on_aside(self, visitor, event)) /* which came before what is there to be read */
        return true;
    self->ready_at++;
    return visitor->socket >= 0 && on_packet(self, visitor, event);
}

/* Its process is gone, which is told after all that it has sent. */
static bool on_death(fw_door *self, fw_visitor *visitor, fw_door_event *event) {
    if (visitor->socket >= 0 && visitor->last_words++ < LAST_WORDS_MAX &&
        (on_aside(self, visitor, event) || on_packet(self, visitor, event)) && event->kind == FW_DOOR_MESSAGE)
        return true;
    self->ready_at++;
    unwatch(self, &visitor->socket);
    unwatch(self, &visitor->pidfd);
    self->gone = visitor;
    *event = (fw_door_event){ .kind = FW_DOOR_DIED, .visitor = visitor };
    return true;
}

static bool look(fw_door *self) {
    self->ready_at = 0;
    self->ready_count = epoll_wait(self->epoll_fd, self->ready, FW_DOOR_READY_MAX, 0);
    if (self->ready_count < 0)
        self->ready_count = 0;
    return self->ready_count > 0;
}

static void on_time(fw_door *self, fw_time now) {
    fw_visitor *first;
    while ((first = TAILQ_FIRST(&self->strangers)) != NULL && now >= first->knock_by)
        fw_door_refuse(self, first, "it did not knock in time");
    if (now >= self->accept_at) {
        self->accept_at = FW_FOREVER;
        fw_door_watch(self, EPOLL_CTL_MOD, self->way.listen_fd, EPOLLIN, FOR_LISTEN);
    }
}

bool fw_door_next(fw_door *self, fw_time now, fw_door_event *event) {
    if (self->knocking)
        fw_door_refuse(self, self->knocking, "the sender does not know it");
    if (self->gone)
        fw_door_free_visitor(self, self->gone);
    if (self->says_more) {
        size_t first = self->packet.first;
        *event = (fw_door_event){ .kind = FW_DOOR_MESSAGE,
                                  .visitor = self->says_more,
                                  .parts = self->packet.parts + first,
                                  .count = self->packet.count - first };
        self->says_more = NULL;
        return true;
    }
    on_time(self, now);
    for (;;) {
        if (self->ready_at == self->ready_count && !look(self))
            return false;
        struct epoll_event *ready = &self->ready[self->ready_at];
        fw_visitor *visitor = (fw_visitor *)(uintptr_t)(ready->data.u64 & ~PIDFD_MARK);
        if (ready->data.u64 == FOR_NOBODY || ready->data.u64 == FOR_LISTEN) {
            self->ready_at++;
            if (ready->data.u64 == FOR_LISTEN)
                fw_door_accept_all(self, now);
        } else if (ready->data.u64 & PIDFD_MARK) {
            if (on_death(self, visitor, event))
                return true;
        } else if (on_socket(self, ready, visitor, event)) {
            return true;
        }
    }
}

bool fw_door_next_aside(fw_door *self, fw_door_event *event) {
    fw_visitor *visitor = self->asked ? self->asked : TAILQ_FIRST(&self->guests);
    if (self->says_more) /* its second message is in the buffer */
        return false;
    while (visitor && !on_aside(self, visitor, event))
        visitor = TAILQ_NEXT(visitor, link);
    self->asked = visitor;
    return visitor != NULL;
}

fw_time fw_door_wakes(const fw_door *self) {
    const fw_visitor *first = TAILQ_FIRST(&self->strangers);
    return first && first->knock_by < self->accept_at ? first->knock_by : self->accept_at;
}

/* ---- To who is in ----------------------------------------------------------------------------------------------------- */

static fw_status send_to(fw_door *self, fw_visitor *visitor, fw_packet_kind kind, const fw_part *parts, size_t count,
                         int fd) {
    if (visitor->socket < 0)
        return fw_fail(FW_CLOSED, "the other side of the door has hung up");
    fw_status status = fw_packet_send(visitor->socket, kind, parts, count, fd);
    if (status == FW_FULL && !visitor->wants_room) {
        visitor->wants_room = true;
        fw_door_watch(self, EPOLL_CTL_MOD, visitor->socket, EPOLLIN | EPOLLOUT, FOR_SOCKET(visitor));
    }
    return status;
}

fw_status fw_door_send(fw_door *self, fw_visitor *visitor, const fw_part *parts, size_t count) {
    return send_to(self, visitor, FW_PACKET_MESSAGE, parts, count, -1);
}

fw_status fw_door_give(fw_door *self, fw_visitor *visitor, uint64_t region, int fd, uint64_t size) {
    uint64_t facts[2] = { htole64(region), htole64(size) };
    return send_to(self, visitor, FW_PACKET_MEMORY, &(fw_part){ facts, sizeof facts }, 1, fd);
}

bool fw_visitor_keeps_up(const fw_visitor *visitor) {
    int unread = 0;
    return visitor->socket < 0 || ioctl(visitor->socket, SIOCOUTQ, &unread) != 0 || unread == 0;
}

bool fw_door_keeps_up(const fw_door *self) {
    const fw_visitor *each;
    TAILQ_FOREACH(each, &self->guests, link)
    if (!fw_visitor_keeps_up(each))
        return false;
    return true;
}

void fw_door_hang_up(fw_door *self, fw_visitor *visitor) {
    (void)self;
    if (visitor->socket >= 0)
        shutdown(visitor->socket, SHUT_RDWR);
}

void fw_door_forget(fw_door *self, fw_visitor *visitor) {
    fw_door_free_visitor(self, visitor);
}

void fw_visitor_set(fw_visitor *visitor, void *known_as) {
    visitor->known_as = known_as;
}

void *fw_visitor_get(const fw_visitor *visitor) {
    return visitor->known_as;
}

void fw_door_count(const fw_door *self, fw_door_counts *counts) {
    *counts = self->counts;
}

void fw_door_close(fw_door **self_p) {
    fw_door *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    for (fw_visitor *visitor; (visitor = TAILQ_FIRST(&self->strangers)) != NULL;)
        fw_door_free_visitor(self, visitor);
    for (fw_visitor *visitor; (visitor = TAILQ_FIRST(&self->guests)) != NULL;)
        fw_door_free_visitor(self, visitor);
    fw_doorway_close(&self->way);
    if (self->epoll_fd >= 0)
        close(self->epoll_fd);
    fw_packet_buffer_free(&self->buffer);
    free(self);
}
