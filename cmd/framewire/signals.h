/* SIGTERM, SIGINT and SIGHUP: the first is noted, the second ends the process at once. */
#ifndef FRAMEWIRE_CMD_SIGNALS_H
#define FRAMEWIRE_CMD_SIGNALS_H

#include <stdbool.h>

/* Take the signals from now on, in a thread of their own: no handler interrupts anything. Call it before other
 * threads are made. False if there is no thread to be had (said). */
bool signals_start(void);

/* The first signal that came, as text ("Terminated"); NULL: none yet. */
const char *signals_came(void);

#endif
