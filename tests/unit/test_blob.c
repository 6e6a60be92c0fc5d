#include "source/blob.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "folder.h"

static void only_regular_files_are_opened(void **state) {
    (void)state;
    fw_input input;
    assert_int_equal(mkfifo("fifo", 0644), 0);
    make_folder("sub");
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "socket" };
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_fails(fw_input_open(&input, "fifo"), FW_UNSUPPORTED, "a FIFO");
    assert_fails(fw_input_open(&input, "sub"), FW_UNSUPPORTED, "a folder");
    assert_fails(fw_input_open(&input, "socket"), FW_UNSUPPORTED, "a socket");
    assert_fails(fw_input_open(&input, "/dev/zero"), FW_UNSUPPORTED, "a device");
    assert_fails(fw_input_open(&input, "none"), FW_NOT_FOUND, "No such file");
    close(fd);
    assert_int_equal(symlink("loop", "loop"), 0);
    assert_fails(fw_input_open(&input, "loop"), FW_IO, "symbolic links");
}

static void empty_and_forbidden_files_are_refused(void **state) {
    (void)state;
    fw_input input;
    write_file("empty", "", 0);
    assert_fails(fw_input_open(&input, "empty"), FW_BAD_INPUT, "empty");
    write_file("closed", "x", 1);
    assert_int_equal(chmod("closed", 0), 0);
    assert_true(as_nobody());
    fw_status status = fw_input_open(&input, "closed");
    as_before();
    assert_int_equal(status, FW_DENIED);
    fw_input_close(&input);
}

static void a_file_is_read_in_steps_and_its_memory_reused(void **state) {
    (void)state;
    static uint8_t bytes[100000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 >> 3);
    write_file("file", bytes, sizeof bytes);
    fw_blobs blobs;
    fw_input input;
    fw_blob *blob = NULL, *again = NULL;
    fw_blobs_open(&blobs);
    assert_ok(fw_input_open(&input, "file"));
    assert_int_equal(input.size, sizeof bytes);
    assert_ok(fw_blobs_read(&blobs, &input, 1000, &blob));
    assert_int_equal(blob->size, 1000);
    assert_ok(fw_blob_extend(blob, &input, sizeof bytes));
    assert_int_equal(blob->size, sizeof bytes);
    assert_memory_equal(blob->bytes, bytes, sizeof bytes);
    const fw_blob *first = blob;
    fw_blobs_retain(&blobs, blob);
    fw_blobs_release(&blobs, &(fw_blob *){ blob });
    assert_ok(fw_blobs_read(&blobs, &input, 10, &again)); /* the first one is still in use */
    assert_ptr_not_equal(again, first);
    fw_blobs_release(&blobs, &again);
    fw_blobs_release(&blobs, &blob);
    assert_null(blob);
    uint8_t *kept = first->bytes;
    assert_ok(fw_blobs_read(&blobs, &input, 5000, &again));
    assert_ptr_equal(again->bytes, kept);
    assert_memory_equal(again->bytes, bytes, 5000);
    fw_blobs_release(&blobs, &again);
    fw_blobs_release(&blobs, &again);
    fw_input_close(&input);
    fw_blobs_close(&blobs);
}

static void a_file_that_shrinks_is_bad_input(void **state) {
    (void)state;
    static uint8_t bytes[100000];
    write_file("file", bytes, sizeof bytes);
    fw_blobs blobs;
    fw_input input;
    fw_blob *blob = NULL;
    fw_blobs_open(&blobs);
    assert_ok(fw_input_open(&input, "file"));
    assert_ok(fw_blobs_read(&blobs, &input, 1000, &blob));
    assert_int_equal(truncate("file", 50000), 0);
    assert_fails(fw_blob_extend(blob, &input, sizeof bytes), FW_BAD_INPUT, "shorter");
    fw_blobs_release(&blobs, &blob);
    assert_fails(fw_blobs_read(&blobs, &input, sizeof bytes, &blob), FW_BAD_INPUT, "shorter");
    assert_null(blob);
    fw_input_close(&input);
    fw_blobs_close(&blobs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_regular_files_are_opened, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(empty_and_forbidden_files_are_refused, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(a_file_is_read_in_steps_and_its_memory_reused, folder_make, folder_remove),
        cmocka_unit_test_setup_teardown(a_file_that_shrinks_is_bad_input, folder_make, folder_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
