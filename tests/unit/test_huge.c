#include "folder.h"

#include "memory/huge.h"

static void put(const char *name, const char *text) {
    char path[200];
    snprintf(path, sizeof path, "sys/kernel/mm/transparent_hugepage/%s", name);
    write_below(path, text);
}

static bool offered(void) {
    return fw_huge_transparent("."); /* before /sys */
}

static void the_system_says_whether_there_are_any(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool offered;
    } cases[] = {
        { "always within_size advise [never] deny force\n", false },
        { "always within_size advise never [deny] force\n", false },
        { "always within_size [advise] never deny force\n", true },
        { "[always] within_size advise never deny force\n", true },
        { "always [within_size] advise never deny force\n", true },
        { "", false },
        { "never\n", false },
    };
    assert_false(offered()); /* a kernel without them */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put("shmem_enabled", cases[i].text);
        assert_int_equal(offered(), cases[i].offered);
    }
}

static void the_size_has_the_last_word(void **state) {
    (void)state;
    put("shmem_enabled", "always within_size advise [never] deny force\n");
    put("hugepages-2048kB/shmem_enabled", "always inherit within_size [advise] never\n");
    assert_true(offered());
    put("hugepages-2048kB/shmem_enabled", "always [inherit] within_size advise never\n");
    assert_false(offered());
    put("shmem_enabled", "always within_size [advise] never deny force\n");
    assert_true(offered());
    put("hugepages-2048kB/shmem_enabled", "always inherit within_size advise [never]\n");
    assert_false(offered());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_system_says_whether_there_are_any, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(the_size_has_the_last_word, folder_make, folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
