#include "net/packet.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/status.h"

/* [version][kind][parts][parts of the first of two messages, or 0], then a length for each part (u32, little-endian), then
 * the parts. */
#define HEAD_SIZE(parts) ((size_t)4 + 4 * (size_t)(parts))
#define OUTSIDE          UINT32_C(0x80000000) /* of a length: the part is in the memfd */
#define FDS_MAX          4 /* room for more than the one that may come, so that others are seen and closed */

static void set_length(uint8_t *head, size_t part, uint32_t length) {
    length = htole32(length);
    memcpy(head + HEAD_SIZE(part), &length, sizeof length);
}

static uint32_t get_length(const uint8_t *head, size_t part) {
    uint32_t length;
    memcpy(&length, head + HEAD_SIZE(part), sizeof length);
    return le32toh(length);
}

static fw_status write_all(int fd, const fw_part *part) {
    const uint8_t *at = part->data;
    for (size_t left = part->size; left > 0;) {
        ssize_t wrote = write(fd, at, left);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return fw_fail(FW_NO_MEMORY, "the system gave no memory for %zu bytes of a message", part->size);
        at += wrote;
        left -= (size_t)wrote;
    }
    return FW_OK;
}

/* The parts that the head marks as outside, one after the other, in a memfd. */
static fw_status make_file(const uint8_t *head, const fw_part *parts, size_t count, int *fd_p) {
    int fd = memfd_create("framewire-message", MFD_CLOEXEC);
    if (fd < 0)
        return fw_fail_errno(errno, "a message of this size cannot be passed (memfd_create)");
    fw_status status = FW_OK;
    for (size_t i = 0; i < count && status == FW_OK; i++)
        if (get_length(head, i) & OUTSIDE)
            status = write_all(fd, &parts[i]);
    if (status != FW_OK)
        close(fd);
    else
        *fd_p = fd;
    return status;
}

static fw_status send_packet(int socket, struct iovec *vectors, size_t count, int fd) {
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct msghdr message = { .msg_iov = vectors, .msg_iovlen = count };
    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return FW_OK;
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        return FW_FULL;
    if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
        return fw_fail(FW_CLOSED, "the other side of the door has hung up");
    return fw_fail_errno(errno, "a packet cannot be sent through the door");
}

/* first: of two messages, the parts of the first, and then nothing goes outside; 0: it is one. */
static fw_status send_parts(int socket, fw_packet_kind kind, const fw_part *parts, size_t count, size_t first, int fd) {
    uint8_t head[HEAD_SIZE(FW_PARTS_MAX)] = { FW_PACKET_VERSION, (uint8_t)kind, (uint8_t)count, (uint8_t)first };
    struct iovec vectors[1 + FW_PARTS_MAX];
    if (count > FW_PARTS_MAX)
        return fw_fail(FW_TOO_LARGE, "a message has at most %d parts, not %zu", FW_PARTS_MAX, count);

    size_t inside = HEAD_SIZE(count), outside = 0, used = 0;
    bool file = false;
    vectors[used++] = (struct iovec){ head, inside };
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size <= FW_PACKET_MAX - inside) {
            set_length(head, i, (uint32_t)parts[i].size);
            vectors[used++] = (struct iovec){ (void *)(uintptr_t)parts[i].data, parts[i].size };
            inside += parts[i].size;
            continue;
        }
        if (first > 0)
            return FW_TOO_LARGE;
        if (kind != FW_PACKET_MESSAGE || parts[i].size > FW_RESULT_MAX - outside)
            return fw_fail(FW_TOO_LARGE, "a message of more than %zu MiB", FW_RESULT_MAX >> 20);
        set_length(head, i, (uint32_t)parts[i].size | OUTSIDE);
        outside += parts[i].size;
        file = true;
    }
    if (!file)
        return send_packet(socket, vectors, used, fd);
    int file_fd = -1;
    fw_status status = make_file(head, parts, count, &file_fd);
    if (status != FW_OK)
        return status;
    status = send_packet(socket, vectors, used, file_fd);
    close(file_fd);
    return status;
}

fw_status fw_packet_send(int socket, fw_packet_kind kind, const fw_part *parts, size_t count, int fd) {
    return send_parts(socket, kind, parts, count, 0, fd);
}

fw_status fw_packet_send_two(int socket, const fw_part *parts, size_t count, size_t first) {
    return send_parts(socket, FW_PACKET_MESSAGE, parts, count, first, -1);
}

/* One packet into bytes, *size_p of them, and the fd that came with it (or -1). */
static fw_status receive_bytes(int socket, uint8_t *bytes, size_t *size_p, int *fd_p) {
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
    } control;
    struct iovec vector = { bytes, FW_PACKET_MAX };
    struct msghdr message;
    ssize_t got;
    do {
        message = (struct msghdr){
            .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes
        };
        got = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        /* ECONNRESET says that the other side left something unread, and comes before what it sent: that follows. */
    } while (got < 0 && (errno == EINTR || errno == ECONNRESET));
    if (got < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            return FW_TIMEOUT;
        return fw_fail_errno(errno, "nothing can be received through the door");
    }

    int fds[FDS_MAX];
    size_t count = 0;
    for (struct cmsghdr *at = CMSG_FIRSTHDR(&message); at; at = CMSG_NXTHDR(&message, at)) {
        if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
            continue;
        size_t here = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds + count, CMSG_DATA(at), here * sizeof(int));
        count += here;
    }
    bool bad = count > 1 || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || got == 0;
    for (size_t i = 0; bad && i < count; i++)
        close(fds[i]);
    if (got == 0)
        return fw_fail(FW_CLOSED, "the other side of the door has hung up");
    if (message.msg_flags & MSG_TRUNC)
        return fw_fail(FW_BAD_MESSAGE, "a packet of more than %zu bytes came through the door", FW_PACKET_MAX);
    if (bad)
        return fw_fail(FW_BAD_MESSAGE,
                       "a packet came through the door with more file descriptors than one, or than this "
                       "process may still open");
    *size_p = (size_t)got;
    *fd_p = count ? fds[0] : -1;
    return FW_OK;
}

