#include "source/registry.h"

#include "folder.h"

static const fw_source_class *resolved(const char *argument) {
    const fw_source_class *kind = NULL;
    fw_spec spec;
    assert_ok(fw_source_resolve(argument, &kind, &spec));
    fw_spec_free(&spec);
    return kind;
}

static fw_status refused(const char *argument) {
    const fw_source_class *kind;
    fw_spec spec;
    return fw_source_resolve(argument, &kind, &spec);
}

static void what_has_no_scheme_is_a_path(void **state) {
    (void)state;
    static const char *const paths[] = { "a.jpg",  "photos/", "",   "./test:bars", "/x/test:bars",
                                         "x*.png", "-",       ":a", "a b:c" };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_ptr_equal(resolved(paths[i]), &fw_source_files);
        assert_string_equal(fw_source_path(paths[i]), paths[i]);
    }
    assert_ptr_equal(resolved("files:what?is=this"), &fw_source_files);
    assert_string_equal(fw_source_path("files:what?is=this"), "what?is=this");
}

static void schemes_are_known_by_name(void **state) {
    (void)state;
    assert_ptr_equal(resolved("test:bars"), &fw_source_test);
    assert_ptr_equal(resolved("test:bars?size=2x2"), &fw_source_test);
    assert_fails(refused("tset:bars"), FW_INVALID, "no source is called tset: (there are files: and test:)");
    assert_fails(refused("tset:bars"), FW_INVALID, "./tset:bars");
    assert_fails(refused("tcp://127.0.0.1:5555"), FW_INVALID, "addresses go to --to");
    assert_fails(refused("push+tcp://127.0.0.1:5555"), FW_INVALID, "addresses go to --to");
    assert_fails(refused("test:bars?size"), FW_INVALID, "size");
}

static void a_file_with_a_colon_in_its_name_is_a_file(void **state) {
    (void)state;
    write_image("shot:1.pgm", 0);
    assert_ptr_equal(resolved("shot:1.pgm"), &fw_source_files);
    assert_fails(refused("shot:2.pgm"), FW_INVALID, "no such file");
}

static void a_parameter_not_said_has_its_default(void **state) {
    (void)state;
    const fw_source_class *kind = NULL;
    fw_spec spec;
    assert_ok(fw_source_resolve("test:bars?count=7", &kind, &spec));
    assert_string_equal(fw_param_text(&spec, kind, "count"), "7");
    assert_string_equal(fw_param_text(&spec, kind, "size"), "640x480");
    fw_spec_free(&spec);
}

static void every_kind_says_what_it_is(void **state) {
    (void)state;
    size_t count = 0;
    for (const fw_source_info *info; (info = fw_source_kind(count)) != NULL; count++) {
        assert_true(*info->scheme && *info->usage && *info->help && info->params != NULL);
        for (const fw_param *param = info->params; param->name != NULL; param++)
            assert_true(*param->initial && *param->help);
    }
    assert_true(count >= 2);
    assert_null(fw_source_kind(SIZE_MAX));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_no_scheme_is_a_path),
        cmocka_unit_test(schemes_are_known_by_name),
        cmocka_unit_test_setup_teardown(a_file_with_a_colon_in_its_name_is_a_file, folder_make, folder_remove),
        cmocka_unit_test(a_parameter_not_said_has_its_default),
        cmocka_unit_test(every_kind_says_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
