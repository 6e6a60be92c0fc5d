#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory/view.h"

static void memory_that_is_not_sealed_is_not_read(void **state) {
    (void)state;
    fw_view view;
    int fd = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, 8192), 0);
    assert_fails(fw_view_open(&view, fd, 4096), FW_BAD_MESSAGE, "sealed");
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    assert_fails(fw_view_open(&view, fd, 4096), FW_BAD_MESSAGE, "sealed");
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL), 0);
    assert_fails(fw_view_open(&view, fd, 8193), FW_BAD_MESSAGE, "bytes");
    assert_fails(fw_view_open(&view, fd, 0), FW_BAD_MESSAGE, "bytes");
    assert_ok(fw_view_open(&view, fd, 8192));
    assert_non_null(fw_view_at(&view, 0, 8192));
    assert_non_null(fw_view_at(&view, 8128, 64));
    assert_null(fw_view_at(&view, 8128, 65));
    assert_null(fw_view_at(&view, 8, 8));
    assert_null(fw_view_at(&view, UINT64_MAX - 63, 64));
    fw_view_close(&view);
    close(fd);
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    assert_fails(fw_view_open(&view, pipes[0], 1), FW_BAD_MESSAGE, "memfd");
    close(pipes[0]);
    close(pipes[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_that_is_not_sealed_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
