/* Time: monotonic for delays and deadlines, Unix for what people read. */
#ifndef FW_BASE_CLOCK_H
#define FW_BASE_CLOCK_H

#include <pthread.h>
#include <stdint.h>

#include <framewire/units.h>

fw_time fw_now(void);      /* CLOCK_MONOTONIC, ns */
int64_t fw_unix_now(void); /* ns since the Unix epoch */

/* now + duration, where FW_FOREVER stays for ever. */
fw_time fw_after(fw_time now, fw_time duration);

/* A condition whose timed waits are until times of fw_now(). */
void fw_condition_init(pthread_cond_t *condition);

/* Milliseconds until deadline for poll(): -1 for FW_FOREVER, 0 if past, rounded up. */
int fw_poll_ms(fw_time deadline);

#endif
