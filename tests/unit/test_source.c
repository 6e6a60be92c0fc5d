#include "source/source.h"

#include "folder.h"

static fw_status opened(fw_source **source, const fw_source_options *options, ...) {
    const char *arguments[8];
    size_t count = 0;
    va_list rest;
    va_start(rest, options);
    while ((arguments[count] = va_arg(rest, const char *)) != NULL)
        count++;
    va_end(rest);
    return fw_source_open(arguments, count, options, source);
}

/* The items that come, with a blank after each; '!' for a failure. */
static const char *items(fw_source *source) {
    static char text[1024];
    text[0] = '\0';
    for (;;) {
        fw_frame *frame = NULL;
        fw_status status = fw_source_read(source, &frame);
        assert_true((frame != NULL) == (status == FW_OK));
        if (status == FW_END)
            return text;
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s ", status == FW_OK ? frame->item : "!");
        fw_frame_free(&frame);
    }
}

static int make(void **state) {
    if (folder_make(state) != 0)
        return -1;
    write_image("a.pgm", 1);
    write_image("b.pgm", 2);
    write_file("bad.pgm", "P5", 2);
    return 0;
}

static void sources_follow_each_other_and_files_are_one(void **state) {
    (void)state;
    fw_source *source = NULL;
    assert_ok(opened(&source, NULL, "b.pgm", "test:bars?size=8x8&count=2", "bad.pgm", "test:noise?size=8x8&count=1",
                     "files:a.pgm", NULL));
    assert_string_equal(items(source), "b.pgm ! a.pgm 3 4 5 ");
    assert_string_equal(items(source), "");
    fw_source_close(&source);
    make_folder("empty");
    assert_ok(opened(&source, NULL, "a.pgm", "empty", "test:bars?size=8x8&count=1", NULL));
    assert_string_equal(items(source), "a.pgm ! 2 "); /* a failure has a number, too */
    fw_source_close(&source);
}

static void loops_go_through_the_whole(void **state) {
    (void)state;
    fw_source *source = NULL;
    assert_ok(opened(&source, FW_SOURCE_OPTIONS(.loop = 3), "a.pgm", "test:bars?size=8x8&count=1", NULL));
    assert_string_equal(items(source), "a.pgm 1 a.pgm 3 a.pgm 5 ");
    fw_source_close(&source);
    assert_ok(opened(&source, FW_SOURCE_OPTIONS(.loop = FW_LOOP_FOREVER), "a.pgm", NULL));
    for (int i = 0; i < 1000; i++) {
        fw_frame *frame = NULL;
        assert_ok(fw_source_read(source, &frame));
        fw_frame_free(&frame);
    }
    fw_source_close(&source);
}

static void a_loop_over_nothing_ends(void **state) {
    (void)state;
    fw_source *source = NULL;
    make_folder("in");
    write_image("in/gone.pgm", 1);
    assert_ok(opened(&source, FW_SOURCE_OPTIONS(.loop = FW_LOOP_FOREVER), "in", NULL));
    fw_frame *frame = NULL;
    assert_ok(fw_source_read(source, &frame));
    fw_frame_free(&frame);
    assert_int_equal(remove("in/gone.pgm"), 0);
    assert_fails(fw_source_read(source, &frame), FW_NOT_FOUND, "in: no images in it");
    assert_int_equal(fw_source_read(source, &frame), FW_END);
    fw_source_close(&source);
}

static void what_cannot_be_opened_is_said(void **state) {
    (void)state;
    fw_source *source = (fw_source *)state;
    assert_fails(fw_source_open(NULL, 0, NULL, &source), FW_INVALID, "no source");
    assert_null(source);
    assert_fails(opened(&source, NULL, "a.pgm", "none.pgm", NULL), FW_NOT_FOUND, "none.pgm");
    assert_fails(opened(&source, NULL, "a.pgm", "tset:bars", NULL), FW_INVALID, "tset:");
    assert_fails(opened(&source, NULL, "test:bars?size=8x8", "test:bars?a=b", NULL), FW_INVALID, "parameter a");
    assert_null(source);
    fw_source_close(&source);
}

static void streams_are_named_after_the_first_argument(void **state) {
    (void)state;
    static const struct {
        const char *argument, *name;
    } cases[] = {
        { "photos", "photos" },         { "photos/", "photos" },      { "x/photos//", "photos" },
        { "photos/*.pgm", "photos" },   { "photos/a.b.pgm", "a.b" },  { "test:bars", "test" },
        { "files:photos", "photos" },   { "photos/cam*/", "photos" }, { "bad\nname", "bad_name" },
        { "f\xc3\xbcr", "f\xc3\xbcr" }, { "\xff", "files" },          { "photos/cam1/..", ".." },
        { "*.pgm", "files" },           { "notes.old", "notes.old" }, { ".", NULL },
    };
    make_folder("photos");
    make_folder("x");
    make_folder("x/photos");
    make_folder("photos/cam1");
    write_image("photos/a.b.pgm", 1);
    write_image("photos/cam1/c.pgm", 1);
    write_image("x/photos/d.pgm", 1);
    write_image("bad\nname", 1);
    write_image("f\xc3\xbcr", 1);
    write_image("\xff", 1);
    write_image("notes.old", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fw_source *source = NULL;
        assert_ok(opened(&source, NULL, cases[i].argument, NULL));
        const char *name = cases[i].name != NULL ? cases[i].name : strrchr(folder, '/') + 1;
        assert_string_equal(fw_source_default_stream(source), name);
        fw_source_close(&source);
    }
    fw_source *source = NULL;
    write_file("names.txt", "a.pgm\n", 6);
    assert_ok(opened(&source, FW_SOURCE_OPTIONS(.list = "names.txt"), NULL));
    assert_string_equal(fw_source_default_stream(source), "names.txt");
    assert_string_equal(items(source), "a.pgm ");
    fw_source_close(&source);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make, folder_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(sources_follow_each_other_and_files_are_one),
        IN_FOLDER(loops_go_through_the_whole),
        IN_FOLDER(a_loop_over_nothing_ends),
        IN_FOLDER(what_cannot_be_opened_is_said),
        IN_FOLDER(streams_are_named_after_the_first_argument),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
