/* Messages for people. */
#ifndef FW_BASE_LOG_H
#define FW_BASE_LOG_H

#include <framewire/log.h>

void fw_error(const char *format, ...) FW_PRINTF(1, 2);
void fw_warn(const char *format, ...) FW_PRINTF(1, 2);
void fw_info(const char *format, ...) FW_PRINTF(1, 2);
void fw_debug(const char *format, ...) FW_PRINTF(1, 2);

#endif
