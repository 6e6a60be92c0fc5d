/* The verbs of the command, and what each says of itself: help, man page and completion are made from it. */
#ifndef FRAMEWIRE_CMD_VERB_H
#define FRAMEWIRE_CMD_VERB_H

#include "options.h"

enum exit_code {
    EXIT_DONE = 0,
    EXIT_BROKE = 1,   /* could not run, or broke */
    EXIT_USAGE = 2,   /* asked for what makes no sense */
    EXIT_PARTIAL = 3, /* finished, but some inputs were bad, or some frames are lost or in flight */
};

/* What an operand may be, for completion. */
enum completes { COMPLETE_FILES = 1, COMPLETE_FOLDERS = 2, COMPLETE_SCHEMES = 4 };

struct verb {
    const char *name;
    const char *operands; /* "SOURCE..." as the usage line shows them; "": none */
    const char *summary;  /* one line, lower case, no full stop */
    const char *about;    /* paragraphs, divided by newlines */
    const char *examples; /* lines of shell, each with what it does after " # " */
    const char *exits;    /* what each exit code means: "0\tall done\n..." */
    int completes;
    bool sources; /* its man page explains the kinds of source */
    const struct option_row *options;
    int (*run)(const struct verb *self, int argc, char **argv);
};

extern const struct verb verb_send, verb_receive, verb_sources, verb_keygen;
extern const struct verb *const verbs[]; /* NULL-terminated; main.c */

/* Verbs that are programs of their own, framewire-NAME: the Python package brings these. */
struct companion {
    const char *name, *summary;
};

extern const struct companion companions[];      /* the last has no name */
extern const struct option_row common_options[]; /* that stand before a verb */

/* Print the bash completion, or the man page of a verb ("framewire": of the whole), to stdout. false: no verb of ours. */
void print_completion(void);
bool print_man(const char *name);

#endif
