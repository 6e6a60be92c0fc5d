#include "base/jsonline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"

/* Every reader takes the place where its value begins and gives the place behind it, NULL if it is no such value. */

static const char *skip_space(const char *at) {
    return at + strspn(at, " \t\r\n");
}

static const char *skip_text(const char *at) {
    if (*at++ != '"')
        return NULL;
    for (; *at != '"'; at++) {
        if (*at == '\0')
            return NULL;
        if (*at == '\\' && *++at == '\0')
            return NULL;
    }
    return at + 1;
}

/* An object or array is skipped by its brackets alone; texts may hold brackets, so they are stepped over. */
static const char *skip_value(const char *at) {
    if (*at == '"')
        return skip_text(at);
    if (*at != '{' && *at != '[') {
        size_t size = strcspn(at, ",}] \t\r\n");
        return size > 0 ? at + size : NULL;
    }
    for (size_t depth = 0; *at != '\0';) {
        if (*at == '"') {
            at = skip_text(at);
            if (at == NULL)
                return NULL;
            continue;
        }
        depth += *at == '{' || *at == '[';
        depth -= *at == '}' || *at == ']';
        at++;
        if (depth == 0)
            return at;
    }
    return NULL;
}

static int hex4(const char *at) {
    int value = 0;
    for (int i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef0123456789ABCDEF";
        const char *digit = at[i] != '\0' ? strchr(digits, at[i]) : NULL;
        if (digit == NULL)
            return -1;
        value = value * 16 + (int)((digit - digits) % 16);
    }
    return value;
}

static char *put_utf8(char *out, unsigned code) {
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xc0 | code >> 6);
        *out++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *out++ = (char)(0xe0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    } else {
        *out++ = (char)(0xf0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 0x3f));
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    }
    return out;
}

/* The text between the quotes of [at, end), which skip_text() has passed. */
static char *unescape(const char *at, const char *end) {
    char *text = malloc((size_t)(end - at) + 1), *out = text;
    if (text == NULL)
        return NULL;
    for (at++; at < end - 1; at++) {
        if (*at != '\\') {
            *out++ = *at;
            continue;
        }
        at++;
        const char *named = strchr("bfnrt", *at);
        if (named != NULL) {
            *out++ = "\b\f\n\r\t"[named - "bfnrt"];
        } else if (*at != 'u') {
            *out++ = *at;
        } else {
            int code = hex4(at + 1);
            at += code >= 0 ? 4 : 0;
            if (code >= 0xd800 && code < 0xdc00 && at[1] == '\\' && at[2] == 'u') {
                int low = hex4(at + 3);
                if (low >= 0xdc00 && low < 0xe000) {
                    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                    at += 6;
                }
            }
            out = put_utf8(out, code >= 0 ? (unsigned)code : 0xfffd);
        }
    }
    *out = '\0';
    return text;
}

/* The value of a field at the top of the object that begins at line; *value_p is NULL where there is none. */
static fw_status find_field(const char *line, const char *key, const char **value_p, const char **end_p) {
    *value_p = *end_p = NULL;
    const char *at = skip_space(line);
    bool more = *at++ == '{';
    if (!more)
        return fw_fail(FW_BAD_INPUT, "not a JSON object");
    at = skip_space(at);
    if (*at == '}')
        return FW_OK;
    while (more) {
        const char *name = skip_space(at), *behind = skip_text(name);
        const char *colon = behind != NULL ? skip_space(behind) : NULL;
        if (colon == NULL || *colon != ':')
            break;
        const char *value = skip_space(colon + 1), *end = skip_value(value);
        if (end == NULL)
            break;
        bool found = (size_t)(behind - name) == strlen(key) + 2 && strncmp(name + 1, key, strlen(key)) == 0;
        if (found && *value_p == NULL) {
            *value_p = value;
            *end_p = end;
        }
        at = skip_space(end);
        more = *at == ',';
        if (*at == '}')
            return FW_OK;
        at++;
    }
    *value_p = NULL;
    return fw_fail(FW_BAD_INPUT, "not a whole JSON object");
}

fw_status fw_json_text_field(const char *line, const char *key, char **text_p) {
    const char *value, *end;
    *text_p = NULL;
    fw_status status = find_field(line, key, &value, &end);
    if (status != FW_OK || value == NULL || *value != '"')
        return status;
    *text_p = unescape(value, end);
    return *text_p != NULL ? FW_OK : fw_fail(FW_NO_MEMORY, "no memory for a line");
}

bool fw_json_int_field(const char *line, const char *outer, const char *key, int64_t *number_p) {
    const char *value, *end;
    if (find_field(line, outer, &value, &end) != FW_OK || value == NULL || *value != '{')
        return false;
    if (find_field(value, key, &value, &end) != FW_OK || value == NULL)
        return false;
    char *behind;
    errno = 0;
    long long number = strtoll(value, &behind, 10);
    if (behind != end || errno != 0)
        return false;
    *number_p = number;
    return true;
}
