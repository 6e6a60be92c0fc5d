/* Manual pages in man(7), from the same tables as the help. */
#include <stdio.h>
#include <string.h>

#include <framewire/source.h>
#include <framewire/version.h>

#include "verb.h"

/* Text as roff takes it: backslashes and hyphens escaped, no line that starts with a control character. */
static void put(const char *text, size_t size) {
    bool line_start = true;
    for (size_t i = 0; i < size; i++) {
        char c = text[i];
        if (line_start && (c == '.' || c == '\''))
            fputs("\\&", stdout);
        if (c == '\\')
            fputs("\\e", stdout);
        else if (c == '-')
            fputs("\\-", stdout);
        else if (c == '\'')
            fputs("\\(aq", stdout);
        else
            putchar(c);
        line_start = c == '\n';
    }
}

static void put_text(const char *text) {
    put(text, strlen(text));
}

/* Newlines divide paragraphs. */
static void put_paragraphs(const char *text) {
    while (*text) {
        size_t length = strcspn(text, "\n");
        if (length > 0) {
            put(text, length);
            putchar('\n');
        }
        text += length;
        if (text[0] == '\n' && text[1] == '\n')
            puts(".PP");
        text += strspn(text, "\n");
    }
}

static void put_head(const char *page, const char *summary) {
    printf(".TH %s 1 \"\" \"Framewire %s\" \"Framewire\"\n.SH NAME\n", page, fw_version());
    put_text(page);
    fputs(" \\- ", stdout);
    put_text(summary);
    puts("\n.SH SYNOPSIS");
}

static void put_options(const struct option_row *rows) {
    puts(".SH OPTIONS");
    for (const struct option_row *row = rows; row->kind != OPTION_END; row++) {
        if (row->kind == OPTION_GROUP) {
            printf(".SS %s\n", row->name);
            continue;
        }
        puts(".TP");
        if (row->letter)
            printf("\\fB\\-%c\\fR, ", row->letter);
        fputs("\\fB\\-\\-", stdout);
        put_text(row->name);
        fputs("\\fR", stdout);
        if (option_takes_value(row)) {
            fputs(" \\fI", stdout);
            put_text(row->argument);
            fputs("\\fR", stdout);
        }
        putchar('\n');
        put_text(row->help);
        if (row->kind == OPTION_TEXTS)
            fputs("; may be repeated", stdout);
        if (row->needs) {
            fputs("; with \\fB\\-\\-", stdout);
            put_text(row->needs);
            fputs("\\fR", stdout);
        }
        putchar('.');
        if (row->initial) {
            fputs(" Default: ", stdout);
            put_text(row->initial);
            putchar('.');
        }
        putchar('\n');
    }
}

static void put_sources(void) {
    puts(".SH SOURCES");
    const fw_source_info *info;
    for (size_t i = 0; (info = fw_source_kind(i)); i++) {
        fputs(".SS ", stdout);
        put_text(info->usage);
        putchar('\n');
        put_text(info->help);
        puts(".");
        for (const fw_param *param = info->params; param && param->name; param++) {
            fputs(".TP\n\\fB", stdout);
            put_text(param->name);
            fputs("\\fR\n", stdout);
            put_text(param->help);
            putchar('.');
            if (param->initial && param->initial[0]) {
                fputs(" Default: ", stdout);
                put_text(param->initial);
                putchar('.');
            }
            putchar('\n');
        }
    }
}

static void put_exits(const char *exits) {
    puts(".SH EXIT STATUS");
    for (const char *line = exits; *line;) {
        size_t length = strcspn(line, "\n"), code = strcspn(line, "\t");
        printf(".TP\n.B %.*s\n", (int)code, line);
        put(line + code + 1, length - code - 1);
        puts(".");
        line += length + (line[length] == '\n');
    }
}

static void put_examples(const char *examples) {
    puts(".SH EXAMPLES\n.EX");
    put_text(examples);
    puts(".EE");
}

static void verb_page(const struct verb *verb) {
    char page[64];
    snprintf(page, sizeof page, "framewire-%s", verb->name);
    put_head(page, verb->summary);
    printf(".B framewire %s\n", verb->name);
    put_text(verb->operands);
    puts("\n[OPTION]...\n.SH DESCRIPTION");
    put_paragraphs(verb->about);
    put_options(verb->options);
    if (verb->sources)
        put_sources();
    put_exits(verb->exits);
    put_examples(verb->examples);
    puts(".SH SEE ALSO\n.BR framewire (1)");
}

static void main_page(void) {
    put_head("framewire", "images into NumPy workers, and their results back");
    puts(".B framewire\nVERB [ARGUMENT]...\n.SH DESCRIPTION\n"
         "Gets images out of files and cameras into NumPy workers, and their results back, over ZeroMQ.\n"
         "A verb that is not listed here is looked for as a program \\fBframewire\\-\\fIVERB\\fR on PATH.\n.SH VERBS");
    for (const struct verb *const *verb = verbs; *verb; verb++)
        printf(".TP\n.BR framewire\\-%s (1)\n%s\n", (*verb)->name, (*verb)->summary);
    for (const struct companion *companion = companions; companion->name; companion++)
        printf(".TP\n.BR framewire\\-%s (1)\n%s\n", companion->name, companion->summary);
    put_options(common_options);
}

bool print_man(const char *name) {
    if (strcmp(name, "framewire") == 0) {
        main_page();
        return true;
    }
    for (const struct verb *const *verb = verbs; *verb; verb++)
        if (strcmp((*verb)->name, name) == 0) {
            verb_page(*verb);
            return true;
        }
    return false;
}
