#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory/region.h"
#include "memory/view.h"

#define MIB ((size_t)1 << 20)

static int open_region(void **state) {
    static fw_region region;
    *state = &region;
    return fw_region_open(&region, 5 * MIB, FW_PAGES_NORMAL) != FW_OK;
}

static int close_region(void **state) {
    fw_region_close(*state);
    return 0;
}

static size_t pages_taken(const fw_region *region) {
    struct stat facts;
    assert_int_equal(fstat(region->fd, &facts), 0);
    return (size_t)facts.st_blocks * 512;
}

static void pages_come_chunk_by_chunk_and_only_once(void **state) {
    fw_region *region = *state;
    assert_int_equal(pages_taken(region), 0);
    assert_ok(fw_region_take(region, 0, 1));
    assert_int_equal(pages_taken(region), 2 * MIB);
    assert_ok(fw_region_take(region, 0, 2 * MIB));
    assert_int_equal(pages_taken(region), 2 * MIB);
    assert_ok(fw_region_take(region, 2 * MIB - 1, 2)); /* over the edge of two */
    assert_int_equal(pages_taken(region), 4 * MIB);
    assert_ok(fw_region_take(region, 4 * MIB, MIB)); /* the last is a short one */
    assert_int_equal(pages_taken(region), 5 * MIB);
    assert_int_equal(region->pages, 5 * MIB);
    memset(region->base, 0x5A, region->size);
    assert_int_equal(pages_taken(region), 5 * MIB);
}

static void the_size_is_whole_pages(void **state) {
    (void)state;
    fw_region region;
    assert_ok(fw_region_open(&region, 1, FW_PAGES_NORMAL));
    assert_int_equal(region.size, (size_t)sysconf(_SC_PAGESIZE));
    assert_ok(fw_region_take(&region, 0, 1));
    region.base[region.size - 1] = 1;
    fw_region_close(&region);
    fw_region_close(&region);
    assert_int_equal(region.fd, -1);
}

static void impossible_sizes_are_refused(void **state) {
    (void)state;
    static const size_t sizes[] = { 0, SIZE_MAX, PTRDIFF_MAX, (size_t)1 << 60 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        fw_region region;
        assert_int_equal(fw_region_open(&region, sizes[i], FW_PAGES_NORMAL), FW_NO_MEMORY);
        assert_int_equal(region.fd, -1);
        assert_null(region.base);
    }
}

