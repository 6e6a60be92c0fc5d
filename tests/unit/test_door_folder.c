/* Where a door is: the folder, its modes, and what the dead leave there. */
#include "house.h"

#include <dirent.h>

static unsigned files_in_doors(void) {
    unsigned count = 0;
    DIR *entries = opendir("doors");
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(entries);
    return count;
}

static void the_folder_is_made_for_this_user_alone(void **state) {
    house *self = *state;
    struct stat facts;
    assert_int_equal(stat("doors", &facts), 0);
    assert_int_equal(facts.st_mode & 07777, 0700);
    assert_int_equal(files_in_doors(), 2);
    assert_true(fw_door_name_valid(fw_door_name(self->door)));
    fw_door_close(&self->door);
    assert_int_equal(files_in_doors(), 0);
}

static void a_folder_that_others_can_use_is_refused(void **state) {
    (void)state;
    fw_door *door;
    make_folder("open");
    static const mode_t modes[] = { 0770, 0750, 0701, 0704 };
    static const char *const why[] = { "mode 0770", "mode 0750", "mode 0701", "mode 0704" };
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(chmod("open", modes[i]), 0);
        assert_fails(fw_door_open(&(fw_door_options){ .folder = "open" }, &door), FW_DENIED, why[i]);
    }
    assert_int_equal(chmod("open", 0710), 0); /* passing through leads to no door but those of a group */
    assert_ok(fw_door_open(&(fw_door_options){ .folder = "open" }, &door));
    fw_door_close(&door);
    write_file("file", "x", 1);
    assert_fails(fw_door_open(&(fw_door_options){ .folder = "file" }, &door), FW_NOT_FOUND, "file");
    assert_fails(fw_door_open(&(fw_door_options){ .folder = "no/such" }, &door), FW_NOT_FOUND, "cannot be made");
    if (geteuid() == 0) {
        assert_int_equal(chmod("open", 0700) | chown("open", 1, 1), 0);
        assert_fails(fw_door_open(&(fw_door_options){ .folder = "open" }, &door), FW_DENIED, "another user (1)");
        assert_int_equal(seteuid(65534), 0);
        assert_fails(fw_door_open(&(fw_door_options){ .folder = "open" }, &door), FW_UNSUPPORTED, "nobody");
        assert_int_equal(seteuid(0), 0);
    }
}

static void the_folder_comes_from_the_environment(void **state) {
    (void)state;
    char path[256], wanted[256], runtime[128];
    bool own;
    snprintf(runtime, sizeof runtime, "%s/runtime", folder);
    make_folder("runtime");
    setenv("FRAMEWIRE_DOOR", "/asked", 1);
    setenv("XDG_RUNTIME_DIR", runtime, 1);
    assert_ok(fw_door_folder_find("/given", path, sizeof path, &own));
    assert_string_equal(path, "/given");
    assert_ok(fw_door_folder_find(NULL, path, sizeof path, &own));
    assert_string_equal(path, "/asked");
    assert_false(own);
    setenv("FRAMEWIRE_DOOR", "", 1);
    assert_ok(fw_door_folder_find(NULL, path, sizeof path, &own));
    snprintf(wanted, sizeof wanted, "%s/framewire", runtime);
    assert_string_equal(path, wanted);
    assert_true(own);
    snprintf(wanted, sizeof wanted, "/tmp/framewire-%u", (unsigned)geteuid());
    static const char *const useless[] = { "", "relative", "/no/such", "/dev/null" };
    for (size_t i = 0; i < sizeof useless / sizeof useless[0]; i++) {
        setenv("XDG_RUNTIME_DIR", useless[i], 1);
        assert_ok(fw_door_folder_find(NULL, path, sizeof path, &own));
        assert_string_equal(path, wanted);
    }
    if (geteuid() == 0) { /* kept by sudo -E */
        assert_int_equal(chown("runtime", 1, 1), 0);
        setenv("XDG_RUNTIME_DIR", runtime, 1);
        assert_ok(fw_door_folder_find(NULL, path, sizeof path, &own));
        assert_string_equal(path, wanted);
    }
    assert_fails(fw_door_folder_find("/given", path, 5, &own), FW_INVALID, "path of more than 4 bytes");
    unsetenv("FRAMEWIRE_DOOR");
    unsetenv("XDG_RUNTIME_DIR");
}

static void a_default_folder_is_no_link(void **state) {
    (void)state;
    char runtime[128];
    fw_door *door;
    snprintf(runtime, sizeof runtime, "%s/runtime", folder);
    make_folder("runtime");
    make_folder("elsewhere");
    assert_int_equal(chmod("elsewhere", 0700) | symlink("../elsewhere", "runtime/framewire"), 0);
    unsetenv("FRAMEWIRE_DOOR");
    setenv("XDG_RUNTIME_DIR", runtime, 1);
    assert_int_equal(fw_door_open(&(fw_door_options){ 0 }, &door), FW_NOT_FOUND);
    unsetenv("XDG_RUNTIME_DIR");
    assert_ok(fw_door_open(&(fw_door_options){ .folder = "runtime/framewire" }, &door));
    fw_door_close(&door);
}

static void a_folder_may_have_a_long_path(void **state) {
    (void)state;
    char path[600] = "";
    for (int i = 0; i < 5; i++) {
        char name[101];
        memset(name, 'a' + i, 100);
        name[100] = '\0';
        if (i > 0)
            strcat(path, "/");
        strcat(path, name);
        if (i < 4)
            assert_int_equal(mkdir(path, 0700), 0);
    }
    house far = { 0 };
    fw_visit *ours;
    assert_ok(fw_door_open(&(fw_door_options){ .folder = path }, &far.door));
    assert_ok(fw_visit_open(path, fw_door_name(far.door), token, &ours));
    let_in(&far);
    got(ours, FW_PACKET_ACCEPTED);
    fw_visit_close(&ours);
    fw_door_close(&far.door);
}

static void doors_of_the_dead_are_cleaned_away_and_no_others(void **state) {
    house *self = *state;
    pid_t child = fork();
    if (child == 0) {
        fw_door *door;
        _exit(fw_door_open(&(fw_door_options){ .folder = "doors" }, &door) == FW_OK ? 0 : 1); /* leaves its files */
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    write_file("doors/notes.txt", "x", 1);
    write_file("doors/file.door", "x", 1);
    write_file("doors/left.door.lock", "", 0);
    assert_int_equal(files_in_doors(), 7);
    fw_door *other;
    assert_ok(fw_door_open(&(fw_door_options){ .folder = "doors" }, &other));
    assert_int_equal(files_in_doors(), 6); /* two doors with their locks, and what is not ours */
    assert_int_equal(access("doors/notes.txt", F_OK) | access("doors/file.door", F_OK), 0);
    fw_visit *ours = visit(self);
    let_in(self);
    fw_visit_close(&ours);
    fw_door_close(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_folder_is_made_for_this_user_alone), TEST(a_folder_that_others_can_use_is_refused),
        TEST(the_folder_comes_from_the_environment),  TEST(a_default_folder_is_no_link),
        TEST(a_folder_may_have_a_long_path),          TEST(doors_of_the_dead_are_cleaned_away_and_no_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
