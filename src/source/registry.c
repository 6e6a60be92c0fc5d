#include "source/registry.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/status.h"
#include "base/text.h"

static const fw_source_class *const kinds[] = { &fw_source_files, &fw_source_test };

#define KINDS (sizeof kinds / sizeof *kinds)

const fw_source_info *fw_source_kind(size_t index) {
    return index < KINDS ? &kinds[index]->info : NULL;
}

/* The length of a leading "scheme" with its ':' after it; 0: none. */
static size_t scheme_length(const char *argument) {
    size_t length = 0;
    while (isalnum((unsigned char)argument[length]) ||
           (length > 0 && argument[length] != '\0' && strchr("+-.", argument[length]) != NULL))
        length++;
    return argument[length] == ':' ? length : 0;
}

static const fw_source_class *kind_of(const char *scheme, size_t length) {
    for (size_t i = 0; i < KINDS; i++)
        if (strlen(kinds[i]->info.scheme) == length && memcmp(kinds[i]->info.scheme, scheme, length) == 0)
            return kinds[i];
    return NULL;
}

const char *fw_source_path(const char *argument) {
    size_t length = scheme_length(argument);
    return length > 0 && kind_of(argument, length) == &fw_source_files ? argument + length + 1 : argument;
}

static fw_status unknown_scheme(const char *argument, size_t length) {
    fw_text known = { 0 };
    for (size_t i = 0; i < KINDS; i++)
        fw_text_format(&known, "%s%s:", i == 0 ? "" : i + 1 < KINDS ? ", " : " and ", kinds[i]->info.scheme);
    fw_status status;
    if (strncmp(argument + length, "://", 3) == 0)
        status = fw_fail(FW_INVALID,
                         "%s is an address, not a source; addresses go to --to, and the sources are "
                         "files, folders, %s",
                         argument, known.failed ? "test:" : known.data);
    else
        status = fw_fail(FW_INVALID,
                         "%s: no such file, and no source is called %.*s: (there are %s); "
                         "a file of that name is ./%s",
                         argument, (int)length, argument, known.failed ? "test:" : known.data, argument);
    free(known.data);
    return status;
}

static const fw_param *param_of(const fw_source_class *kind, const char *name) {
    for (const fw_param *param = kind->info.params; param != NULL && param->name != NULL; param++)
        if (strcmp(param->name, name) == 0)
            return param;
    return NULL;
}

static fw_status check_value(fw_param_kind kind, const char *text) {
    union {
        uint64_t count;
        uint32_t size[2];
        double rate;
        fw_time time;
        fw_pixels pixels;
    } value;
    switch (kind) {
    case FW_PARAM_COUNT:
        return fw_parse_count(text, &value.count);
    case FW_PARAM_SIZE:
        return fw_parse_size(text, &value.size[0], &value.size[1]);
    case FW_PARAM_RATE:
        return fw_parse_rate(text, &value.rate);
    case FW_PARAM_TIME:
        return fw_parse_time(text, &value.time);
    case FW_PARAM_PIXELS:
        return fw_pixels_parse(text, &value.pixels);
    case FW_PARAM_TEXT:
        break;
    }
    return FW_OK;
}

static fw_status unknown_param(const char *argument, const fw_source_class *kind, const char *name) {
    fw_text known = { 0 };
    for (const fw_param *param = kind->info.params; param != NULL && param->name != NULL; param++)
        fw_text_format(&known, "%s%s=%s", param == kind->info.params ? "" : ", ", param->name, param->initial);
    fw_status status = fw_fail(FW_INVALID, "%s: %s: has no parameter %s; it has %s", argument, kind->info.scheme, name,
                               known.data == NULL ? "none" : known.data);
    free(known.data);
    return status;
}

static fw_status check_params(const char *argument, const fw_source_class *kind, const fw_spec *spec) {
    for (size_t i = 0; i < spec->count; i++) {
        const fw_query *query = &spec->queries[i];
        const fw_param *param = param_of(kind, query->key);
        if (param == NULL)
            return unknown_param(argument, kind, query->key);
        for (size_t j = 0; j < i; j++)
            if (strcmp(spec->queries[j].key, query->key) == 0)
                return fw_fail(FW_INVALID, "%s: %s is said twice; say it once", argument, query->key);
        if (*query->value == '\0' && param->kind != FW_PARAM_TEXT)
            return fw_fail(FW_INVALID, "%s: %s= has no value; its default is %s", argument, query->key, param->initial);
        fw_status status = check_value(param->kind, query->value);
        if (status != FW_OK)
            return fw_fail(status, "%s: %s=%s: %s", argument, query->key, query->value, fw_cause());
    }
    return FW_OK;
}

const char *fw_param_text(const fw_spec *spec, const fw_source_class *kind, const char *name) {
    for (size_t i = 0; i < spec->count; i++)
        if (strcmp(spec->queries[i].key, name) == 0)
            return spec->queries[i].value;
    return param_of(kind, name)->initial;
}

fw_status fw_source_resolve(const char *argument, const fw_source_class **kind_p, fw_spec *spec_p) {
    *spec_p = (fw_spec){ 0 };
    *kind_p = &fw_source_files;
    size_t length = scheme_length(argument);
    if (length == 0)
        return FW_OK;
    const fw_source_class *kind = kind_of(argument, length);
    struct stat info;
    if (kind == NULL)
        return lstat(argument, &info) == 0 ? FW_OK : unknown_scheme(argument, length);
    if (kind == &fw_source_files)
        return FW_OK;
    fw_status status = fw_spec_parse(argument, spec_p);
    if (status == FW_OK)
        status = check_params(argument, kind, spec_p);
    if (status != FW_OK)
        fw_spec_free(spec_p);
    *kind_p = kind;
    return status;
}
