#include "source/paths.h"

#include "folder.h"

static fw_status opened(fw_paths *paths, const char *list, uint64_t loop, ...) {
    const char *arguments[8];
    size_t count = 0;
    va_list rest;
    va_start(rest, loop);
    while ((arguments[count] = va_arg(rest, const char *)) != NULL)
        count++;
    va_end(rest);
    return fw_paths_open(paths, arguments, count, &(fw_source_options){ .list = list, .loop = loop });
}

/* All that comes, a line each: "path item", or "! cause". */
static const char *taken(fw_paths *paths) {
    static char text[8192];
    const char *path, *item;
    text[0] = '\0';
    for (;;) {
        size_t used = strlen(text);
        fw_status status = fw_paths_next(paths, &path, &item);
        if (status == FW_END)
            return text;
        if (status == FW_OK)
            snprintf(text + used, sizeof text - used, "%s %s\n", path, item);
        else
            snprintf(text + used, sizeof text - used, "! %s\n", fw_cause());
    }
}

static int make(void **state) {
    if (folder_make(state) != 0)
        return -1;
    make_folder("in");
    make_folder("in/sub");
    make_folder("empty");
    write_image("in/img10.pgm", 1);
    write_image("in/img9.pgm", 1);
    write_image("in/sub/x.pgm", 1);
    write_file("notes.txt", "x", 1);
    return 0;
}

static void items_of_one_folder_are_relative_to_it(void **state) {
    (void)state;
    static const char *const roots[] = { "in", "in/", "in//", "./in" };
    fw_paths paths;
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
        char expected[256], slash[2] = { roots[i][strlen(roots[i]) - 1] == '/' ? '\0' : '/', '\0' };
        snprintf(expected, sizeof expected, "%s%simg9.pgm img9.pgm\n%s%simg10.pgm img10.pgm\n%s%ssub/x.pgm sub/x.pgm\n",
                 roots[i], slash, roots[i], slash, roots[i], slash);
        assert_ok(opened(&paths, NULL, 1, roots[i], NULL));
        assert_string_equal(taken(&paths), expected);
        assert_ok(fw_paths_rewind(&paths));
        assert_string_equal(taken(&paths), expected);
        fw_paths_close(&paths);
    }
}

static void items_of_several_arguments_begin_with_the_argument(void **state) {
    (void)state;
    fw_paths paths;
    assert_ok(opened(&paths, NULL, 1, "notes.txt", "in/sub/", "in/img10.pgm", NULL));
    assert_string_equal(taken(&paths), "notes.txt notes.txt\nin/sub/x.pgm in/sub/x.pgm\nin/img10.pgm in/img10.pgm\n");
    fw_paths_close(&paths);
}

static void globs_are_in_natural_order_and_take_folders_too(void **state) {
    (void)state;
    fw_paths paths;
    assert_ok(opened(&paths, NULL, 1, "i*/[is]*", NULL));
    assert_string_equal(taken(&paths),
                        "in/img9.pgm in/img9.pgm\nin/img10.pgm in/img10.pgm\nin/sub/x.pgm in/sub/x.pgm\n");
    fw_paths_close(&paths);
    assert_fails(opened(&paths, NULL, 1, "in/*.png", NULL), FW_NOT_FOUND, "in/*.png: no file matches");
    write_image("in/odd[1].pgm", 1);
    assert_ok(opened(&paths, NULL, 1, "in/odd[1].pgm", NULL));
    assert_string_equal(taken(&paths), "in/odd[1].pgm in/odd[1].pgm\n");
    fw_paths_close(&paths);
}

static void what_names_nothing_is_said_at_once(void **state) {
    (void)state;
    fw_paths paths;
    assert_fails(opened(&paths, NULL, 1, "in", "none.jpg", NULL), FW_NOT_FOUND, "none.jpg: No such file");
    assert_fails(opened(&paths, NULL, 1, "", NULL), FW_INVALID, "empty text");
    assert_fails(opened(&paths, NULL, 1, "notes.txt/x", NULL), FW_NOT_FOUND, "notes.txt/x");
    assert_fails(opened(&paths, "none.list", 1, NULL), FW_NOT_FOUND, "--list none.list");
    assert_int_equal(symlink("gone", "in/dangling.pgm"), 0);
    assert_fails(opened(&paths, NULL, 1, "in/dangling.pgm", NULL), FW_NOT_FOUND,
                 "a link to a file that does not exist");
}

