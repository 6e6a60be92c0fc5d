#include "base/clock.h"

#include <limits.h>
#include <time.h>

static int64_t read_clock(clockid_t which) {
    struct timespec now;
    clock_gettime(which, &now);
    return (int64_t)now.tv_sec * FW_SECOND + now.tv_nsec;
}

fw_time fw_now(void) {
    return read_clock(CLOCK_MONOTONIC);
}

int64_t fw_unix_now(void) {
    return read_clock(CLOCK_REALTIME);
}

fw_time fw_after(fw_time now, fw_time duration) {
    fw_time sum;
    return __builtin_add_overflow(now, duration, &sum) ? FW_FOREVER : sum;
}

void fw_condition_init(pthread_cond_t *condition) {
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

int fw_poll_ms(fw_time deadline) {
    if (deadline == FW_FOREVER)
        return -1;
    fw_time now = fw_now();
    if (deadline <= now)
        return 0;
    fw_time left = (deadline - now - 1) / FW_MS + 1;
    return left < INT_MAX ? (int)left : INT_MAX;
}
