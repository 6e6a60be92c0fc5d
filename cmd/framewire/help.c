/* Help texts, from the tables. */
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "verb.h"

#define WIDTH       80
#define HELP_COLUMN 26

void wrap(FILE *out, const char *text, int indent, int column) {
    while (*text) {
        size_t length = strcspn(text, " \n");
        if (column > indent && column + 1 + (int)length > WIDTH) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', out);
            column++;
        }
        fwrite(text, 1, length, out);
        column += (int)length;
        text += length;
        if (*text == '\n') {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        }
        if (*text)
            text++;
    }
    fputc('\n', out);
}

void options_list(const struct option_row *rows, FILE *out) {
    for (const struct option_row *row = rows; row->kind != OPTION_END; row++) {
        if (row->kind == OPTION_GROUP) {
            fprintf(out, "\n%s:\n", row->name);
            continue;
        }
        int column =
            row->letter ? fprintf(out, "  -%c, --%s", row->letter, row->name) : fprintf(out, "      --%s", row->name);
        if (option_takes_value(row))
            column += fprintf(out, " %s", row->argument);
        if (column > HELP_COLUMN - 2)
            column = fprintf(out, "\n") - 1;
        fprintf(out, "%*s", HELP_COLUMN - column, "");
        char text[1024];
        size_t used = (size_t)snprintf(text, sizeof text, "%s", row->help);
        if (row->kind == OPTION_TEXTS)
            used += (size_t)snprintf(text + used, sizeof text - used, "; may be repeated");
        if (row->needs)
            used += (size_t)snprintf(text + used, sizeof text - used, "; with --%s", row->needs);
        if (row->initial)
            snprintf(text + used, sizeof text - used, " [%s]", row->initial);
        wrap(out, text, HELP_COLUMN, HELP_COLUMN);
    }
}

void options_help(const struct verb *verb, FILE *out) {
    fprintf(out, "Usage: framewire %s%s%s [OPTION]...\n\n", verb->name, verb->operands[0] ? " " : "", verb->operands);
    wrap(out, verb->about, 0, 0);
    options_list(verb->options, out);
    fputs("\nExamples:\n", out);
    for (const char *line = verb->examples; *line;) {
        size_t length = strcspn(line, "\n");
        fprintf(out, "  %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
}
