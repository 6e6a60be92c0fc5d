/* What the library tells people: waiting, inputs that were not taken, workers that left. */
#ifndef FRAMEWIRE_LOG_H
#define FRAMEWIRE_LOG_H

#include <framewire/export.h>

FW_BEGIN_DECLS

typedef enum fw_log_level { FW_LOG_ERROR, FW_LOG_WARNING, FW_LOG_INFO, FW_LOG_DEBUG } fw_log_level;

/* Called with one sentence, without a newline; control characters are escaped already.
 * Any thread of the library, one call at a time; it must not call the library. */
typedef void fw_log_handler(void *arg, fw_log_level level, const char *text);

/* Send the library's messages to handler instead of stderr ("framewire: TEXT").
 * NULL restores stderr. Any thread. Messages above level are not made. Default: FW_LOG_INFO. */
FW_API void fw_log_to(fw_log_handler *handler, void *arg);
FW_API void fw_log_up_to(fw_log_level level);

FW_END_DECLS

#endif
