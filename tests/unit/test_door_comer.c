/* Who is let in, and who is not. */
#include "house.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "net/pidfd.h"

static void assert_refused(fw_visit *visit, const char *why) {
    fw_packet *packet = got(visit, FW_PACKET_REFUSED);
    char said[512];
    snprintf(said, sizeof said, "%.*s", (int)packet->parts[0].size, (const char *)packet->parts[0].data);
    if (!strstr(said, why))
        fail_msg("\"%s\" does not say \"%s\"", said, why);
    assert_int_equal(fw_visit_receive(visit, packet), FW_CLOSED);
}

static unsigned open_fds(void) {
    unsigned count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* A bare connection, for those who keep no rules. */
static int connection(house *self) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "doors/%s", fw_door_name(self->door));
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void the_hub_may_refuse(void **state) {
    house *self = *state;
    fw_visit *ours = visit(self);
    fw_door_refuse(self->door, expect(self, FW_DOOR_KNOCK), "no such token");
    assert_refused(ours, "no such token");
    fw_visit_close(&ours);
    ours = visit(self);
    expect(self, FW_DOOR_KNOCK);
    expect_nothing(self); /* no answer is one, too */
    assert_refused(ours, "does not know");
    fw_visit_close(&ours);
    assert_int_equal(counts_of(self).visitors, 0);
    assert_int_equal(counts_of(self).refused, 2);
    assert_int_equal(counts_of(self).let_in, 0);
}

static void who_does_not_knock_is_refused_in_time(void **state) {
    house *self = *state;
    int silent = connection(self);
    expect_nothing(self);
    fw_time by = fw_door_wakes(self->door);
    assert_true(by > fw_now() && by <= fw_after(fw_now(), 2 * FW_SECOND));
    assert_false(fw_door_next(self->door, by - 1, &self->event));
    assert_int_equal(counts_of(self).visitors, 1);
    assert_false(fw_door_next(self->door, by, &self->event));
    assert_int_equal(counts_of(self).visitors, 0);
    assert_int_equal(counts_of(self).refused, 1);
    assert_true(fw_door_wakes(self->door) == FW_FOREVER);
    char answer[200] = { 0 };
    assert_true(recv(silent, answer, sizeof answer, 0) > 8);
    assert_non_null(strstr(answer + 8, "in time"));
    close(silent);
}

static void a_visitor_that_leaves_at_once_is_forgotten(void **state) {
    house *self = *state;
    close(connection(self));
    expect_nothing(self);
    expect_nothing(self);
    assert_int_equal(counts_of(self).visitors, 0);
}

static void a_knock_needs_a_token_and_a_pidfd(void **state) {
    house *self = *state;
    int own, pid1, folder_fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_ok(fw_pidfd_self(&own));
    pid1 = (int)syscall(SYS_pidfd_open, getppid(), 0);
    assert_true(pid1 >= 0);
    const struct {
        fw_packet_kind kind;
        size_t size;
        int fd;
        const char *why;
    } cases[] = {
        { FW_PACKET_MESSAGE, FW_TOKEN_SIZE, -1, "did not knock" },
        { FW_PACKET_KNOCK, FW_TOKEN_SIZE, -1, "lacks the file descriptor" },
        { FW_PACKET_KNOCK, FW_TOKEN_SIZE - 1, own, "16 bytes" },
        { FW_PACKET_KNOCK, FW_TOKEN_SIZE, folder_fd, "no pidfd" }, /* which kill() would take for one */
        { FW_PACKET_KNOCK, FW_TOKEN_SIZE, STDIN_FILENO, "no pidfd" },
        { FW_PACKET_KNOCK, FW_TOKEN_SIZE, pid1, "another process" },
        { FW_PACKET_MEMORY, FW_TOKEN_SIZE, own, "did not knock" },
    };
    unsigned before = open_fds();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int fd = connection(self);
        assert_ok(fw_packet_send(fd, cases[i].kind, &(fw_part){ token, cases[i].size }, 1, cases[i].fd));
        expect_nothing(self);
        char answer[512] = { 0 };
        assert_true(recv(fd, answer, sizeof answer - 1, 0) > 8);
        if (!strstr(answer + 8, cases[i].why))
            fail_msg("\"%s\" does not say \"%s\"", answer + 8, cases[i].why);
        close(fd);
    }
    assert_int_equal(open_fds(), before);
    assert_int_equal(counts_of(self).refused, 7);
    assert_int_equal(counts_of(self).visitors, 0);
    close(own), close(pid1), close(folder_fd);
}

