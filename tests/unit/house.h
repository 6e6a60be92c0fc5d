/* A sender's door in a folder of its own, and visitors at it. */
#ifndef FW_TEST_HOUSE_H
#define FW_TEST_HOUSE_H

#include "folder.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "net/door.h"
#include "net/door_folder.h"
#include "net/visit.h"

#define PATIENCE_MS 10000
#define TEST(name)  cmocka_unit_test_setup_teardown(name, open_house, close_house)

static const uint8_t token[FW_TOKEN_SIZE] = "0123456789abcde";

typedef struct house {
    fw_door *door;
    fw_door_event event;
} house;

static inline int open_house(void **state) {
    static house self;
    self = (house){ 0 };
    *state = &self;
    return folder_make(state) == 0 && fw_door_open(&(fw_door_options){ .folder = "doors" }, &self.door) == FW_OK ? 0
                                                                                                                 : -1;
}

static inline int close_house(void **state) {
    house *self = *state;
    fw_door_close(&self->door);
    return folder_remove(state);
}

static inline bool readable(int fd) {
    return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, PATIENCE_MS) == 1;
}

/* The next event, which has to be of this kind. */
static inline fw_visitor *expect(house *self, fw_door_event_kind kind) {
    while (!fw_door_next(self->door, fw_now(), &self->event))
        if (!readable(fw_door_fd(self->door)))
            fail_msg("no event %d came", (int)kind);
    if (self->event.kind != kind)
        fail_msg("event %d came, not %d: %s", (int)self->event.kind, (int)kind, self->event.why ? self->event.why : "");
    return self->event.visitor;
}

static inline void expect_nothing(house *self) {
    assert_false(fw_door_next(self->door, fw_now(), &self->event));
}

static inline fw_door_counts counts_of(house *self) {
    fw_door_counts counts;
    fw_door_count(self->door, &counts);
    return counts;
}

static inline fw_visit *visit(house *self) {
    fw_visit *visit = NULL;
    assert_ok(fw_visit_open("doors", fw_door_name(self->door), token, &visit));
    return visit;
}

/* What the visitor gets next, which has to be of this kind. */
static inline fw_packet *got(fw_visit *visit, fw_packet_kind kind) {
    static fw_packet packet;
    fw_status status;
    while ((status = fw_visit_receive(visit, &packet)) == FW_TIMEOUT)
        assert_true(readable(fw_visit_fd(visit)));
    assert_ok(status);
    assert_int_equal(packet.kind, kind);
    return &packet;
}

static inline fw_visitor *let_in(house *self) {
    fw_visitor *visitor = expect(self, FW_DOOR_KNOCK);
    assert_ok(fw_door_let_in(self->door, visitor));
    return visitor;
}

static inline fw_part text(const char *bytes) {
    return (fw_part){ bytes, strlen(bytes) };
}

/* The event's first part is this. */
static inline void assert_says(const house *self, const char *what) {
    assert_int_equal(self->event.parts[0].size, strlen(what));
    assert_memory_equal(self->event.parts[0].data, what, strlen(what));
}

static inline bool say_aside(fw_visit *visit, const char *what) {
    return fw_visit_say_aside(visit, (fw_part[]){ text(what) }, 1);
}

/* A child that visits, does this, and stays until it is killed. */
static inline pid_t child_that(house *self, void (*act)(fw_visit *visit)) {
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

static inline void end(pid_t child) {
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

#endif
