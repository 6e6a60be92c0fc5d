#include <framewire/units.h>

#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/status.h"

/* A plain decimal number, "29.97", whatever the locale. Moves *text_p behind it; false if there is none. */
static bool read_number(const char **text_p, double *value_p) {
    const char *at = *text_p;
    double value = 0, scale = 1;
    int digits = 0;
    bool fraction = false;
    for (;; at++) {
        if (*at >= '0' && *at <= '9') {
            value = value * 10 + (*at - '0');
            scale *= fraction ? 10 : 1;
            if (++digits > 30)
                return false;
        } else if (*at == '.' && !fraction && digits) {
            fraction = true;
        } else {
            break;
        }
    }
    if (!digits || at[-1] == '.')
        return false;
    *text_p = at;
    *value_p = value / scale;
    return true;
}

typedef struct unit {
    const char *name;
    double factor;
} unit;

/* A number and one of these units, of which the first may be left out if it is "". */
static bool read_with_unit(const char *text, const unit *units, double *value_p) {
    double value;
    if (!read_number(&text, &value))
        return false;
    for (; units->name; units++)
        if (!strcasecmp(text, units->name)) {
            *value_p = value * units->factor;
            return true;
        }
    return false;
}

fw_status fw_parse_time(const char *text, fw_time *value_p) {
    static const unit units[] = { { "ns", 1 },     { "us", 1e3 },   { "ms", 1e6 }, { "s", 1e9 },
                                  { "min", 60e9 }, { "h", 3600e9 }, { NULL, 0 } };
    double value = 0;
    if (strcmp(text, "0") && !read_with_unit(text, units, &value))
        return fw_fail(FW_INVALID, "a time is a number and ns, us, ms, s, min or h, like 30s");
    if (value > 9e18)
        return fw_fail(FW_INVALID, "a time is at most 285 years");
    *value_p = (fw_time)round(value);
    return FW_OK;
}

fw_status fw_parse_bytes(const char *text, uint64_t *value_p) {
    static const unit units[] = {
        { "", 1 },      { "B", 1 },      { "kB", 1e3 },        { "MB", 1e6 },           { "GB", 1e9 },
        { "TB", 1e12 }, { "KiB", 1024 }, { "MiB", 1048576.0 }, { "GiB", 1073741824.0 }, { "TiB", 1099511627776.0 },
        { NULL, 0 },
    };
    double value;
    if (!read_with_unit(text, units, &value))
        return fw_fail(FW_INVALID,
                       "a size is a number of bytes, or a number and kB, MB, GB, TB, KiB, MiB, GiB or TiB, like 64MiB");
    if (value > 9007199254740992.0) /* 2^53: up to here a double is exact */
        return fw_fail(FW_INVALID, "a size is at most 8192TiB");
    *value_p = (uint64_t)round(value);
    return FW_OK;
}

fw_status fw_parse_rate(const char *text, double *per_second_p) {
    static const unit units[] = { { "fps", 1 }, { "Hz", 1 }, { "kHz", 1e3 }, { NULL, 0 } };
    double value;
    if (!read_with_unit(text, units, &value))
        return fw_fail(FW_INVALID, "a rate is a number and fps or Hz, like 30fps");
    if (value < 1e-6 || value > 1e9)
        return fw_fail(FW_INVALID, "a rate is more than 0 and at most 1000000000fps");
    *per_second_p = value;
    return FW_OK;
}

/* Digits only, at most limit. Moves *text_p behind them. */
static bool read_whole(const char **text_p, uint64_t limit, uint64_t *value_p) {
    const char *at = *text_p;
    uint64_t value = 0;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value) || value > limit)
            return false;
    if (at == *text_p)
        return false;
    *text_p = at;
    *value_p = value;
    return true;
}

fw_status fw_parse_count(const char *text, uint64_t *value_p) {
    uint64_t value;
    if (!read_whole(&text, UINT64_MAX, &value) || *text)
        return fw_fail(FW_INVALID, "a count is a whole number, like 100");
    *value_p = value;
    return FW_OK;
}

fw_status fw_parse_size(const char *text, uint32_t *width_p, uint32_t *height_p) {
    uint64_t width, height;
    if (!read_whole(&text, UINT32_MAX, &width) || *text++ != 'x' || !read_whole(&text, UINT32_MAX, &height) || *text ||
        !width || !height)
        return fw_fail(FW_INVALID, "a size is width x height in pixels, like 640x480");
    *width_p = (uint32_t)width;
    *height_p = (uint32_t)height;
    return FW_OK;
}
