/* Just enough JSON to read our own lines back. */
#ifndef FW_BASE_JSONLINE_H
#define FW_BASE_JSONLINE_H

#include <stdbool.h>
#include <stdint.h>

#include <framewire/status.h>

/* The text of a field at the top of a JSON object, unescaped into *text_p: malloc'ed; NULL where the object has no such
 * field or it is no text. FW_BAD_INPUT if it is not one whole object in one line. */
fw_status fw_json_text_field(const char *line, const char *key, char **text_p);

/* A whole number in an object that is a field at the top: OUTER.KEY. false where there is none. */
bool fw_json_int_field(const char *line, const char *outer, const char *key, int64_t *number_p);

#endif
