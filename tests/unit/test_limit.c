#include "folder.h"

#include "base/log.h"
#include "memory/limit.h"

#define MIB ((size_t)1 << 20)

static char root[] = "/tmp/framewire-limit-XXXXXX";
static char said[2048];

static void hear(void *arg, fw_log_level level, const char *text) {
    (void)arg;
    assert_int_equal(level, FW_LOG_WARNING);
    snprintf(said, sizeof said, "%s", text);
}

static int make_root(void **state) {
    (void)state;
    strcpy(root + sizeof root - 7, "XXXXXX");
    said[0] = '\0';
    fw_log_to(hear, NULL);
    return mkdtemp(root) == NULL;
}

static int remove_root(void **state) {
    (void)state;
    fw_log_to(NULL, NULL);
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", root);
    return system(command);
}

/* A file below the root, with its folders. */
static void put(const char *name, const char *text) {
    char path[300];
    snprintf(path, sizeof path, "%s/%s", root, name);
    write_below(path, text);
}

static void without_cgroups_there_is_no_limit(void **state) {
    (void)state;
    assert_true(fw_memory_limit(root) == UINT64_MAX);
    put("proc/self/cgroup", "0::/\ngarbage\n1:\n");
    assert_true(fw_memory_limit(root) == UINT64_MAX);
    put("sys/fs/cgroup/memory.max", "max\n");
    assert_true(fw_memory_limit(root) == UINT64_MAX);
}

static void the_least_limit_on_the_way_up_counts(void **state) {
    (void)state;
    put("proc/self/cgroup", "0::/user.slice/app.scope\n");
    put("sys/fs/cgroup/user.slice/app.scope/memory.max", "900000000\n");
    assert_int_equal(fw_memory_limit(root), 900000000);
    put("sys/fs/cgroup/user.slice/memory.max", "500000000\n");
    assert_int_equal(fw_memory_limit(root), 500000000);
}

static void a_container_sees_its_own_group_as_the_root(void **state) {
    (void)state;
    put("proc/self/cgroup", "0::/\n");
    put("sys/fs/cgroup/memory.max", "268435456\n");
    assert_int_equal(fw_memory_limit(root), 268435456);
    /* Under version 1 it knows its name outside, where there is nothing. */
    put("proc/self/cgroup", "4:memory:/docker/abc\n0::/docker/abc\n");
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n");
    assert_int_equal(fw_memory_limit(root), 134217728);
}

static void version_1_is_read_too(void **state) {
    (void)state;
    put("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:hugetlb,memory:/docker/abc\n1:name=systemd:/y\n0::/\n");
    put("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "1000000000\n");
    put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    assert_int_equal(fw_memory_limit(root), 1000000000);
}

static void a_budget_that_does_not_fit_is_said(void **state) {
    (void)state;
    put("proc/self/cgroup", "0::/\n");
    put("sys/fs/cgroup/memory.max", "268435456\n");
    fw_memory_check_budget(root, 192 * MIB);
    assert_string_equal(said, "");
    fw_memory_check_budget(root, 193 * MIB);
    assert_non_null(strstr(said, "193 MiB does not fit into the 256 MiB"));
    assert_non_null(strstr(said, "cgroup"));
    assert_non_null(strstr(said, "at most 192 MiB"));
    fw_memory_check_budget(root, 1024 * MIB);
    assert_non_null(strstr(said, "1024 MiB"));
    put("sys/fs/cgroup/memory.max", "max\n");
    fw_memory_check_budget(root, SIZE_MAX / 2);
    assert_non_null(strstr(said, "this machine has"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_cgroups_there_is_no_limit, make_root, remove_root),
        cmocka_unit_test_setup_teardown(the_least_limit_on_the_way_up_counts, make_root, remove_root),
        cmocka_unit_test_setup_teardown(a_container_sees_its_own_group_as_the_root, make_root, remove_root),
        cmocka_unit_test_setup_teardown(version_1_is_read_too, make_root, remove_root),
        cmocka_unit_test_setup_teardown(a_budget_that_does_not_fit_is_said, make_root, remove_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
