/* SIGTERM, SIGINT and SIGHUP: the first stops and drains, the second ends the process at once. */
#ifndef FRAMEWIRE_CMD_SIGNALS_H
#define FRAMEWIRE_CMD_SIGNALS_H

#include <stdbool.h>

#include <framewire/pipeline.h>

/* Take the signals from now on, in a thread of their own: no handler interrupts anything. Call it before other
 * threads are made. False if there is no thread to be had (said). */
bool signals_start(void);

/* What the first signal stops, at once if it has come already; NULL: nothing any more. */
void signals_stop(fw_pipeline *pipeline);

#endif
