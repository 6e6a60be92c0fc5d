#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "net/door.h"
#include "net/door_folder.h"
#include "net/pidfd.h"
#include "net/visit.h"

#define PATIENCE_MS 10000

static const uint8_t token[FW_TOKEN_SIZE] = "0123456789abcde";

typedef struct house {
    fw_door *door;
    fw_door_event event;
} house;

static int open_house(void **state) {
    static house self;
    self = (house){ 0 };
    *state = &self;
    return folder_make(state) == 0 && fw_door_open(&(fw_door_options){ .folder = "doors" }, &self.door) == FW_OK ? 0
                                                                                                                 : -1;
}

static int close_house(void **state) {
    house *self = *state;
    fw_door_close(&self->door);
    return folder_remove(state);
}

static fw_part text(const char *bytes) {
    return (fw_part){ bytes, strlen(bytes) };
}

static bool readable(int fd) {
    return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, PATIENCE_MS) == 1;
}

/* The next event, which has to be of this kind. */
static fw_visitor *expect(house *self, fw_door_event_kind kind) {
    while (!fw_door_next(self->door, fw_now(), &self->event))
        if (!readable(fw_door_fd(self->door)))
            fail_msg("no event %d came", (int)kind);
    if (self->event.kind != kind)
        fail_msg("event %d came, not %d: %s", (int)self->event.kind, (int)kind, self->event.why ? self->event.why : "");
    return self->event.visitor;
}

static void expect_nothing(house *self) {
    assert_false(fw_door_next(self->door, fw_now(), &self->event));
}

/* The event's first part is this. */
static void assert_says(const house *self, const char *what) {
    assert_int_equal(self->event.parts[0].size, strlen(what));
    assert_memory_equal(self->event.parts[0].data, what, strlen(what));
}

/* A process that ends closes its sockets a moment before it is dead. */
static void expect_death(house *self) {
    while (!fw_door_next(self->door, fw_now(), &self->event) || self->event.kind == FW_DOOR_LEFT)
        assert_true(readable(fw_door_fd(self->door)));
    assert_int_equal(self->event.kind, FW_DOOR_DIED);
    expect_nothing(self);
    fw_door_counts counts;
    fw_door_count(self->door, &counts);
    assert_int_equal(counts.visitors, 0);
}

static fw_door_counts counts_of(house *self) {
    fw_door_counts counts;
    fw_door_count(self->door, &counts);
    return counts;
}

static fw_visit *visit(house *self) {
    fw_visit *visit = NULL;
    assert_ok(fw_visit_open("doors", fw_door_name(self->door), token, &visit));
    return visit;
}

/* What the visitor gets next, which has to be of this kind. */
static fw_packet *got(fw_visit *visit, fw_packet_kind kind) {
    static fw_packet packet;
    fw_status status;
    while ((status = fw_visit_receive(visit, &packet)) == FW_TIMEOUT)
        assert_true(readable(fw_visit_fd(visit)));
    assert_ok(status);
    assert_int_equal(packet.kind, kind);
    return &packet;
}

static void assert_refused(fw_visit *visit, const char *why) {
    fw_packet *packet = got(visit, FW_PACKET_REFUSED);
    char said[512];
    snprintf(said, sizeof said, "%.*s", (int)packet->parts[0].size, (const char *)packet->parts[0].data);
    if (!strstr(said, why))
        fail_msg("\"%s\" does not say \"%s\"", said, why);
    assert_int_equal(fw_visit_receive(visit, packet), FW_CLOSED);
}

static fw_visitor *let_in(house *self) {
    fw_visitor *visitor = expect(self, FW_DOOR_KNOCK);
    assert_ok(fw_door_let_in(self->door, visitor));
    return visitor;
}

/* A child that visits, does this, and stays until it is killed. */
static pid_t child_that(house *self, void (*act)(fw_visit *visit)) {
    char name[FW_DOOR_NAME_MAX];
    snprintf(name, sizeof name, "%s", fw_door_name(self->door));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child > 0)
        return child;
    fw_visit *visit;
    if (fw_visit_open("doors", name, token, &visit) != FW_OK)
        _exit(1);
    readable(fw_visit_fd(visit));
    act(visit);
    for (;;)
        pause();
}

