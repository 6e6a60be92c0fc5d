#include "net/visit.h"

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/status.h"
#include "net/door_folder.h"
#include "net/pidfd.h"

struct fw_visit {
    int socket;
    int aside; /* -1: there is none */
    fw_packet_buffer buffer;
};

static fw_status dial(fw_visit *self, const char *asked, const char *name) {
    char folder[PATH_MAX];
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int folder_fd;
    if (!fw_door_name_valid(name))
        return fw_fail(FW_INVALID, "the sender names a door that is none: %s", name);
    fw_status status = fw_door_folder_open(asked, folder, &folder_fd);
    if (status != FW_OK)
        return status;
    fw_door_path(address.sun_path, folder_fd, name);
    self->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    /* Packets never wait (MSG_DONTWAIT); this bounds connect(). */
    setsockopt(self->socket, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){ .tv_sec = 1 }, sizeof(struct timeval));
    setsockopt(self->socket, SOL_SOCKET, SO_SNDBUF, &(int){ FW_PACKET_BUFFER }, sizeof(int));
    if (self->socket < 0)
        status = fw_fail_errno(errno, "the door %s/%s", folder, name);
    else if (connect(self->socket, (const struct sockaddr *)&address, sizeof address)) {
        if (errno == ENOENT || errno == ECONNREFUSED)
            status = fw_fail(FW_NOT_FOUND,
                             "the sender's door %s is not in %s; the same --door FOLDER on both sides, a volume "
                             "that both containers have, lets memory be shared",
                             name, folder);
        else
            status = fw_fail_errno(errno, "the sender's door %s/%s cannot be reached", folder, name);
    }
    close(folder_fd);
    return status;
}

static fw_status knock(fw_visit *self, const uint8_t token[FW_TOKEN_SIZE]) {
    int pidfd;
    fw_status status = fw_pidfd_self(&pidfd);
    if (status != FW_OK)
        return status;
    status = fw_packet_send(self->socket, FW_PACKET_KNOCK, &(fw_part){ token, FW_TOKEN_SIZE }, 1, pidfd);
    close(pidfd);
    /* A hub that refuses before the knock has hung up already; what it says is there to be received. */
    return status == FW_CLOSED ? FW_OK : status;
}

fw_status fw_visit_open(const char *folder, const char *name, const uint8_t token[FW_TOKEN_SIZE], fw_visit **self_p) {
    *self_p = NULL;
    fw_visit *self = calloc(1, sizeof *self);
    if (!self)
        return fw_fail(FW_NO_MEMORY, "out of memory");
    self->socket = self->aside = -1;
    fw_status status = dial(self, folder, name);
    if (status == FW_OK)
        status = knock(self, token);
    if (status == FW_OK)
        *self_p = self;
    else
        fw_visit_close(&self);
    return status;
}

int fw_visit_fd(const fw_visit *self) {
    return self->socket;
}

fw_status fw_visit_send(fw_visit *self, const fw_part *parts, size_t count) {
    return fw_packet_send(self->socket, FW_PACKET_MESSAGE, parts, count, -1);
}

fw_status fw_visit_send_two(fw_visit *self, const fw_part *parts, size_t count, size_t first) {
    return fw_packet_send_two(self->socket, parts, count, first);
}

bool fw_visit_say_aside(fw_visit *self, const fw_part *parts, size_t count) {
    return self->aside >= 0 && fw_packet_send(self->aside, FW_PACKET_MESSAGE, parts, count, -1) == FW_OK;
}

fw_status fw_visit_receive(fw_visit *self, fw_packet *packet) {
    fw_status status = fw_packet_receive(self->socket, &self->buffer, packet);
    if (status == FW_OK && packet->first > 0)
        return fw_fail(FW_BAD_MESSAGE, "a packet of two messages, which only receivers send");
    if (status == FW_OK && packet->kind == FW_PACKET_ACCEPTED) {
        if (self->aside >= 0)
            close(self->aside);
        self->aside = packet->fd;
        packet->fd = -1;
    }
    return status;
}

fw_status fw_visit_memory(const fw_packet *packet, uint64_t *region_p, uint64_t *size_p) {
    uint64_t facts[2];
    if (packet->kind != FW_PACKET_MEMORY || packet->count != 1 || packet->parts[0].size != sizeof facts)
        return fw_fail(FW_BAD_MESSAGE, "a packet that gives memory says its number and size, and nothing else");
    memcpy(facts, packet->parts[0].data, sizeof facts);
    *region_p = le64toh(facts[0]);
    *size_p = le64toh(facts[1]);
    return FW_OK;
}

void fw_visit_close(fw_visit **self_p) {
    fw_visit *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    if (self->socket >= 0)
        close(self->socket);
    if (self->aside >= 0)
        close(self->aside);
    fw_packet_buffer_free(&self->buffer);
    free(self);
}
