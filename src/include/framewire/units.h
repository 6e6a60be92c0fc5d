/* Values with units, as people type them in URLs and options. */
#ifndef FRAMEWIRE_UNITS_H
#define FRAMEWIRE_UNITS_H

#include <stddef.h>
#include <stdint.h>

#include <framewire/export.h>
#include <framewire/status.h>

FW_BEGIN_DECLS

/* Nanoseconds: of CLOCK_MONOTONIC, or a duration. */
typedef int64_t fw_time;
#define FW_MS      ((fw_time)1000000)
#define FW_SECOND  ((fw_time)1000000000)
#define FW_FOREVER INT64_MAX

/* Each returns FW_INVALID for text it cannot read whole, with fw_cause() saying what a good
 * value looks like ("a time is a number and ns, us, ms, s, min or h, like 30s"); *value_p is
 * then unchanged. Any thread. */
FW_API fw_status fw_parse_time(const char *text, fw_time *value_p);                      /* "200ms", "5s", "0" */
FW_API fw_status fw_parse_bytes(const char *text, uint64_t *value_p);                    /* "64MiB", "1GB", "4096" */
FW_API fw_status fw_parse_rate(const char *text, double *per_second_p);                  /* "30fps", "29.97Hz" */
FW_API fw_status fw_parse_count(const char *text, uint64_t *value_p);                    /* "100" */
FW_API fw_status fw_parse_size(const char *text, uint32_t *width_p, uint32_t *height_p); /* "640x480" */

FW_END_DECLS

#endif