/* What a receiver may do with the descriptor that it was given. */
static void a_reader_reads_and_cannot_write(void **state) {
    fw_region *region = *state;
    assert_ok(fw_region_take(region, 0, MIB));
    region->base[7] = 42;

    int fd = dup(region->fd);
    uint8_t *view = mmap(NULL, region->size, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(view, MAP_FAILED);
    assert_int_equal(view[7], 42);
    region->base[7] = 43;
    assert_int_equal(view[7], 43);

    errno = 0;
    assert_ptr_equal(mmap(NULL, region->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    assert_int_equal(errno, EPERM);
    assert_int_equal(mprotect(view, region->size, PROT_READ | PROT_WRITE), -1);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(fd, (off_t)(100 * MIB)), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    assert_int_equal(errno, EPERM);
    munmap(view, region->size);
    close(fd);
}

static void reopening_through_proc_gives_no_way_to_write(void **state) {
    fw_region *region = *state;
    assert_ok(fw_region_take(region, 0, MIB));
    region->base[0] = 1;
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", region->fd);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    close(fd);

    /* A sealed file may open for writing; no write, mapping or truncation may follow. */
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
        assert_int_equal(pwrite(fd, "x", 1, 0), -1);
        assert_int_equal(errno, EPERM);
        assert_ptr_equal(mmap(NULL, region->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
        assert_int_equal(errno, EPERM);
        close(fd);
    }
    errno = 0;
    assert_int_equal(open(path, O_RDWR | O_TRUNC | O_CLOEXEC), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(region->base[0], 1);
}

static void the_descriptor_is_not_inherited(void **state) {
    fw_region *region = *state;
    assert_true(fcntl(region->fd, F_GETFD) & FD_CLOEXEC);
}

static void huge_pages_make_no_difference_to_readers(void **state) {
    (void)state;
    static const fw_paging pagings[] = { FW_PAGES_TRANSPARENT, FW_PAGES_RESERVED };
    for (size_t i = 0; i < 2; i++) {
        fw_region region;
        fw_view view;
        if (fw_region_open(&region, 5 * MIB, pagings[i]) != FW_OK) {
            assert_int_equal(region.fd, -1); /* this system has none */
            continue;
        }
        assert_int_equal(region.size, (pagings[i] == FW_PAGES_RESERVED ? 6 : 5) * MIB);
        assert_int_equal(region.pages, pagings[i] == FW_PAGES_RESERVED ? region.size : 0);
        assert_ok(fw_region_take(&region, 0, 5 * MIB));
        assert_int_equal(pages_taken(&region), region.size);
        memset(region.base, 7, 5 * MIB);
        assert_ok(fw_view_open(&view, region.fd, region.size));
        assert_int_equal(view.base[5 * MIB - 1], 7);
        assert_ptr_equal(mmap(NULL, region.size, PROT_READ | PROT_WRITE, MAP_SHARED, region.fd, 0), MAP_FAILED);
        assert_int_equal(errno, EPERM);
        fw_region_close(&region);
        assert_int_equal(view.base[0], 7);
        fw_view_close(&view);
    }
}

/* Bytes of this mapping that stand on huge pages. */
static size_t huge_bytes(const fw_region *region) {
    FILE *maps = fopen("/proc/self/smaps", "r");
    assert_non_null(maps);
    char line[512], start[32];
    snprintf(start, sizeof start, "%zx-", (size_t)region->base);
    bool here = false;
    size_t kib = 0;
    while (fgets(line, sizeof line, maps) != NULL && !(here && sscanf(line, "ShmemPmdMapped: %zu", &kib) == 1))
        here |= strncmp(line, start, strlen(start)) == 0;
    fclose(maps);
    return kib << 10;
}

static void whole_chunks_are_huge_pages_where_the_kernel_makes_some(void **state) {
    fw_region *region = *state;
    assert_ok(fw_region_take(region, 0, 5 * MIB));
    assert_int_equal((uintptr_t)region->base % (2 * MIB), 0);
    for (size_t i = 0; i < region->size; i++)
        assert_int_equal(region->base[i], 0);
    memset(region->base, 7, region->size);
    assert_int_equal(huge_bytes(region), region->huge);
    assert_true(region->huge == 4 * MIB || region->small_only);
    assert_int_equal(pages_taken(region), 5 * MIB);
}

static void without_huge_pages_there_are_small_ones(void **state) {
    fw_region *region = *state;
    region->small_only = true;
    assert_ok(fw_region_take(region, 0, 5 * MIB));
    memset(region->base, 7, region->size);
    assert_int_equal(region->huge, 0);
    assert_int_equal(huge_bytes(region), 0);
    assert_int_equal(pages_taken(region), 5 * MIB);
}

static void pages_that_are_not_reserved_are_not_had(void **state) {
    (void)state;
    fw_region region;
    assert_int_equal(fw_region_open(&region, (size_t)1 << 44, FW_PAGES_RESERVED), FW_NO_MEMORY);
    assert_int_equal(region.fd, -1);
}

static void each_has_a_number_of_its_own(void **state) {
    const fw_region *region = *state;
    fw_region other;
    assert_ok(fw_region_open(&other, MIB, FW_PAGES_NORMAL));
    assert_true(other.number != region->number);
    fw_region_close(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pages_come_chunk_by_chunk_and_only_once, open_region, close_region),
        cmocka_unit_test(the_size_is_whole_pages),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test_setup_teardown(a_reader_reads_and_cannot_write, open_region, close_region),
        cmocka_unit_test_setup_teardown(reopening_through_proc_gives_no_way_to_write, open_region, close_region),
        cmocka_unit_test_setup_teardown(the_descriptor_is_not_inherited, open_region, close_region),
        cmocka_unit_test_setup_teardown(each_has_a_number_of_its_own, open_region, close_region),
        cmocka_unit_test(huge_pages_make_no_difference_to_readers),
        cmocka_unit_test_setup_teardown(whole_chunks_are_huge_pages_where_the_kernel_makes_some, open_region,
                                        close_region),
        cmocka_unit_test_setup_teardown(without_huge_pages_there_are_small_ones, open_region, close_region),
        cmocka_unit_test(pages_that_are_not_reserved_are_not_had),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
