#include "options.h"

#include <assert.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <framewire/status.h>
#include <framewire/units.h>

#include "nearest.h"
#include "say.h"
#include "verb.h"

#define ROWS_MAX   64
#define FIRST_LONG 256 /* getopt_long() returns this and a row's place, or the row's letter */

bool option_takes_value(const struct option_row *row) {
    return row->kind != OPTION_FLAG && row->kind != OPTION_GROUP && row->kind != OPTION_END;
}

static const struct option_row *row_called(const struct option_row *rows, const char *name, size_t length) {
    for (const struct option_row *row = rows; row->kind != OPTION_END; row++)
        if (row->kind != OPTION_GROUP && strlen(row->name) == length && strncmp(row->name, name, length) == 0)
            return row;
    return NULL;
}

/* A value in the unit that people would type. */
static void show_limit(char *out, size_t room, const struct option_row *row, uint64_t value) {
    static const struct unit {
        enum option_kind kind;
        uint64_t size;
        const char *name;
    } units[] = {
        { OPTION_TIME, 3600 * (uint64_t)FW_SECOND, "h" },
        { OPTION_TIME, FW_SECOND, "s" },
        { OPTION_TIME, FW_MS, "ms" },
        { OPTION_BYTES, (uint64_t)1 << 40, "TiB" },
        { OPTION_BYTES, 1 << 20, "MiB" },
        { OPTION_COUNT, 1, "" },
    };
    const struct unit *unit = units;
    while (unit->size != 1 && (unit->kind != row->kind || value % unit->size != 0 || value == 0))
        unit++;
    snprintf(out, room, "%" PRIu64 "%s", value / unit->size, unit->name);
}

static bool in_range(const struct option_row *row, const char *text, uint64_t value) {
    if (value >= row->least && (row->most == 0 || value <= row->most))
        return true;
    char least[32], most[32];
    show_limit(least, sizeof least, row, row->least);
    show_limit(most, sizeof most, row, row->most);
    if (row->most == 0)
        say("--%s %s: must be at least %s", row->name, text, least);
    else
        say("--%s %s: must be from %s to %s", row->name, text, least, most);
    return false;
}

static bool take_choice(const struct option_row *row, const char *text, int *value) {
    char words[128];
    snprintf(words, sizeof words, "%s", row->argument);
    struct nearest nearest = { .asked = text };
    int place = 0;
    for (char *rest = words, *word; (word = strsep(&rest, "|")); place++) {
        if (strcmp(word, text) == 0) {
            *value = place;
            return true;
        }
        nearest_offer(&nearest, word);
    }
    if (nearest.word)
        say("--%s %s: did you mean %s? (one of %s)", row->name, text, nearest.word, row->argument);
    else
        say("--%s %s: must be one of %s", row->name, text, row->argument);
    return false;
}

static bool take_text(struct texts *texts, const char *text) {
    const char **items = realloc(texts->items, (texts->count + 2) * sizeof *items);
    if (!items) {
        say("no memory left");
        return false;
    }
    texts->items = items;
    items[texts->count++] = text;
    items[texts->count] = NULL;
    return true;
}

/* A library parser's verdict: its cause says what a good value looks like. */
static bool understood(const struct option_row *row, const char *text, fw_status status) {
    if (status == FW_OK)
        return true;
    say("--%s %s: %s", row->name, text, fw_cause());
    return false;
}

static bool take(const struct option_row *row, const char *text, void *values) {
    void *value = (char *)values + row->offset;
    if (option_takes_value(row) && !text[0]) {
        say("--%s needs a value: %s", row->name, row->argument);
        return false;
    }
    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)value = true;
        return true;
    case OPTION_TEXT:
        *(const char **)value = text;
        return true;
    case OPTION_TEXTS:
        return take_text(value, text);
    case OPTION_CHOICE:
        return take_choice(row, text, value);
    case OPTION_COUNT:
        return understood(row, text, fw_parse_count(text, value)) && in_range(row, text, *(uint64_t *)value);
    case OPTION_TIME:
        return understood(row, text, fw_parse_time(text, value)) && in_range(row, text, (uint64_t) * (fw_time *)value);
    case OPTION_RATE:
        return understood(row, text, fw_parse_rate(text, value));
    case OPTION_BYTES:
        return understood(row, text, fw_parse_bytes(text, value)) && in_range(row, text, *(uint64_t *)value);
    case OPTION_OWN: {
        const char *wrong = row->parse(text, values);
        if (wrong)
            say("--%s %s: %s", row->name, text, wrong);
        return !wrong;
    }
    case OPTION_END:
    case OPTION_GROUP:
        break;
    }
    return false;
}