static void a_folder_without_images_is_an_error(void **state) {
    (void)state;
    fw_paths paths;
    assert_fails(opened(&paths, NULL, 1, "empty/", NULL), FW_NOT_FOUND, "empty/: no images in it (known: .jpg");
    make_folder("empty/deep");
    write_file("empty/deep/a.txt", "x", 1);
    assert_fails(opened(&paths, NULL, 1, "empty", NULL), FW_NOT_FOUND, "empty: no images in it");
    assert_ok(opened(&paths, NULL, 1, "empty", "in/sub", NULL)); /* of several, a failure in its place */
    const char *text = taken(&paths);
    assert_non_null(strstr(text, "! empty: no images in it (known: .jpg"));
    assert_non_null(strstr(text, "\nin/sub/x.pgm in/sub/x.pgm\n"));
    fw_paths_close(&paths);
}

static void unreadable_folders_fail_alone(void **state) {
    (void)state;
    fw_paths paths;
    make_folder("in/a");
    assert_int_equal(chmod("in/a", 0), 0);
    assert_true(as_nobody());
    fw_status status = opened(&paths, NULL, 1, "in/a", NULL), other = FW_OK;
    const char *text = NULL;
    if (status == FW_DENIED && (other = opened(&paths, NULL, 1, "in", NULL)) == FW_OK) {
        text = taken(&paths);
        fw_paths_close(&paths);
    }
    as_before();
    assert_int_equal(status, FW_DENIED);
    assert_ok(other);
    assert_string_equal(text, "! in/a: not taken: the folder cannot be read: Permission denied\n"
                              "in/img9.pgm img9.pgm\nin/img10.pgm img10.pgm\nin/sub/x.pgm sub/x.pgm\n");
}

static void a_list_follows_the_arguments(void **state) {
    (void)state;
    fw_paths paths;
    static const char list[] = "in/sub\nnone.jpg\n\nin/*.pgm\ntest:bars\n";
    write_file("list", list, sizeof list - 1);
    assert_ok(opened(&paths, "list", 2, "in/img9.pgm", NULL));
    for (int pass = 0; pass < 2; pass++) {
        assert_string_equal(taken(&paths), "in/img9.pgm in/img9.pgm\nin/sub/x.pgm in/sub/x.pgm\nnone.jpg none.jpg\n"
                                           "in/*.pgm in/*.pgm\ntest:bars test:bars\n");
        assert_ok(fw_paths_rewind(&paths));
    }
    fw_paths_close(&paths);
    assert_ok(opened(&paths, "list", 1, "in", NULL)); /* with a list, one folder is not all */
    assert_non_null(strstr(taken(&paths), "in/img9.pgm in/img9.pgm\n"));
    fw_paths_close(&paths);
    write_file("list", "\n", 1);
    assert_ok(opened(&paths, "list", 1, NULL));
    assert_string_equal(taken(&paths), "! the list names no file\n");
    fw_paths_close(&paths);
}

static void a_list_in_a_pipe_cannot_be_looped(void **state) {
    (void)state;
    fw_paths paths;
    int ends[2];
    char path[32];
    assert_int_equal(pipe(ends), 0);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    assert_fails(opened(&paths, path, 2, NULL), FW_UNSUPPORTED, "--loop");
    assert_ok(opened(&paths, path, 1, NULL));
    fw_paths_stop(&paths);
    const char *name, *item;
    assert_int_equal(fw_paths_next(&paths, &name, &item), FW_CLOSED);
    fw_paths_close(&paths);
    close(ends[0]);
    close(ends[1]);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make, folder_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(items_of_one_folder_are_relative_to_it),
        IN_FOLDER(items_of_several_arguments_begin_with_the_argument),
        IN_FOLDER(globs_are_in_natural_order_and_take_folders_too),
        IN_FOLDER(what_names_nothing_is_said_at_once),
        IN_FOLDER(a_folder_without_images_is_an_error),
        IN_FOLDER(unreadable_folders_fail_alone),
        IN_FOLDER(a_list_follows_the_arguments),
        IN_FOLDER(a_list_in_a_pipe_cannot_be_looped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
