/* What the programs that do the least share: the clock, and an end at the first failure. */
#ifndef BENCH_LEAST_H
#define BENCH_LEAST_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline void check(int failed, const char *what) {
    if (failed) {
        perror(what);
        exit(1);
    }
}

static inline int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

#endif
