/* Visitors that leave, die, or are thrown out. */
#include "house.h"

#include <sched.h>
#include <sys/socket.h>

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

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_fork_of_the_sender_keeps_nobody_at_the_door),  TEST(a_ready_visitor_does_not_starve_another),
        TEST(a_death_is_told_after_all_that_was_sent),        TEST(a_child_that_lives_on_does_not_hide_a_death),
        TEST(a_visitor_that_was_thrown_out_is_still_watched), TEST(a_death_in_another_pid_namespace_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
