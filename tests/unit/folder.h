/* Temporary folders with small images, for tests. */
#ifndef FW_TEST_FOLDER_H
#define FW_TEST_FOLDER_H

#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

/* The test's folder; it is also the working directory, so that paths are short. */
static char folder[64];

static inline int folder_make(void **state) {
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%.40s/framewire-XXXXXX", base != NULL ? base : "/tmp");
    return mkdtemp(folder) != NULL && chmod(folder, 0755) == 0 && chdir(folder) == 0 ? 0 : -1;
}

static inline int folder_remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk) {
    (void)info, (void)kind, (void)walk;
    return remove(path);
}

static inline int folder_remove(void **state) {
    (void)state;
    return chdir("/") == 0 ? nftw(folder, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS) : -1;
}

static inline void write_file(const char *path, const void *bytes, size_t size) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    close(fd);
}

static inline void make_folder(const char *path) {
    assert_int_equal(mkdir(path, 0755), 0);
}

/* A text file, in folders that are made where they are missing. */
static inline void write_below(const char *name, const char *text) {
    char path[300];
    snprintf(path, sizeof path, "%s", name);
    for (char *slash = path; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
        *slash = '\0';
        mkdir(path, 0700);
    }
    write_file(name, text, strlen(text));
}

/* A PGM of 2 x 2 pixels, all of this value. */
static inline void write_image(const char *path, uint8_t value) {
    uint8_t bytes[15] = "P5\n2 2\n255\n";
    memset(bytes + 11, value, 4);
    write_file(path, bytes, 15);
}

/* Files in a folder that root may read as well as anyone are no test of permissions. */
static inline bool as_nobody(void) {
    return geteuid() != 0 || seteuid(65534) == 0;
}

static inline void as_before(void) {
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
}

#endif
