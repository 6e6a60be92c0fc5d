/* One table of options a verb: parsing, help, man page and completion all come from it, so that they cannot drift. */
#ifndef FRAMEWIRE_CMD_OPTIONS_H
#define FRAMEWIRE_CMD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct verb;

enum option_kind {
    OPTION_END = 0, /* the table's last row */
    OPTION_GROUP,   /* a heading: its name */
    OPTION_FLAG,    /* bool */
    OPTION_TEXT,    /* const char *, never empty */
    OPTION_TEXTS,   /* struct texts: may be repeated */
    OPTION_CHOICE,  /* int: which of the words in `argument`, divided by '|' */
    OPTION_COUNT,   /* uint64_t */
    OPTION_TIME,    /* fw_time */
    OPTION_RATE,    /* double */
    OPTION_BYTES,   /* uint64_t */
    OPTION_OWN,     /* what `parse` makes of it */
};

struct option_row {
    const char *name;
    enum option_kind kind;
    char letter;          /* of the short form; 0: none */
    const char *argument; /* as the help shows it: "FILE|-" */
    const char *initial;  /* the default, for people; NULL: none */
    const char *help;
    size_t offset;        /* of the value in the struct that options_parse() fills */
    uint64_t least, most; /* of a count, a time (ns) or a size; most 0: no limit */
    const char *needs;    /* an option without which this one has no effect, and is refused */
    const char *words;    /* what completion offers, divided by blanks */
    /* Of OPTION_OWN: NULL, or what a good value looks like. */
    const char *(*parse)(const char *text, void *values);
};

struct texts {
    const char **items; /* malloc'ed, NULL-terminated */
    size_t count;
};

/* Rows that every verb ends with. */
#define OPTIONS_HELP \
    { "help", OPTION_FLAG, 'h', .help = "show this help" }

/* What the command line came to. */
enum parsed {
    PARSED_GO,   /* values are filled in; optind is at the first operand */
    PARSED_HELP, /* help was asked for, and is printed */
    PARSED_WRONG /* one sentence was said */
};

enum parsed options_parse(const struct verb *verb, int argc, char **argv, void *values);

/* The help of a verb: usage, about, options in their groups, examples. */
void options_help(const struct verb *verb, FILE *out);

/* The options alone, as lines of help. */
void options_list(const struct option_row *rows, FILE *out);

bool option_takes_value(const struct option_row *row);

/* Write text wrapped at the width of help: the first line goes on at column, the others start at indent. */
void wrap(FILE *out, const char *text, int indent, int column);

#endif
