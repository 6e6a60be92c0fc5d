/* Text from outside: UTF-8, escapes for terminals and paths, growing strings. */
#ifndef FW_BASE_TEXT_H
#define FW_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <framewire/export.h>
#include <framewire/status.h>

/* Is this whole, shortest-form UTF-8 without surrogates (Unicode 15, table 3-7)? NUL bytes pass. */
bool fw_utf8_valid(const char *text, size_t size);

/* A stream's name: 1-128 bytes of UTF-8, no control characters (C0, DEL, C1). */
bool fw_stream_name_valid(const char *name, size_t size);

/* Copy text so that a terminal can show it: control characters and bytes that are not UTF-8 become
 * \xHH. Always ends with NUL; what does not fit ends in "...". Returns room's use without the NUL. */
size_t fw_escape(char *out, size_t room, const char *text, size_t size);

/* The same of what format says, for messages: at most FW_ESCAPE_MAX bytes with the NUL. */
#define FW_ESCAPE_MAX 2048
size_t fw_escape_va(char *out, size_t room, const char *format, va_list arguments) FW_PRINTF(3, 0);

/* The name as a file name: [A-Za-z0-9._-] stays, all else (and a leading dot) becomes %HH; at most 200 bytes,
 * NUL-terminated. out has room for 201. */
void fw_file_name(char *out, const char *name, size_t size);

/* Bytes that are not UTF-8, and '%' before two hex digits, become %HH (identity of an item). Malloc'ed; NULL: no memory. */
char *fw_percent_utf8(const char *text, size_t size);

/* A string that grows. Zero-initialise; free(text.data) at the end. After a failed allocation
 * `failed` is set and appends do nothing. data is always NUL-terminated once something was appended. */
typedef struct fw_text {
    char *data;
    size_t size, room;
    bool failed;
} fw_text;

void fw_text_add(fw_text *self, const char *bytes, size_t size);
void fw_text_format(fw_text *self, const char *format, ...) FW_PRINTF(2, 3);
/* A JSON string with its quotes; control characters escaped, bytes that are not UTF-8 become U+FFFD. */
void fw_text_json(fw_text *self, const char *text, size_t size);

#endif
