#include "source/listing.h"

#include <malloc.h>

#include "folder.h"

static void numbers_in_names_are_ordered_by_value(void **state) {
    (void)state;
    static const char *const ordered[] = {
        "",
        "1",
        "2",
        "10",
        "a",
        "a/1",
        "a/2",
        "a/10",
        "a-b/1",
        "img",
        "img01",
        "img1",
        "img1b",
        "img02",
        "img2",
        "img10",
        "img10.jpg",
        "img18446744073709551616",
        "img18446744073709551617",
        "img99999999999999999999999",
        "imh",
        "\xff",
    };
    for (size_t i = 0; i < sizeof ordered / sizeof *ordered; i++)
        for (size_t j = 0; j < sizeof ordered / sizeof *ordered; j++) {
            int order = fw_natural_compare(ordered[i], ordered[j]);
            if ((order < 0) != (i < j) || (order == 0) != (i == j))
                fail_msg("%s and %s: %d", ordered[i], ordered[j], order);
        }
}

static void a_folder_is_read_in_natural_order_without_what_is_no_image(void **state) {
    (void)state;
    make_folder("in");
    make_folder("in/img9");
    write_image("in/img10.pgm", 0);
    write_image("in/img2.PGM", 0);
    write_image("in/.hidden.pgm", 0);
    write_image("in/notes.txt", 0);
    assert_int_equal(symlink("nowhere", "in/link"), 0);
    fw_listing listing = { 0 };
    struct stat info, same;
    assert_ok(fw_listing_read(&listing, "in", &info));
    assert_int_equal(stat("in", &same), 0);
    assert_int_equal(info.st_ino, same.st_ino);
    assert_int_equal(listing.count, 4);
    assert_string_equal(fw_listing_name(&listing, 0), "img2.PGM");
    assert_string_equal(fw_listing_name(&listing, 1), "img9");
    assert_string_equal(fw_listing_name(&listing, 2), "img10.pgm");
    assert_string_equal(fw_listing_name(&listing, 3), "link");
    assert_int_equal(fw_listing_kind(&listing, 1), FW_ENTRY_FOLDER);
    assert_int_equal(fw_listing_kind(&listing, 3), FW_ENTRY_UNKNOWN);
    fw_listing_free(&listing);
}

static void what_is_no_folder_is_said(void **state) {
    (void)state;
    fw_listing listing = { 0 };
    struct stat info;
    write_image("a.pgm", 0);
    assert_int_equal(fw_listing_read(&listing, "none", &info), FW_NOT_FOUND);
    assert_int_equal(fw_listing_read(&listing, "a.pgm", &info), FW_NOT_FOUND);
    assert_non_null(strstr(fw_cause(), "folder cannot be read"));
    fw_listing_free(&listing);
}

/* 200 000 names of 35 bytes; what they cost is the same for each of a million. */
static void a_name_costs_less_than_two_hundred_bytes(void **state) {
    (void)state;
    enum { COUNT = 200000 };
    char name[64];
    struct mallinfo2 before = mallinfo2();
    fw_listing listing = { 0 };
    for (int i = COUNT; i-- > 0;) {
        snprintf(name, sizeof name, "camera_0042/2024-06-01/img%08d.jpg", i);
        assert_ok(fw_listing_add(&listing, FW_ENTRY_FILE, name));
    }
    fw_listing_sort(&listing, 0);
    struct mallinfo2 after = mallinfo2();
    size_t taken = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
    assert_in_range(listing.room + listing.places_room * sizeof *listing.places, 1, COUNT * 199);
    assert_in_range(taken, 0, COUNT * 199); /* 0 where a sanitizer replaces malloc */
    assert_string_equal(fw_listing_name(&listing, 0), "camera_0042/2024-06-01/img00000000.jpg");
    assert_string_equal(fw_listing_name(&listing, COUNT - 1), "camera_0042/2024-06-01/img00199999.jpg");
    fw_listing_free(&listing);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_in_names_are_ordered_by_value),
        cmocka_unit_test_setup_teardown(a_folder_is_read_in_natural_order_without_what_is_no_image, folder_make,
                                        folder_remove),
        cmocka_unit_test_setup_teardown(what_is_no_folder_is_said, folder_make, folder_remove),
        cmocka_unit_test(a_name_costs_less_than_two_hundred_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