/* What getopt_long() did not take: find out why, since it tells neither unknown from ambiguous nor what is near. */
static void say_unknown(const struct verb *verb, const char *word) {
    if (strncmp(word, "--", 2) != 0) {
        say("unknown option -%c; framewire %s --help lists all", optopt, verb->name);
        return;
    }
    size_t length = strcspn(word + 2, "=");
    const struct option_row *exact = row_called(verb->options, word + 2, length);
    if (exact) {
        say("--%s takes no value", exact->name);
        return;
    }
    char asked[64], candidates[256] = "";
    snprintf(asked, sizeof asked, "%.*s", (int)(length < sizeof asked ? length : sizeof asked - 1), word + 2);
    struct nearest nearest = { .asked = asked };
    size_t matches = 0, used = 0;
    for (const struct option_row *row = verb->options; row->kind != OPTION_END; row++) {
        if (row->kind == OPTION_GROUP)
            continue;
        nearest_offer(&nearest, row->name);
        if (length > 0 && strncmp(row->name, asked, length) == 0 && used < sizeof candidates)
            used += (size_t)snprintf(candidates + used, sizeof candidates - used, "%s--%s", matches++ ? ", " : "",
                                     row->name);
    }
    if (matches > 1)
        say("--%s could be %s", asked, candidates);
    else if (nearest.word)
        say("unknown option --%s; did you mean --%s? (framewire %s --help lists all)", asked, nearest.word, verb->name);
    else
        say("unknown option --%s; framewire %s --help lists all", asked, verb->name);
}

/* An option whose partner is missing would do nothing: better said than borne. */
static bool partners_are_there(const struct option_row *rows, const bool *given) {
    for (size_t i = 0; rows[i].kind != OPTION_END; i++) {
        if (!given[i] || !rows[i].needs)
            continue;
        const struct option_row *partner = row_called(rows, rows[i].needs, strlen(rows[i].needs));
        if (!given[partner - rows]) {
            say("--%s needs --%s as well: %s", rows[i].name, partner->name, partner->help);
            return false;
        }
    }
    return true;
}

enum parsed options_parse(const struct verb *verb, int argc, char **argv, void *values) {
    struct option longs[ROWS_MAX] = { 0 };
    char letters[2 * ROWS_MAX + 2] = ":";
    size_t used = 1, count = 0;
    for (size_t i = 0; verb->options[i].kind != OPTION_END; i++) {
        assert(i < ROWS_MAX - 1);
        const struct option_row *row = &verb->options[i];
        if (row->kind == OPTION_GROUP)
            continue;
        longs[count++] = (struct option){ row->name, option_takes_value(row) ? required_argument : no_argument, NULL,
                                          FIRST_LONG + (int)i };
        if (row->letter) {
            letters[used++] = row->letter;
            if (option_takes_value(row))
                letters[used++] = ':';
        }
    }
    bool given[ROWS_MAX] = { false };
    opterr = 0;
    optind = 1;
    for (;;) {
        int before = optind, got = getopt_long(argc, argv, letters, longs, NULL);
        if (got == -1)
            break;
        const char *word = argv[optind > before ? optind - 1 : optind];
        if (got == '?') {
            say_unknown(verb, word);
            return PARSED_WRONG;
        }
        int which = got == ':' ? optopt : got;
        const struct option_row *row = verb->options;
        if (which >= FIRST_LONG)
            row += which - FIRST_LONG;
        else
            while (row->letter != which)
                row++;
        if (got == ':') {
            say("--%s needs a value: %s", row->name, row->argument);
            return PARSED_WRONG;
        }
        if (strcmp(row->name, "help") == 0) {
            options_help(verb, stdout);
            return PARSED_HELP;
        }
        if (!take(row, optarg, values))
            return PARSED_WRONG;
        given[row - verb->options] = true;
    }
    return partners_are_there(verb->options, given) ? PARSED_GO : PARSED_WRONG;
}
