#include "check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/packet.h"

typedef struct ends {
    int ours, theirs;
    fw_packet_buffer buffer;
    fw_packet packet;
} ends;

static int open_ends(void **state) {
    static ends self;
    int pair[2];
    self = (ends){ 0 };
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return -1;
    self.ours = pair[0], self.theirs = pair[1];
    int room = FW_PACKET_BUFFER;
    setsockopt(self.theirs, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    *state = &self;
    return 0;
}

static int close_ends(void **state) {
    ends *self = *state;
    close(self->ours);
    close(self->theirs);
    fw_packet_buffer_free(&self->buffer);
    return 0;
}

static fw_part text(const char *bytes) {
    return (fw_part){ bytes, strlen(bytes) };
}

static fw_status receive(ends *self) {
    return fw_packet_receive(self->ours, &self->buffer, &self->packet);
}

static unsigned open_fds(void) {
    unsigned count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* Bytes as they are, with so many fds (all of them `fd`). */
static void send_raw(ends *self, const void *bytes, size_t size, const int *fds, size_t count) {
    char control[CMSG_SPACE(64 * sizeof(int))] __attribute__((aligned(8))) = { 0 };
    struct iovec vector = { (void *)(uintptr_t)bytes, size };
    struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };
    if (count > 0) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        *rights = (struct cmsghdr){ CMSG_LEN(count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
        memcpy(CMSG_DATA(rights), fds, count * sizeof(int));
    }
    assert_int_equal(sendmsg(self->theirs, &message, MSG_NOSIGNAL), (ssize_t)size);
}

static void the_bytes_are_those_of_the_specification(void **state) {
    ends *self = *state;
    static const uint8_t wanted[] = "\1\0\3\0\4\0\0\0\2\0\0\0\0\0\0\0cam0\x81\xA1";
    uint8_t came[64];
    assert_ok(fw_packet_send(self->theirs, FW_PACKET_MESSAGE,
                             (fw_part[]){ text("cam0"), text("\x81\xA1"), { NULL, 0 } }, 3, -1));
    assert_int_equal(recv(self->ours, came, sizeof came, MSG_DONTWAIT), (ssize_t)sizeof wanted - 1);
    assert_memory_equal(came, wanted, sizeof wanted - 1);

    send_raw(self, wanted, sizeof wanted - 1, NULL, 0);
    assert_ok(receive(self));
    assert_int_equal(self->packet.kind, FW_PACKET_MESSAGE);
    assert_int_equal(self->packet.count, 3);
    assert_int_equal(self->packet.parts[0].size, 4);
    assert_memory_equal(self->packet.parts[0].data, "cam0", 4);
    assert_int_equal(self->packet.parts[1].size, 2);
    assert_int_equal(self->packet.parts[2].size, 0);
    assert_int_equal(self->packet.fd, -1);
    assert_int_equal(receive(self), FW_TIMEOUT);
}

static void two_messages_are_told_apart(void **state) {
    ends *self = *state;
    static const uint8_t two[] = "\1\0\3\2\1\0\0\0\0\0\0\0\2\0\0\0abc";
    send_raw(self, two, sizeof two - 1, NULL, 0);
    assert_ok(receive(self));
    assert_int_equal(self->packet.count, 3);
    assert_int_equal(self->packet.first, 2);
    assert_memory_equal(self->packet.parts[2].data, "bc", 2);

    uint8_t came[64];
    assert_ok(fw_packet_send_two(self->theirs, (fw_part[]){ text("a"), { NULL, 0 }, text("bc") }, 3, 2));
    assert_int_equal(recv(self->ours, came, sizeof came, MSG_DONTWAIT), (ssize_t)sizeof two - 1);
    assert_memory_equal(came, two, sizeof two - 1);
}

static void two_messages_that_do_not_fit_are_not_sent(void **state) {
    ends *self = *state;
    static uint8_t bytes[FW_PACKET_MAX];
    fw_part parts[FW_PARTS_MAX + 1] = { { bytes, FW_PACKET_MAX - 4 - 8 - 3 }, { bytes, 3 } };
    assert_ok(fw_packet_send_two(self->theirs, parts, 2, 1));
    assert_ok(receive(self));
    parts[1].size = 4;
    assert_int_equal(fw_packet_send_two(self->theirs, parts, 2, 1), FW_TOO_LARGE);
    parts[0].size = SIZE_MAX;
    assert_int_equal(fw_packet_send_two(self->theirs, parts, 2, 1), FW_TOO_LARGE);
    parts[0].size = 0;
    assert_int_equal(fw_packet_send_two(self->theirs, parts, FW_PARTS_MAX + 1, 1), FW_TOO_LARGE);
    assert_int_equal(receive(self), FW_TIMEOUT);
}

static void what_does_not_fit_travels_in_a_memfd(void **state) {
    ends *self = *state;
    size_t large = (size_t)3 << 20, small = 100;
    uint8_t *bytes = malloc(large);
    for (size_t i = 0; i < large; i++)
        bytes[i] = (uint8_t)(i * 7 >> 3);
    unsigned fds = open_fds();
    fw_part parts[] = {
        text("cam0"), text("header"), { bytes, large }, { bytes + 1, small }, { bytes + 2, large - 2 }
    };
    assert_ok(fw_packet_send(self->theirs, FW_PACKET_MESSAGE, parts, 5, -1));
    assert_ok(receive(self));
    assert_int_equal(self->packet.count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(self->packet.parts[i].size, parts[i].size);
        assert_int_equal(memcmp(self->packet.parts[i].data, parts[i].data, parts[i].size), 0);
    }
    assert_int_equal(open_fds(), fds);
    free(bytes);
}

static void a_packet_of_the_largest_size_passes(void **state) {
    ends *self = *state;
    static uint8_t bytes[FW_PACKET_MAX];
    unsigned fds = open_fds();
    fw_part parts[] = { { bytes, FW_PACKET_MAX - 4 - 8 - 3 }, { bytes, 3 } };
    assert_ok(fw_packet_send(self->theirs, FW_PACKET_MESSAGE, parts, 2, -1));
    assert_int_equal(open_fds(), fds);
    assert_ok(receive(self));
    assert_int_equal(self->packet.parts[0].size, FW_PACKET_MAX - 15);
    assert_null(self->buffer.outside);
}

static void a_message_has_limits(void **state) {
    ends *self = *state;
    fw_part parts[FW_PARTS_MAX + 1] = { { "", 0 } };
    assert_ok(fw_packet_send(self->theirs, FW_PACKET_MESSAGE, parts, FW_PARTS_MAX, -1));
    assert_ok(receive(self));
    assert_int_equal(self->packet.count, FW_PARTS_MAX);
    assert_fails(fw_packet_send(self->theirs, FW_PACKET_MESSAGE, parts, FW_PARTS_MAX + 1, -1), FW_TOO_LARGE, "68");
    parts[0].size = FW_RESULT_MAX + 1; /* never looked at */
    assert_fails(fw_packet_send(self->theirs, FW_PACKET_MESSAGE, parts, 1, -1), FW_TOO_LARGE, "256 MiB");
}

static void a_full_socket_is_told_and_nothing_is_lost(void **state) {
    ends *self = *state;
    uint8_t bytes[10000] = { 0 };
    size_t sent = 0;
    fw_status status;
    while ((status = fw_packet_send(self->theirs, FW_PACKET_MESSAGE, &(fw_part){ bytes, sizeof bytes }, 1, -1)) ==
           FW_OK)
        bytes[0] = (uint8_t)++sent;
    assert_int_equal(status, FW_FULL);
    for (size_t i = 0; i < sent; i++) {
        assert_ok(receive(self));
        assert_int_equal(*(const uint8_t *)self->packet.parts[0].data, (uint8_t)i);
    }
    assert_int_equal(receive(self), FW_TIMEOUT);
    assert_ok(fw_packet_send(self->theirs, FW_PACKET_MESSAGE, &(fw_part){ bytes, sizeof bytes }, 1, -1));
}

static void what_was_sent_before_hanging_up_arrives(void **state) {
    ends *self = *state;
    /* With something unread on its side, the first thing told is ECONNRESET. */
    assert_ok(fw_packet_send(self->ours, FW_PACKET_MESSAGE, NULL, 0, -1));
    assert_ok(fw_packet_send(self->theirs, FW_PACKET_MESSAGE, (fw_part[]){ text("last words") }, 1, -1));
    close(self->theirs);
    self->theirs = -1;
    assert_ok(receive(self));
    assert_memory_equal(self->packet.parts[0].data, "last words", 10);
    assert_fails(receive(self), FW_CLOSED, "hung up");
    assert_fails(fw_packet_send(self->ours, FW_PACKET_MESSAGE, NULL, 0, -1), FW_CLOSED, "hung up");
}

static void the_same_is_so_when_the_sender_sees_it_first(void **state) {
    ends *self = *state;
    assert_ok(fw_packet_send(self->ours, FW_PACKET_MESSAGE, NULL, 0, -1));
    assert_ok(fw_packet_send(self->theirs, FW_PACKET_MESSAGE, (fw_part[]){ text("last words") }, 1, -1));
    close(self->theirs);
    self->theirs = -1;
    assert_fails(fw_packet_send(self->ours, FW_PACKET_MESSAGE, NULL, 0, -1), FW_CLOSED, "hung up");
    assert_ok(receive(self));
    assert_memory_equal(self->packet.parts[0].data, "last words", 10);
    assert_fails(receive(self), FW_CLOSED, "hung up");
}

static void broken_packets_are_refused(void **state) {
    ends *self = *state;
    static const struct {
        const char *bytes;
        size_t size;
        const char *cause;
    } cases[] = {
        { "\2\0\0\0", 4, "version 2" },
        { "\1", 1, "head" },
        { "\1\0\0", 3, "head" },
        { "\1\5\0\0", 4, "head" },
        { "\1\0\0\1", 4, "head" },
        { "\1\0\1\1\0\0\0\0", 8, "head" },
        { "\1\0\1\2\0\0\0\0", 8, "head" },
        { "\1\2\2\1\0\0\0\0\0\0\0\0", 12, "head" },
        { "\1\0\104\0", 4, "head" },
        { "\1\0\1\0", 4, "head" },
        { "\1\0\1\0\1\0\0", 7, "head" },
        { "\1\0\1\0\1\0\0\0", 8, "longer than it" },
        { "\1\0\1\0\xFF\xFF\xFF\x7F", 8, "longer than it" },
        { "\1\0\2\0\1\0\0\0\1\0\0\0a", 13, "longer than it" },
        { "\1\0\1\0\1\0\0\0ab", 10, "after its parts" },
        { "\1\0\1\0\1\0\0\x80", 8, "lacks the file descriptor" },
        { "\1\0\1\0\1\0\0\x90", 8, "longer than it" }, /* a byte over 256 MiB */
        { "\1\0\2\0\0\0\0\x90\1\0\0\x80", 12, "longer than it" },
        { "\1\3\1\0\1\0\0\x80", 8, "only a message" },
        { "\1\1\0\0", 4, "lacks the file descriptor" },
        { "\1\4\0\0", 4, "lacks the file descriptor" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        send_raw(self, cases[i].bytes, cases[i].size, NULL, 0);
        assert_fails(receive(self), FW_BAD_MESSAGE, cases[i].cause);
    }
}

static void file_descriptors_that_are_not_asked_for_are_closed(void **state) {
    ends *self = *state;
    static const uint8_t message[] = { 1, 0, 0, 0 }, knock[] = { 1, 1, 0, 0 },
                         outside[] = { 1, 0, 1, 0, 9, 0, 0, 0x80 };
    int fds[60];
    for (size_t i = 0; i < 60; i++)
        fds[i] = self->theirs;
    unsigned before = open_fds();
    send_raw(self, message, sizeof message, fds, 1);
    assert_fails(receive(self), FW_BAD_MESSAGE, "no use for");
    for (size_t count = 2; count <= 60; count += 29) {
        send_raw(self, knock, sizeof knock, fds, count);
        assert_fails(receive(self), FW_BAD_MESSAGE, "more file descriptors than one");
    }
    send_raw(self, outside, sizeof outside, fds, 1);
    assert_fails(receive(self), FW_BAD_MESSAGE, "no memfd");
    send_raw(self, knock, sizeof knock, fds, 1);
    assert_ok(receive(self));
    assert_int_equal(open_fds(), before + 1);
    close(self->packet.fd);
}

static void a_file_descriptor_that_got_lost_is_noticed(void **state) {
    ends *self = *state;
    static const uint8_t knock[] = { 1, 1, 0, 0 };
    int fds[2] = { self->theirs, self->theirs }, next = dup(self->theirs);
    close(next);
    struct rlimit before, one;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    one = (struct rlimit){ .rlim_cur = next + 1, .rlim_max = before.rlim_max };
    send_raw(self, knock, sizeof knock, fds, 2);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &one), 0);
    fw_status status = receive(self);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(status, FW_BAD_MESSAGE);
    assert_int_equal(dup(self->theirs), next);
    close(next);
}

static void a_packet_that_is_too_long_is_refused_whole(void **state) {
    ends *self = *state;
    static uint8_t bytes[FW_PACKET_MAX + 1] = { 1, 0, 0, 0 };
    unsigned before = open_fds();
    send_raw(self, bytes, sizeof bytes, &self->theirs, 1);
    assert_fails(receive(self), FW_BAD_MESSAGE, "131072");
    assert_int_equal(open_fds(), before);
    assert_int_equal(receive(self), FW_TIMEOUT);
}

static void only_a_memfd_that_is_long_enough_is_read(void **state) {
    ends *self = *state;
    static const uint8_t packet[] = { 1, 0, 2, 0, 3, 0, 0, 0x80, 2, 0, 0, 0x80 };
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int memory = memfd_create("test", MFD_CLOEXEC), pipes[2], null = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    assert_int_equal(write(memory, "abcd", 4), 4);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    send_raw(self, packet, sizeof packet, &memory, 1);
    assert_fails(receive(self), FW_BAD_MESSAGE, "no memfd of at least 5 bytes");
    send_raw(self, packet, sizeof packet, &pipes[0], 1); /* would wait for ever */
    assert_fails(receive(self), FW_BAD_MESSAGE, "no memfd");
    send_raw(self, packet, sizeof packet, &null, 1);
    assert_fails(receive(self), FW_BAD_MESSAGE, "no memfd");
    send_raw(self, packet, sizeof packet, &file, 1); /* whose file system might do so */
    assert_fails(receive(self), FW_BAD_MESSAGE, "no memfd");
    assert_int_equal(write(memory, "e", 1), 1);
    send_raw(self, packet, sizeof packet, &memory, 1);
    assert_ok(receive(self));
    assert_memory_equal(self->packet.parts[0].data, "abc", 3);
    assert_memory_equal(self->packet.parts[1].data, "de", 2);
    close(file), close(memory), close(pipes[0]), close(pipes[1]), close(null);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_ends, close_ends)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_bytes_are_those_of_the_specification),
        TEST(two_messages_are_told_apart),
        TEST(two_messages_that_do_not_fit_are_not_sent),
        TEST(what_does_not_fit_travels_in_a_memfd),
        TEST(a_packet_of_the_largest_size_passes),
        TEST(a_message_has_limits),
        TEST(a_full_socket_is_told_and_nothing_is_lost),
        TEST(what_was_sent_before_hanging_up_arrives),
        TEST(the_same_is_so_when_the_sender_sees_it_first),
        TEST(broken_packets_are_refused),
        TEST(file_descriptors_that_are_not_asked_for_are_closed),
        TEST(a_file_descriptor_that_got_lost_is_noticed),
        TEST(a_packet_that_is_too_long_is_refused_whole),
        TEST(only_a_memfd_that_is_long_enough_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
