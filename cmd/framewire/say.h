/* What people read on stderr: sentences, and one status line on a terminal that sentences never mix with. */
#ifndef FRAMEWIRE_CMD_SAY_H
#define FRAMEWIRE_CMD_SAY_H

#include <stdbool.h>

#include <framewire/export.h>
#include <framewire/log.h>

/* "framewire: SENTENCE" on stderr; control characters are escaped. Any thread. */
void say(const char *format, ...) FW_PRINTF(1, 2);

/* A fw_log_handler that does the same. */
void say_log(void *arg, fw_log_level level, const char *text);

/* Is stderr a terminal that can rewrite its line? */
bool status_line_works(void);

/* Show this text as the status line, cut to the terminal's width; "" takes it away. Any thread. */
void status_line(const char *text);

#endif