static void end(pid_t child) {
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
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

/* ---- Packets ---------------------------------------------------------------------------------------------------------- */

static void packets_go_both_ways(void **state) {
    house *self = *state;
    fw_visit *ours = visit(self);
    fw_visitor *visitor = expect(self, FW_DOOR_KNOCK);
    assert_memory_equal(self->event.token, token, sizeof token);
    assert_ok(fw_door_let_in(self->door, visitor));
    fw_visitor_set(visitor, self);
    assert_int_equal(got(ours, FW_PACKET_ACCEPTED)->count, 0);

    assert_ok(fw_door_send(self->door, visitor, (fw_part[]){ text("cam0"), text("header") }, 2));
    fw_packet *packet = got(ours, FW_PACKET_MESSAGE);
    assert_int_equal(packet->count, 2);
    assert_memory_equal(packet->parts[1].data, "header", 6);

    assert_ok(fw_visit_send(ours, (fw_part[]){ text(""), text("result"), text("value") }, 3));
    assert_ok(fw_visit_send(ours, (fw_part[]){ text(""), text("release") }, 2));
    assert_ptr_equal(expect(self, FW_DOOR_MESSAGE), visitor);
    assert_ptr_equal(fw_visitor_get(visitor), self);
    assert_int_equal(self->event.count, 3);
    assert_memory_equal(self->event.parts[2].data, "value", 5);
    expect(self, FW_DOOR_MESSAGE);
    assert_int_equal(self->event.count, 2);
    expect_nothing(self);

    fw_visit_close(&ours);
    assert_ptr_equal(expect(self, FW_DOOR_LEFT), visitor);
    assert_string_equal(self->event.why, "");
    assert_int_equal(fw_door_send(self->door, visitor, NULL, 0), FW_CLOSED);
    assert_int_equal(counts_of(self).visitors, 1); /* its process lives */
    fw_door_forget(self->door, visitor);
    assert_int_equal(counts_of(self).visitors, 0);
    assert_int_equal(counts_of(self).let_in, 1);
}

static void memory_is_given(void **state) {
    house *self = *state;
    fw_visit *ours = visit(self);
    fw_visitor *visitor = let_in(self);
    int memory = memfd_create("test", MFD_CLOEXEC);
    assert_int_equal(write(memory, "pixels", 6), 6);
    assert_ok(fw_door_give(self->door, visitor, 0x1122334455667788, memory, 6));
    close(memory);
    got(ours, FW_PACKET_ACCEPTED);
    fw_packet *packet = got(ours, FW_PACKET_MEMORY);
    uint64_t region, size;
    char bytes[6];
    assert_ok(fw_visit_memory(packet, &region, &size));
    assert_true(region == 0x1122334455667788 && size == 6);
    assert_int_equal(pread(packet->fd, bytes, 6, 0), 6);
    assert_memory_equal(bytes, "pixels", 6);
    close(packet->fd);
    fw_visit_close(&ours);
}

static void a_full_visitor_is_told_of_when_there_is_room(void **state) {
    house *self = *state;
    fw_visit *ours = visit(self);
    fw_visitor *visitor = let_in(self);
    static uint8_t bytes[20000];
    unsigned sent = 0;
    fw_status status;
    got(ours, FW_PACKET_ACCEPTED);
    assert_true(fw_door_keeps_up(self->door));
    while ((status = fw_door_send(self->door, visitor, &(fw_part){ bytes, sizeof bytes }, 1)) == FW_OK)
        sent++;
    assert_int_equal(status, FW_FULL);
    assert_true(sent > 5);
    expect_nothing(self);
    assert_false(fw_door_keeps_up(self->door));
    for (unsigned i = 0; i < sent; i++)
        got(ours, FW_PACKET_MESSAGE);
    assert_true(fw_door_keeps_up(self->door));
    assert_ptr_equal(expect(self, FW_DOOR_ROOM), visitor);
    assert_ok(fw_door_send(self->door, visitor, &(fw_part){ bytes, sizeof bytes }, 1));
    expect_nothing(self);
    fw_visit_close(&ours);
}

static void who_is_forgotten_says_no_more(void **state) {
    house *self = *state;
    fw_visit *visits[2] = { visit(self) };
    fw_visitor *visitors[2] = { let_in(self) };
    visits[1] = visit(self);
    visitors[1] = let_in(self);
    for (int i = 0; i < 2; i++)
        assert_ok(fw_visit_send(visits[i], NULL, 0));
    fw_visitor *first = expect(self, FW_DOOR_MESSAGE); /* the other's is known to be there already */
    fw_door_forget(self->door, visitors[first == visitors[0]]);
    expect_nothing(self);
    fw_visit_close(&visits[0]);
    fw_visit_close(&visits[1]);
}

static void say_both(int fd) {
    static const uint8_t both[] = "\1\0\3\2\1\0\0\0\0\0\0\0\2\0\0\0abc";
    assert_int_equal(send(fd, both, sizeof both - 1, MSG_NOSIGNAL), (ssize_t)sizeof both - 1);
}

static void two_messages_of_one_packet_come_in_their_order(void **state) {
    house *self = *state;
    fw_visit *ours = visit(self);
    fw_visitor *visitor = let_in(self);
    for (int i = 0; i < 2; i++)
        say_both(fw_visit_fd(ours));
    for (int i = 0; i < 2; i++) {
        assert_ptr_equal(expect(self, FW_DOOR_MESSAGE), visitor);
        assert_int_equal(self->event.count, 2);
        assert_says(self, "a");
        assert_ptr_equal(expect(self, FW_DOOR_MESSAGE), visitor);
        assert_int_equal(self->event.count, 1);
        assert_says(self, "bc");
    }
    expect_nothing(self);

    say_both(fw_visit_fd(ours));
    expect(self, FW_DOOR_MESSAGE);
    fw_door_forget(self->door, visitor);
    expect_nothing(self);
    fw_visit_close(&ours);
}

static void only_receivers_say_two_messages_at_once(void **state) {
    house *self = *state;
    fw_visit *ours = visit(self);
    let_in(self);
    got(ours, FW_PACKET_ACCEPTED);
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    say_both(ends[0]);
    assert_int_equal(dup2(ends[1], fw_visit_fd(ours)), fw_visit_fd(ours));
    fw_packet packet;
    assert_fails(fw_visit_receive(ours, &packet), FW_BAD_MESSAGE, "only receivers");
    close(ends[0]);
    close(ends[1]);
    fw_visit_close(&ours);
}

static bool say_aside(fw_visit *visit, const char *what) {
    return fw_visit_say_aside(visit, (fw_part[]){ text(what) }, 1);
}

static void what_is_said_aside_wakes_nobody_and_is_heard_first(void **state) {
    house *self = *state;
    fw_visit *ours = visit(self);
    fw_visitor *visitor = let_in(self);
    assert_false(say_aside(ours, "before it is accepted"));
    got(ours, FW_PACKET_ACCEPTED);
    assert_true(say_aside(ours, "one"));
    assert_int_equal(poll(&(struct pollfd){ .fd = fw_door_fd(self->door), .events = POLLIN }, 1, 0), 0);
    expect_nothing(self);
    assert_ok(fw_visit_send(ours, (fw_part[]){ text("two") }, 1));
    assert_ptr_equal(expect(self, FW_DOOR_MESSAGE), visitor);
    assert_says(self, "one");
    expect(self, FW_DOOR_MESSAGE);
    assert_says(self, "two");

    assert_true(say_aside(ours, "three"));
    fw_visit_close(&ours);
    expect(self, FW_DOOR_MESSAGE);
    assert_says(self, "three");
    expect(self, FW_DOOR_LEFT);
    expect_nothing(self);
}

static void the_hub_may_ask_what_was_said_aside(void **state) {
    house *self = *state;
    fw_visit *visits[3];
    fw_visitor *visitors[3];
    for (int i = 0; i < 3; i++) {
        visits[i] = visit(self);
        visitors[i] = let_in(self);
        got(visits[i], FW_PACKET_ACCEPTED);
    }
    for (int round = 0; round < 2; round++) {
        assert_true(say_aside(visits[0], "first") && say_aside(visits[0], "second") && say_aside(visits[2], "third"));
        const char *said[] = { "first", "second", "third" };
        for (int i = 0; i < 3; i++) {
            assert_true(fw_door_next_aside(self->door, &self->event));
            assert_ptr_equal(self->event.visitor, visitors[i == 2 ? 2 : 0]);
            assert_says(self, said[i]);
        }
        assert_false(fw_door_next_aside(self->door, &self->event));
    }
    say_both(fw_visit_fd(visits[1]));
    assert_true(say_aside(visits[0], "later"));
    expect(self, FW_DOOR_MESSAGE);
    assert_false(fw_door_next_aside(self->door, &self->event)); /* it would be read over the second */
    expect(self, FW_DOOR_MESSAGE);
    assert_says(self, "bc");
    assert_true(fw_door_next_aside(self->door, &self->event));
    fw_door_forget(self->door, visitors[0]);
    assert_false(fw_door_next_aside(self->door, &self->event));
    for (int i = 0; i < 3; i++)
        fw_visit_close(&visits[i]);
}

static void an_aside_that_is_full_or_closed_is_no_way(void **state) {
    house *self = *state;
    fw_visit *ours = visit(self);
    fw_visitor *visitor = let_in(self);
    got(ours, FW_PACKET_ACCEPTED);
    unsigned said = 0, heard = 0;
    while (say_aside(ours, "word"))
        said++;
    assert_true(said > 64); /* as many frames as a worker may have */
    while (fw_door_next_aside(self->door, &self->event))
        heard++;
    assert_int_equal(heard, said);
    assert_true(say_aside(ours, "word"));
    fw_door_forget(self->door, visitor);
    assert_false(say_aside(ours, "word"));
    fw_visit_close(&ours);
}

static void say_rubbish_aside(fw_visit *visit) {
    fw_packet packet;
    int aside = dup(fw_visit_fd(visit)); /* the number that comes next */
    close(aside);
    if (fw_visit_receive(visit, &packet) != FW_OK || send(aside, "\2", 1, 0) != 1)
        _exit(1);
}

static void who_says_rubbish_aside_is_thrown_out(void **state) {
    house *self = *state;
    pid_t child = child_that(self, say_rubbish_aside);
    fw_visitor *visitor = let_in(self);
    fw_time by = fw_after(fw_now(), PATIENCE_MS * FW_MS);
    while (!fw_door_next_aside(self->door, &self->event))
        assert_true(fw_now() < by);
    assert_ptr_equal(self->event.visitor, visitor);
    assert_int_equal(self->event.kind, FW_DOOR_LEFT);
    assert_non_null(strstr(self->event.why, "version 2"));
    end(child);
    expect(self, FW_DOOR_DIED);
}

static void a_fork_of_the_sender_keeps_nobody_at_the_door(void **state) {
    house *self = *state;
    fw_visit *ours = visit(self);
    fw_visitor *visitor = let_in(self);
    pid_t child = fork(); /* which has the visitor's socket too, for as long as it lives */
    if (child == 0)
        for (;;)
            pause();
    fw_door_forget(self->door, visitor);
    assert_ok(fw_visit_send(ours, NULL, 0));
    expect_nothing(self);
    end(child);
    fw_visit_close(&ours);
}

static void a_ready_visitor_does_not_starve_another(void **state) {
    house *self = *state;
    fw_visit *loud = visit(self);
    fw_visitor *first = let_in(self);
    fw_visit *quiet = visit(self);
    fw_visitor *second = let_in(self);
    for (int i = 0; i < 20; i++)
        assert_ok(fw_visit_send(loud, NULL, 0));
    assert_ok(fw_visit_send(quiet, NULL, 0));
    unsigned before = 0;
    while (expect(self, FW_DOOR_MESSAGE) != second)
        before++;
    assert_true(before <= 2);
    fw_visit_close(&loud);
    fw_visit_close(&quiet);
    fw_door_forget(self->door, first);
}

/* ---- Death ------------------------------------------------------------------------------------------------------------ */

static void say_three_words(fw_visit *visit) {
    static const uint8_t two[] = "\1\0\2\1\3\0\0\0\3\0\0\0onetwo";
    fw_packet packet;
    if (fw_visit_receive(visit, &packet) == FW_OK && say_aside(visit, "zero") &&
        send(fw_visit_fd(visit), two, sizeof two - 1, 0) == (ssize_t)sizeof two - 1)
        fw_visit_send(visit, (fw_part[]){ text("three") }, 1);
    raise(SIGKILL);
}

static void a_death_is_told_after_all_that_was_sent(void **state) {
    house *self = *state;
    pid_t child = child_that(self, say_three_words);
    fw_visitor *visitor = let_in(self);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_ptr_equal(expect(self, FW_DOOR_MESSAGE), visitor);
    assert_says(self, "zero");
    assert_ptr_equal(expect(self, FW_DOOR_MESSAGE), visitor);
    assert_says(self, "one");
    assert_ptr_equal(expect(self, FW_DOOR_MESSAGE), visitor);
    assert_says(self, "two");
    assert_ptr_equal(expect(self, FW_DOOR_MESSAGE), visitor);
    assert_says(self, "three");
    expect_death(self);
}

static int fork_tells;

static void fork_and_die(fw_visit *visit) {
    fw_visit_send(visit, (fw_part[]){ text("a") }, 1);
    pid_t child = fork();
    if (child > 0) {
        if (write(fork_tells, &child, sizeof child) == sizeof child)
            raise(SIGKILL);
        _exit(1);
    }
    for (;;) /* with the socket, as a forked worker's child has it */
        pause();
}

static void a_child_that_lives_on_does_not_hide_a_death(void **state) {
    house *self = *state;
    int pipes[2];
    pid_t grandchild;
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    fork_tells = pipes[1];
    pid_t child = child_that(self, fork_and_die);
    let_in(self);
    assert_int_equal(read(pipes[0], &grandchild, sizeof grandchild), sizeof grandchild);
    assert_int_equal(waitpid(child, NULL, 0), child);
    expect(self, FW_DOOR_MESSAGE);
    expect(self, FW_DOOR_DIED);
    kill(grandchild, SIGKILL);
    expect_nothing(self);
    close(pipes[0]), close(pipes[1]);
}

static void send_rubbish(fw_visit *visit) {
    if (send(fw_visit_fd(visit), "\2", 1, 0) != 1)
        _exit(1);
}

static void a_visitor_that_was_thrown_out_is_still_watched(void **state) {
    house *self = *state;
    pid_t child = child_that(self, send_rubbish);
    fw_visitor *visitor = let_in(self);
    assert_ptr_equal(expect(self, FW_DOOR_LEFT), visitor);
    assert_non_null(strstr(self->event.why, "version 2"));
    expect_nothing(self);
    assert_int_equal(counts_of(self).visitors, 1);
    end(child);
    assert_ptr_equal(expect(self, FW_DOOR_DIED), visitor);
    expect_nothing(self);
    assert_int_equal(counts_of(self).visitors, 0);
}

/* Process 1 of a pid namespace of its own, as in a container; the child that made it tells its number here. */
static pid_t child_in_a_namespace(house *self, int *numbers) {
    pid_t child = fork();
    if (child != 0)
        return child;
    pid_t number = unshare(CLONE_NEWPID) == 0 ? fork() : -1;
    fw_visit *visit;
    if (number == 0) {
        if (getpid() != 1 || fw_visit_open("doors", fw_door_name(self->door), token, &visit) != FW_OK)
            _exit(1);
        for (;;)
            pause();
    }
    if (write(numbers[1], &number, sizeof number) != sizeof number)
        _exit(1);
    waitpid(number, NULL, 0);
    _exit(0);
}

static void a_death_in_another_pid_namespace_is_seen(void **state) {
    house *self = *state;
    int numbers[2];
    pid_t number;
    assert_int_equal(pipe2(numbers, O_CLOEXEC), 0);
    pid_t child = child_in_a_namespace(self, numbers);
    assert_int_equal(read(numbers[0], &number, sizeof number), sizeof number);
    close(numbers[0]), close(numbers[1]);
    if (number < 0) {
        waitpid(child, NULL, 0);
        skip(); /* only root may, and not in every container */
    }
    let_in(self);
    expect_nothing(self);
    kill(number, SIGKILL);
    expect_death(self);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

/* ---- Who is not let in ------------------------------------------------------------------------------------------------ */

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

/* ---- The folder ------------------------------------------------------------------------------------------------------- */

static unsigned files_in_doors(void) {
    unsigned count = 0;
    DIR *entries = opendir("doors");
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(entries);
    return count;
}

static void the_folder_is_made_for_this_user_alone(void **state) {
    house *self = *state;
    struct stat facts;
    assert_int_equal(stat("doors", &facts), 0);
    assert_int_equal(facts.st_mode & 07777, 0700);
    assert_int_equal(files_in_doors(), 2);
    assert_true(fw_door_name_valid(fw_door_name(self->door)));
    fw_door_close(&self->door);
    assert_int_equal(files_in_doors(), 0);
}

static void a_folder_that_others_can_use_is_refused(void **state) {
    (void)state;
    fw_door *door;
    make_folder("open");
    static const mode_t modes[] = { 0770, 0750, 0701, 0704 };
    static const char *const why[] = { "mode 0770", "mode 0750", "mode 0701", "mode 0704" };
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(chmod("open", modes[i]), 0);
        assert_fails(fw_door_open(&(fw_door_options){ .folder = "open" }, &door), FW_DENIED, why[i]);
    }
    assert_int_equal(chmod("open", 0710), 0); /* passing through leads to no door but those of a group */
    assert_ok(fw_door_open(&(fw_door_options){ .folder = "open" }, &door));
    fw_door_close(&door);
    write_file("file", "x", 1);
    assert_fails(fw_door_open(&(fw_door_options){ .folder = "file" }, &door), FW_NOT_FOUND, "file");
    assert_fails(fw_door_open(&(fw_door_options){ .folder = "no/such" }, &door), FW_NOT_FOUND, "cannot be made");
    if (geteuid() == 0) {
        assert_int_equal(chmod("open", 0700) | chown("open", 1, 1), 0);
        assert_fails(fw_door_open(&(fw_door_options){ .folder = "open" }, &door), FW_DENIED, "another user (1)");
        assert_int_equal(seteuid(65534), 0);
        assert_fails(fw_door_open(&(fw_door_options){ .folder = "open" }, &door), FW_UNSUPPORTED, "nobody");
        assert_int_equal(seteuid(0), 0);
    }
}

static void the_folder_comes_from_the_environment(void **state) {
    (void)state;
    char path[256], wanted[256], runtime[128];
    bool own;
    snprintf(runtime, sizeof runtime, "%s/runtime", folder);
    make_folder("runtime");
    setenv("FRAMEWIRE_DOOR", "/asked", 1);
    setenv("XDG_RUNTIME_DIR", runtime, 1);
    assert_ok(fw_door_folder_find("/given", path, sizeof path, &own));
    assert_string_equal(path, "/given");
    assert_ok(fw_door_folder_find(NULL, path, sizeof path, &own));
    assert_string_equal(path, "/asked");
    assert_false(own);
    setenv("FRAMEWIRE_DOOR", "", 1);
    assert_ok(fw_door_folder_find(NULL, path, sizeof path, &own));
    snprintf(wanted, sizeof wanted, "%s/framewire", runtime);
    assert_string_equal(path, wanted);
    assert_true(own);
    snprintf(wanted, sizeof wanted, "/tmp/framewire-%u", (unsigned)geteuid());
    static const char *const useless[] = { "", "relative", "/no/such", "/dev/null" };
    for (size_t i = 0; i < sizeof useless / sizeof useless[0]; i++) {
        setenv("XDG_RUNTIME_DIR", useless[i], 1);
        assert_ok(fw_door_folder_find(NULL, path, sizeof path, &own));
        assert_string_equal(path, wanted);
    }
    if (geteuid() == 0) { /* kept by sudo -E */
        assert_int_equal(chown("runtime", 1, 1), 0);
        setenv("XDG_RUNTIME_DIR", runtime, 1);
        assert_ok(fw_door_folder_find(NULL, path, sizeof path, &own));
        assert_string_equal(path, wanted);
    }
    assert_fails(fw_door_folder_find("/given", path, 5, &own), FW_INVALID, "path of more than 4 bytes");
    unsetenv("FRAMEWIRE_DOOR");
    unsetenv("XDG_RUNTIME_DIR");
}

static void a_default_folder_is_no_link(void **state) {
    (void)state;
    char runtime[128];
    fw_door *door;
    snprintf(runtime, sizeof runtime, "%s/runtime", folder);
    make_folder("runtime");
    make_folder("elsewhere");
    assert_int_equal(chmod("elsewhere", 0700) | symlink("../elsewhere", "runtime/framewire"), 0);
    unsetenv("FRAMEWIRE_DOOR");
    setenv("XDG_RUNTIME_DIR", runtime, 1);
    assert_int_equal(fw_door_open(&(fw_door_options){ 0 }, &door), FW_NOT_FOUND);
    unsetenv("XDG_RUNTIME_DIR");
    assert_ok(fw_door_open(&(fw_door_options){ .folder = "runtime/framewire" }, &door));
    fw_door_close(&door);
}

static void a_folder_may_have_a_long_path(void **state) {
    (void)state;
    char path[600] = "";
    for (int i = 0; i < 5; i++) {
        char name[101];
        memset(name, 'a' + i, 100);
        name[100] = '\0';
        if (i > 0)
            strcat(path, "/");
        strcat(path, name);
        if (i < 4)
            assert_int_equal(mkdir(path, 0700), 0);
    }
    house far = { 0 };
    fw_visit *ours;
    assert_ok(fw_door_open(&(fw_door_options){ .folder = path }, &far.door));
    assert_ok(fw_visit_open(path, fw_door_name(far.door), token, &ours));
    let_in(&far);
    got(ours, FW_PACKET_ACCEPTED);
    fw_visit_close(&ours);
    fw_door_close(&far.door);
}

static void doors_of_the_dead_are_cleaned_away_and_no_others(void **state) {
    house *self = *state;
    pid_t child = fork();
    if (child == 0) {
        fw_door *door;
        _exit(fw_door_open(&(fw_door_options){ .folder = "doors" }, &door) == FW_OK ? 0 : 1); /* leaves its files */
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    write_file("doors/notes.txt", "x", 1);
    write_file("doors/file.door", "x", 1);
    write_file("doors/left.door.lock", "", 0);
    assert_int_equal(files_in_doors(), 7);
    fw_door *other;
    assert_ok(fw_door_open(&(fw_door_options){ .folder = "doors" }, &other));
    assert_int_equal(files_in_doors(), 6); /* two doors with their locks, and what is not ours */
    assert_int_equal(access("doors/notes.txt", F_OK) | access("doors/file.door", F_OK), 0);
    fw_visit *ours = visit(self);
    let_in(self);
    fw_visit_close(&ours);
    fw_door_close(&other);
}

static void a_visit_needs_a_door(void **state) {
    house *self = *state;
    fw_visit *ours;
    assert_fails(fw_visit_open("doors", "1-0.door", token, &ours), FW_NOT_FOUND, "1-0.door is not in doors");
    assert_null(ours);
    assert_fails(fw_visit_open("no/such", "1-0.door", token, &ours), FW_NOT_FOUND, "no/such");
    static const char *const names[] = {
        "", ".door", "../x.door", "/x.door", "a/b.door", "x.lock", "x.door\n", "..door"
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_fails(fw_visit_open("doors", names[i], token, &ours), FW_INVALID, "names a door that is none");
    fw_door_close(&self->door);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_house, close_house)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(packets_go_both_ways),
        TEST(memory_is_given),
        TEST(a_full_visitor_is_told_of_when_there_is_room),
        TEST(who_is_forgotten_says_no_more),
        TEST(two_messages_of_one_packet_come_in_their_order),
        TEST(only_receivers_say_two_messages_at_once),
        TEST(what_is_said_aside_wakes_nobody_and_is_heard_first),
        TEST(the_hub_may_ask_what_was_said_aside),
        TEST(an_aside_that_is_full_or_closed_is_no_way),
        TEST(who_says_rubbish_aside_is_thrown_out),
        TEST(a_fork_of_the_sender_keeps_nobody_at_the_door),
        TEST(a_ready_visitor_does_not_starve_another),
        TEST(a_death_is_told_after_all_that_was_sent),
        TEST(a_child_that_lives_on_does_not_hide_a_death),
        TEST(a_visitor_that_was_thrown_out_is_still_watched),
        TEST(a_death_in_another_pid_namespace_is_seen),
        TEST(the_hub_may_refuse),
        TEST(who_does_not_knock_is_refused_in_time),
        TEST(a_visitor_that_leaves_at_once_is_forgotten),
        TEST(a_knock_needs_a_token_and_a_pidfd),
        TEST(the_pidfd_of_a_dead_process_is_refused),
        TEST(a_broken_packet_ends_the_visit),
        TEST(other_users_are_refused),
        TEST(there_are_so_many_visitors_and_no_more),
        TEST(the_door_rests_while_file_descriptors_are_used_up),
        TEST(the_folder_is_made_for_this_user_alone),
        TEST(a_folder_that_others_can_use_is_refused),
        TEST(the_folder_comes_from_the_environment),
        TEST(a_default_folder_is_no_link),
        TEST(a_folder_may_have_a_long_path),
        TEST(doors_of_the_dead_are_cleaned_away_and_no_others),
        TEST(a_visit_needs_a_door),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
