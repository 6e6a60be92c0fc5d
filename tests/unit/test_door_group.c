#include "folder.h"

#include <grp.h>
#include <poll.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "net/door.h"
#include "net/door_group.h"
#include "net/visit.h"

#define GROUP      4242
#define GROUP_TEXT "4242"

static const uint8_t token[FW_TOKEN_SIZE] = "0123456789abcde";

static bool readable(int fd) {
    return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 10000) == 1;
}

static fw_door *open_door(const char *group) {
    fw_door *door = NULL;
    assert_ok(fw_door_open(&(fw_door_options){ .folder = "doors", .group = group }, &door));
    return door;
}

static const char *path_of(const fw_door *door) {
    static char path[200];
    snprintf(path, sizeof path, "doors/%s", fw_door_name(door));
    return path;
}

static void assert_mode(const char *path, unsigned mode, unsigned group) {
    struct stat facts;
    assert_int_equal(stat(path, &facts), 0);
    assert_int_equal(facts.st_mode & 07777, mode);
    assert_int_equal(facts.st_gid, group);
}

/* What becomes of a visitor. */
enum { LET_IN, SHUT_OUT, TOLD, BROKEN };

/* In the child: who it is from now on. */
static bool become(uid_t user, gid_t group, const gid_t *more, size_t count) {
    return setgroups(count, more) == 0 && setresgid(group, group, group) == 0 && setresuid(user, user, user) == 0;
}

/* Another user goes to the door; why: what it has to be told. */
static int visit_as(fw_door *door, uid_t user, gid_t group, const gid_t *more, size_t count, const char *why) {
    pid_t child = fork();
    if (child == 0) {
        fw_visit *ours;
        fw_packet packet;
        if (!become(user, group, more, count))
            _exit(BROKEN);
        fw_status status = fw_visit_open("doors", fw_door_name(door), token, &ours);
        if (status == FW_DENIED)
            _exit(SHUT_OUT);
        if (status != FW_OK || !readable(fw_visit_fd(ours)) || fw_visit_receive(ours, &packet) != FW_OK)
            _exit(BROKEN);
        if (packet.kind == FW_PACKET_ACCEPTED)
            _exit(LET_IN);
        _exit(packet.kind == FW_PACKET_REFUSED && memmem(packet.parts[0].data, packet.parts[0].size, why, strlen(why))
                  ? TOLD
                  : BROKEN);
    }
    fw_door_event event;
    int status = 0;
    while (waitpid(child, &status, WNOHANG) == 0) {
        poll(&(struct pollfd){ .fd = fw_door_fd(door), .events = POLLIN }, 1, 10);
        while (fw_door_next(door, fw_now(), &event))
            if (event.kind == FW_DOOR_KNOCK)
                assert_ok(fw_door_let_in(door, event.visitor));
    }
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool is_root(void) {
    return geteuid() == 0; /* nobody else can be made up */
}

static void members_of_the_group_are_let_in_and_nobody_else(void **state) {
    (void)state;
    if (!is_root())
        skip();
    fw_door *door = open_door(GROUP_TEXT);
    assert_mode("doors", 0710, GROUP);
    assert_mode(path_of(door), 0660, GROUP);
    gid_t many[100];
    for (gid_t i = 0; i < 100; i++)
        many[i] = GROUP + 99 - i;
    assert_int_equal(visit_as(door, 1, GROUP, NULL, 0, ""), LET_IN);
    assert_int_equal(visit_as(door, 1, 1, (gid_t[]){ 7, GROUP }, 2, ""), LET_IN);
    assert_int_equal(visit_as(door, 1, 1, many, 100, ""), LET_IN);
    assert_int_equal(visit_as(door, 1, 1, (gid_t[]){ 7, GROUP + 1 }, 2, ""), SHUT_OUT);
    assert_int_equal(visit_as(door, 65534, 1, (gid_t[]){ GROUP }, 1, "user namespace"), TOLD);
    /* Whatever becomes of the permissions, the sender looks for itself. */
    assert_int_equal(chmod("doors", 0755) | chmod(path_of(door), 0777), 0);
    assert_int_equal(visit_as(door, 1, 1, (gid_t[]){ 7 }, 1, "which this receiver's user is not in"), TOLD);
    assert_int_equal(visit_as(door, 1, 1, (gid_t[]){ 7, GROUP }, 2, ""), LET_IN);
    fw_door_close(&door);
}

static void a_door_without_a_group_stays_shut_beside_one_that_has(void **state) {
    (void)state;
    if (!is_root())
        skip();
    mode_t before = umask(0);
    fw_door *shared = open_door(GROUP_TEXT), *own = open_door(NULL), *other = NULL;
    umask(before);
    assert_mode(path_of(own), 0600, getegid());
    assert_int_equal(visit_as(own, 1, GROUP, NULL, 0, ""), SHUT_OUT);
    assert_int_equal(visit_as(shared, 1, GROUP, NULL, 0, ""), LET_IN);
    assert_fails(fw_door_open(&(fw_door_options){ .folder = "doors", .group = "4243" }, &other), FW_DENIED,
                 "group 4242's already");
    fw_door_close(&own);
    fw_door_close(&shared);
}

static void a_folder_that_was_this_users_alone_is_opened(void **state) {
    (void)state;
    if (!is_root())
        skip();
    fw_door *door = open_door(NULL);
    assert_mode("doors", 0700, getegid());
    fw_door_close(&door);
    mode_t before = umask(077);
    door = open_door(GROUP_TEXT);
    umask(before);
    assert_mode("doors", 0710, GROUP);
    assert_mode(path_of(door), 0660, GROUP);
    fw_door_close(&door);
}

static void a_group_that_the_user_is_not_in_is_refused(void **state) {
    (void)state;
    if (!is_root())
        skip();
    make_folder("doors");
    assert_int_equal(chmod("doors", 0700) | chown("doors", 1, 1), 0);
    pid_t child = fork();
    if (child == 0) {
        fw_door *door;
        const fw_door_options options = { .folder = "doors", .group = GROUP_TEXT };
        if (!become(1, 1, NULL, 0))
            _exit(BROKEN);
        _exit(fw_door_open(&options, &door) == FW_DENIED && strstr(fw_cause(), "not in it") ? SHUT_OUT : BROKEN);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), SHUT_OUT);
    assert_mode("doors", 0700, 1);
}

static void a_group_has_a_name_or_a_number(void **state) {
    (void)state;
    gid_t group = 1;
    assert_ok(fw_door_group_find("root", &group));
    assert_int_equal(group, 0);
    assert_ok(fw_door_group_find("4294967294", &group));
    assert_int_equal(group, 4294967294);
    static const char *const wrong[] = { "", "no such group", "-1", " 1", "1x", "4294967295", "99999999999999999999" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_fails(fw_door_group_find(wrong[i], &group), FW_INVALID, "there is no group of this name");
    assert_fails(fw_door_group_find("65534", &group), FW_INVALID, "user namespace");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(members_of_the_group_are_let_in_and_nobody_else),
        TEST(a_door_without_a_group_stays_shut_beside_one_that_has),
        TEST(a_folder_that_was_this_users_alone_is_opened),
        TEST(a_group_that_the_user_is_not_in_is_refused),
        TEST(a_group_has_a_name_or_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