/* Parts in a memfd are read, never mapped: the other side may change or shrink it at any time. */
static fw_status read_file(int fd, void *out, size_t size) {
    struct stat facts;
    /* Only memory has seals: anything else might keep us waiting. */
    if (fcntl(fd, F_GET_SEALS) < 0 || fstat(fd, &facts) || facts.st_size < 0 || (size_t)facts.st_size < size)
        return fw_fail(FW_BAD_MESSAGE, "the file that came with a packet is no memfd of at least %zu bytes", size);
    for (size_t have = 0; have < size;) {
        ssize_t got = pread(fd, (uint8_t *)out + have, size - have, (off_t)have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return fw_fail(FW_BAD_MESSAGE, "the memfd that came with a packet cannot be read, or was cut");
        have += (size_t)got;
    }
    return FW_OK;
}

/* Checks the head, and points the parts into bytes; those outside get their size, and NULL. */
static fw_status parse(uint8_t *bytes, size_t size, fw_packet *packet, size_t *outside_p, bool *file_p) {
    if (bytes[0] != FW_PACKET_VERSION)
        return fw_fail(FW_BAD_MESSAGE, "a packet of version %d of the door, which speaks %d", bytes[0],
                       FW_PACKET_VERSION);
    if (size < HEAD_SIZE(0) || bytes[1] >= FW_PACKET_COUNT || bytes[2] > FW_PARTS_MAX || size < HEAD_SIZE(bytes[2]) ||
        (bytes[3] != 0 && (bytes[1] != FW_PACKET_MESSAGE || bytes[3] >= bytes[2])))
        return fw_fail(FW_BAD_MESSAGE, "a packet with a head that is cut or makes no sense");
    packet->kind = bytes[1];
    packet->count = bytes[2];
    packet->first = bytes[3];
    size_t at = HEAD_SIZE(packet->count);
    for (size_t i = 0; i < packet->count; i++) {
        uint32_t length = get_length(bytes, i);
        size_t part = length & ~OUTSIDE;
        bool outside = length & OUTSIDE;
        if (part > (outside ? FW_RESULT_MAX - *outside_p : size - at))
            return fw_fail(FW_BAD_MESSAGE, "a packet whose parts are longer than it, or than a message may be");
        packet->parts[i] = (fw_part){ outside ? NULL : bytes + at, part };
        *(outside ? outside_p : &at) += part;
        *file_p = *file_p || outside;
    }
    if (at != size)
        return fw_fail(FW_BAD_MESSAGE, "a packet with bytes after its parts");
    return FW_OK;
}

static fw_status take_file(fw_packet_buffer *buffer, fw_packet *packet, size_t size, int fd) {
    buffer->outside = malloc(size ? size : 1);
    if (!buffer->outside)
        return fw_fail(FW_NO_MEMORY, "no memory for %zu bytes of a message", size);
    fw_status status = read_file(fd, buffer->outside, size);
    uint8_t *at = buffer->outside;
    for (size_t i = 0; i < packet->count; i++) {
        if (packet->parts[i].data)
            continue;
        packet->parts[i].data = at;
        at += packet->parts[i].size;
    }
    return status;
}

fw_status fw_packet_receive(int socket, fw_packet_buffer *buffer, fw_packet *packet) {
    free(buffer->outside);
    buffer->outside = NULL;
    packet->fd = -1;
    if (!buffer->bytes && !(buffer->bytes = malloc(FW_PACKET_MAX)))
        return fw_fail(FW_NO_MEMORY, "out of memory");

    size_t size = 0, outside = 0;
    bool file = false;
    int fd = -1;
    fw_status status = receive_bytes(socket, buffer->bytes, &size, &fd);
    if (status != FW_OK)
        return status;
    status = parse(buffer->bytes, size, packet, &outside, &file);
    if (status == FW_OK) {
        bool wanted = packet->kind == FW_PACKET_KNOCK || packet->kind == FW_PACKET_MEMORY;
        bool welcome = packet->kind == FW_PACKET_ACCEPTED;
        if (file && packet->kind != FW_PACKET_MESSAGE)
            status = fw_fail(FW_BAD_MESSAGE, "only a message may have parts outside its packet");
        else if ((wanted || file) != (fd >= 0) && !welcome)
            status = fw_fail(FW_BAD_MESSAGE, "a packet %s",
                             fd >= 0 ? "with a file descriptor that it has no use for"
                                     : "lacks the file descriptor that belongs to it");
        else if (file)
            status = take_file(buffer, packet, outside, fd);
        else
            packet->fd = fd, fd = -1;
    }
    if (fd >= 0)
        close(fd);
    return status;
}

void fw_packet_buffer_free(fw_packet_buffer *self) {
    free(self->bytes);
    free(self->outside);
    *self = (fw_packet_buffer){ 0 };
}
