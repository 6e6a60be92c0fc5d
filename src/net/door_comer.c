/* Who comes to a door: which users may, and who they say they are. */
#include "net/door_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/status.h"
#include "net/door_group.h"
#include "net/pidfd.h"

#define PAUSE (FW_SECOND / 2) /* before accepting again, when there are no file descriptors left */

/* NULL: it may come in, as far as its user goes. */
static const char *unwelcome(const fw_door *self, int socket) {
    struct ucred who;
    socklen_t size = sizeof who;
    if (self->counts.visitors >= self->limit)
        return "this sender shares its memory with as many receivers as it may already";
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size) || who.uid == FW_NOBODY)
        return "this receiver's user is not known in the sender's user namespace, so that no memory is shared";
    if (who.uid == geteuid() || who.uid == 0)
        return NULL;
    if (self->group == FW_NO_GROUP)
        return "memory is shared within one user only, and the sender runs as another; its --door-group lets in more";
    return fw_door_group_has(self->group, socket) ? NULL
                                                  : "memory is shared within one user and a group only (--door-group), "
                                                    "which this receiver's user is not in";
}

static void admit(fw_door *self, fw_time now, int socket) {
    int room = FW_PACKET_BUFFER;
    const char *why = unwelcome(self, socket);
    fw_visitor *visitor = why ? NULL : calloc(1, sizeof *visitor);
    if (visitor && fw_door_watch(self, EPOLL_CTL_ADD, socket, EPOLLIN, FOR_SOCKET(visitor)) == FW_OK) {
        setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
        visitor->socket = socket;
        visitor->aside = visitor->pidfd = -1;
        visitor->knock_by = fw_after(now, self->patience);
        TAILQ_INSERT_TAIL(&self->strangers, visitor, link);
        self->counts.visitors++;
        return;
    }
    fw_door_say_no(socket, why ? why : "the sender has no memory left for one more receiver");
    free(visitor);
    close(socket);
    self->counts.refused++;
}

void fw_door_accept_all(fw_door *self, fw_time now) {
    for (;;) {
        int socket = accept4(self->way.listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (socket >= 0) {
            admit(self, now, socket);
        } else if (errno != EINTR && errno != ECONNABORTED) {
            if (errno == EAGAIN || errno == EWOULDBLOCK)
                return;
            /* Most likely all file descriptors are in use: the one who waits would keep the fd readable for good. */
            fw_warn("the door cannot let anybody in for now: %s", strerrordesc_np(errno));
            fw_door_watch(self, EPOLL_CTL_MOD, self->way.listen_fd, 0, FOR_LISTEN);
            self->accept_at = fw_after(now, PAUSE);
            return;
        }
    }
}

void fw_door_refuse(fw_door *self, fw_visitor *visitor, const char *why) {
    fw_door_say_no(visitor->socket, why);
    self->counts.refused++;
    fw_door_free_visitor(self, visitor);
}

bool fw_door_hear_knock(fw_door *self, fw_visitor *visitor) {
    struct ucred who = { 0 };
    socklen_t size = sizeof who;
    getsockopt(visitor->socket, SOL_SOCKET, SO_PEERCRED, &who, &size);
    visitor->pidfd = self->packet.fd;
    if (self->packet.count != 1 || self->packet.parts[0].size != FW_TOKEN_SIZE) {
        self->counts.bad++;
        fw_door_refuse(self, visitor, "a knock is a token of 16 bytes");
        return false;
    }
    if (fw_pidfd_check(visitor->pidfd, who.pid) != FW_OK) {
        fw_door_refuse(self, visitor, fw_cause());
        return false;
    }
    return true;
}

/* It is accepted, and given the other end of its aside, if there is one to be had. */
static fw_status accept_it(fw_visitor *visitor) {
    int ends[2] = { -1, -1 };
    (void)socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends);
    fw_status status = fw_packet_send(visitor->socket, FW_PACKET_ACCEPTED, NULL, 0, ends[1]);
    if (ends[1] >= 0)
        close(ends[1]);
    visitor->aside = ends[0];
    return status;
}

fw_status fw_door_let_in(fw_door *self, fw_visitor *visitor) {
    fw_status status = fw_door_watch(self, EPOLL_CTL_ADD, visitor->pidfd, EPOLLIN, FOR_PIDFD(visitor));
    if (status == FW_OK)
        status = accept_it(visitor);
    if (status != FW_OK) { /* it will not hear why */
        fw_door_refuse(self, visitor, "the sender cannot watch one more receiver");
        return status;
    }
    TAILQ_REMOVE(&self->strangers, visitor, link);
    TAILQ_INSERT_TAIL(&self->guests, visitor, link);
    visitor->in = true;
    self->knocking = NULL;
    self->counts.let_in++;
    return FW_OK;
}
