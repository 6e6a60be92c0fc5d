/* What a visitor and the door say to each other. */
#include "house.h"

#include <sys/mman.h>
#include <sys/socket.h>

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
        TEST(a_visit_needs_a_door),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
