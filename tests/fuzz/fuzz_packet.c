/* Any bytes as a packet of the door, with a file descriptor or without (the first byte says): it is refused, or what was
 * understood passes through a socket again unchanged. No file descriptor is left open. */
#include "fuzz.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/packet.h"

static int pair[2] = { -1, -1 }, passed[3];

static void open_once(void) {
    if (pair[0] >= 0)
        return;
    char bytes[300];
    memset(bytes, 'b', sizeof bytes);
    passed[0] = memfd_create("fuzz", MFD_CLOEXEC);
    passed[1] = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    passed[2] = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    MUST(write(passed[0], bytes, sizeof bytes) == sizeof bytes);
    MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
}

static void send_bytes(const uint8_t *data, size_t size, int fd) {
    char control[CMSG_SPACE(sizeof fd)] __attribute__((aligned(8))) = { 0 };
    struct iovec vector = { (void *)(uintptr_t)data, size };
    struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };
    if (fd >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        *rights = (struct cmsghdr){ CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS };
        memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    }
    MUST(sendmsg(pair[0], &message, 0) == (ssize_t)size);
}

static void check_again(const fw_packet *packet) {
    static fw_packet again;
    fw_packet_buffer buffer = { 0 };
    MUST(fw_packet_send(pair[0], packet->kind, packet->parts, packet->count, packet->fd) == FW_OK);
    MUST(fw_packet_receive(pair[1], &buffer, &again) == FW_OK);
    MUST(packet->first == 0 || (packet->first < packet->count && packet->kind == FW_PACKET_MESSAGE));
    MUST(again.kind == packet->kind && again.count == packet->count && (again.fd < 0) == (packet->fd < 0));
    for (size_t i = 0; i < packet->count; i++) {
        MUST(again.parts[i].size == packet->parts[i].size);
        MUST(memcmp(again.parts[i].data, packet->parts[i].data, packet->parts[i].size) == 0);
    }
    if (again.fd >= 0)
        close(again.fd);
    fw_packet_buffer_free(&buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static fw_packet packet;
    if (size < 2 || size > FW_PACKET_MAX)
        return 0;
    open_once();
    fw_packet_buffer buffer = { 0 };
    int before = dup(pair[0]);
    close(before);
    send_bytes(data + 1, size - 1, data[0] < 3 ? passed[data[0]] : -1);
    fw_status status = fw_packet_receive(pair[1], &buffer, &packet);
    if (status == FW_OK) {
        check_again(&packet);
        if (packet.fd >= 0)
            close(packet.fd);
    } else {
        MUST(status == FW_BAD_MESSAGE);
    }
    fw_packet_buffer_free(&buffer);
    int after = dup(pair[0]);
    close(after);
    MUST(after == before);
    return 0;
}