static void the_pidfd_of_a_dead_process_is_refused(void **state) {
    (void)state;
    pid_t child = fork();
    if (child == 0)
        pause();
    int fd = (int)syscall(SYS_pidfd_open, child, 0);
    assert_ok(fw_pidfd_check(fd, 0));
    assert_ok(fw_pidfd_check(fd, child));
    assert_fails(fw_pidfd_check(fd, getpid()), FW_INVALID, "another process");
    end(child);
    assert_fails(fw_pidfd_check(fd, 0), FW_INVALID, "gone");
    close(fd);
}

static void a_broken_packet_ends_the_visit(void **state) {
    house *self = *state;
    for (int kind = FW_PACKET_KNOCK; kind <= FW_PACKET_COUNT; kind++) {
        fw_visit *ours = visit(self);
        fw_visitor *visitor = let_in(self);
        uint8_t bytes[] = { FW_PACKET_VERSION, (uint8_t)kind, 0, 0 };
        assert_int_equal(send(fw_visit_fd(ours), bytes, sizeof bytes, 0), sizeof bytes);
        assert_ptr_equal(expect(self, FW_DOOR_LEFT), visitor);
        assert_true(strlen(self->event.why) > 0);
        fw_door_forget(self->door, visitor);
        fw_visit_close(&ours);
    }
    assert_int_equal(counts_of(self).bad, FW_PACKET_COUNT);
}

static void other_users_are_refused(void **state) {
    house *self = *state;
    if (geteuid() != 0)
        skip(); /* nobody else can be made up */
    static const uid_t users[] = { 1, 65534 };
    static const char *const why[] = { "runs as another", "user namespace" };
    char name[200];
    snprintf(name, sizeof name, "doors/%s", fw_door_name(self->door));
    assert_int_equal(chmod(folder, 0755) | chmod("doors", 0755) | chmod(name, 0777), 0);
    for (size_t i = 0; i < 2; i++) {
        pid_t child = fork();
        if (child == 0) {
            fw_visit *ours;
            fw_packet packet;
            if (setuid(users[i]) || fw_visit_open("doors", fw_door_name(self->door), token, &ours) != FW_OK ||
                !readable(fw_visit_fd(ours)) || fw_visit_receive(ours, &packet) != FW_OK)
                _exit(1);
            _exit(packet.kind == FW_PACKET_REFUSED &&
                          memmem(packet.parts[0].data, packet.parts[0].size, why[i], strlen(why[i]))
                      ? 0
                      : 2);
        }
        assert_true(readable(fw_door_fd(self->door)));
        expect_nothing(self);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_int_equal(counts_of(self).refused, i + 1);
    }
}

static void there_are_so_many_visitors_and_no_more(void **state) {
    house *self = *state;
    fw_door *door;
    assert_ok(fw_door_open(&(fw_door_options){ .folder = "doors", .visitors = 2 }, &door));
    house small = { .door = door };
    fw_visit *first = visit(&small);
    fw_visitor *visitor = let_in(&small);
    fw_visit *second = visit(&small), *third = visit(&small);
    let_in(&small);
    expect_nothing(&small);
    assert_refused(third, "as many");
    fw_visit_close(&third);
    fw_door_forget(door, visitor);
    third = visit(&small);
    let_in(&small);
    got(third, FW_PACKET_ACCEPTED);
    fw_visit_close(&first), fw_visit_close(&second), fw_visit_close(&third);
    fw_door_close(&door);
    (void)self;
}

static void the_door_rests_while_file_descriptors_are_used_up(void **state) {
    house *self = *state;
    fw_visit *ours = visit(self);
    struct rlimit before, none = { 0 };
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    fw_time now = fw_now();
    bool event = fw_door_next(self->door, now, &self->event);
    bool spins = poll(&(struct pollfd){ .fd = fw_door_fd(self->door), .events = POLLIN }, 0, 0) != 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_false(event || spins);
    fw_time again = fw_door_wakes(self->door);
    assert_true(again > now && again < now + FW_SECOND);
    assert_true(fw_door_next(self->door, again, &self->event));
    assert_int_equal(self->event.kind, FW_DOOR_KNOCK);
    fw_visit_close(&ours);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_hub_may_refuse),
        TEST(who_does_not_knock_is_refused_in_time),
        TEST(a_visitor_that_leaves_at_once_is_forgotten),
        TEST(a_knock_needs_a_token_and_a_pidfd),
        TEST(the_pidfd_of_a_dead_process_is_refused),
        TEST(a_broken_packet_ends_the_visit),
        TEST(other_users_are_refused),
        TEST(there_are_so_many_visitors_and_no_more),
        TEST(the_door_rests_while_file_descriptors_are_used_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
