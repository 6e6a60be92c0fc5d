#include "source/walk.h"

#include "folder.h"

/* Everything the walk gives, a line each; a failure as "! path: cause". */
static char *walked(const char *from) {
    static char text[4096];
    fw_walk walk;
    text[0] = '\0';
    assert_ok(fw_walk_open(&walk, from));
    for (;;) {
        size_t used = strlen(text);
        fw_status status = fw_walk_next(&walk);
        if (status == FW_END)
            break;
        if (status == FW_OK)
            snprintf(text + used, sizeof text - used, "%s\n", walk.path.data);
        else
            snprintf(text + used, sizeof text - used, "! %s: %s\n", walk.path.data, fw_cause());
    }
    fw_walk_close(&walk);
    return text;
}

static void subfolders_stand_in_their_place(void **state) {
    (void)state;
    make_folder("in");
    make_folder("in/b");
    make_folder("in/b/deep");
    make_folder("in/empty");
    write_image("in/c.pgm", 0);
    write_image("in/a10.pgm", 0);
    write_image("in/a9.pgm", 0);
    write_image("in/b/2.pgm", 0);
    write_image("in/b/deep/1.pgm", 0);
    write_image("in/b/readme", 0);
    assert_string_equal(walked("in"), "in/a9.pgm\nin/a10.pgm\nin/b/2.pgm\nin/b/deep/1.pgm\nin/c.pgm\n");
    assert_string_equal(walked("in/b/"), "in/b/2.pgm\nin/b/deep/1.pgm\n");
}

static void links_are_followed_but_not_round_and_round(void **state) {
    (void)state;
    make_folder("in");
    make_folder("in/sub");
    make_folder("other");
    write_image("in/sub/z.pgm", 0);
    write_image("other/o.pgm", 0);
    assert_int_equal(symlink("..", "in/sub/a"), 0);
    assert_int_equal(symlink("../other", "in/elsewhere"), 0);
    assert_int_equal(symlink("sub/z.pgm", "in/file.pgm"), 0);
    assert_int_equal(symlink("self.pgm", "in/self.pgm"), 0);
    assert_int_equal(symlink("gone", "in/text"), 0);
    assert_string_equal(walked("in"), "in/elsewhere/o.pgm\nin/file.pgm\nin/self.pgm\n"
                                      "! in/sub/a: a loop of links: it is the folder in again\nin/sub/z.pgm\n");
}

static void an_unreadable_folder_is_one_failure(void **state) {
    (void)state;
    make_folder("in");
    make_folder("in/b");
    write_image("in/a.pgm", 0);
    write_image("in/c.pgm", 0);
    assert_int_equal(chmod("in/b", 0), 0);
    assert_true(as_nobody());
    char *text = walked("in");
    as_before();
    assert_string_equal(text, "in/a.pgm\n! in/b: the folder cannot be read: Permission denied\nin/c.pgm\n");
}

static void a_folder_that_vanished_is_one_failure(void **state) {
    (void)state;
    make_folder("in");
    make_folder("in/b");
    write_image("in/a.pgm", 0);
    fw_walk walk;
    assert_ok(fw_walk_open(&walk, "in"));
    assert_int_equal(rmdir("in/b"), 0);
    assert_ok(fw_walk_next(&walk));
    assert_int_equal(fw_walk_next(&walk), FW_NOT_FOUND);
    assert_string_equal(walk.path.data, "in/b");
    assert_int_equal(fw_walk_next(&walk), FW_END);
    assert_int_equal(walk.found, 1);
    fw_walk_close(&walk);
    assert_int_equal(fw_walk_open(&walk, "in/b"), FW_NOT_FOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(subfolders_stand_in_their_place, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(links_are_followed_but_not_round_and_round, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(an_unreadable_folder_is_one_failure, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(a_folder_that_vanished_is_one_failure, folder_make, folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
