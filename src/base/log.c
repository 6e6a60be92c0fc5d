#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/text.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static fw_log_handler *handler;
static void *handler_arg;
static atomic_int loudest = FW_LOG_INFO;

void fw_log_to(fw_log_handler *new_handler, void *arg) {
    pthread_mutex_lock(&lock);
    handler = new_handler;
    handler_arg = arg;
    pthread_mutex_unlock(&lock);
}

void fw_log_up_to(fw_log_level level) {
    atomic_store_explicit(&loudest, (int)level, memory_order_relaxed);
}

FW_PRINTF(2, 0) static void say(fw_log_level level, const char *format, va_list arguments) {
    if ((int)level > atomic_load_explicit(&loudest, memory_order_relaxed))
        return;
    char text[FW_ESCAPE_MAX];
    fw_escape_va(text, sizeof text, format, arguments);
    pthread_mutex_lock(&lock);
    if (handler)
        handler(handler_arg, level, text);
    else
        fprintf(stderr, "framewire: %s\n", text);
    pthread_mutex_unlock(&lock);
}

#define SAY(level)                     \
    do {                               \
        va_list arguments;             \
        va_start(arguments, format);   \
        say(level, format, arguments); \
        va_end(arguments);             \
    } while (0)

void fw_error(const char *format, ...) {
    SAY(FW_LOG_ERROR);
}

void fw_warn(const char *format, ...) {
    SAY(FW_LOG_WARNING);
}

void fw_info(const char *format, ...) {
    SAY(FW_LOG_INFO);
}

void fw_debug(const char *format, ...) {
    SAY(FW_LOG_DEBUG);
}
