/* framewire: the command. Each verb has a file; other verbs are programs of their own, framewire-VERB. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <framewire/version.h>

#include "nearest.h"
#include "say.h"
#include "verb.h"

const struct verb *const verbs[] = { &verb_send, &verb_receive, &verb_sources, &verb_keygen, NULL };

const struct companion companions[] = {
    { "work", "run Python workers on the frames of a sender (from the Python package)" },
    { 0 },
};

const struct option_row common_options[] = {
    OPTIONS_HELP,
    { "version", OPTION_FLAG, 'V', .help = "show the version, and those of the libraries in use" },
    { "completion", OPTION_TEXT, 0, "bash", .help = "print a completion script for the shell", .words = "bash" },
    { "man", OPTION_TEXT, 0, "VERB", .help = "print the manual page of a verb, or of framewire, in man(7) format" },
    { 0 },
};

static void help(FILE *out) {
    fputs("Usage: framewire VERB [ARGUMENT]...\n\n", out);
    wrap(out, "Gets images out of files and cameras into NumPy workers, and their results back.", 0, 0);
    fputs("\nVerbs:\n", out);
    for (const struct verb *const *verb = verbs; *verb; verb++)
        fprintf(out, "  %-10s %s\n", (*verb)->name, (*verb)->summary);
    for (const struct companion *companion = companions; companion->name; companion++)
        fprintf(out, "  %-10s %s\n", companion->name, companion->summary);
    fputs("  NAME       any other program called framewire-NAME on PATH\n", out);
    fputs("\nOptions:\n", out);
    options_list(common_options, out);
    fputs("\nframewire VERB --help explains a verb. A first run:\n"
          "  framewire send photos/ --to tcp://127.0.0.1:5555 --results results.jsonl\n"
          "  framewire work worker.py --from tcp://127.0.0.1:5555\n",
          out);
}

/* No program framewire-NAME was found: say why, and what may have been meant. */
static int say_no_verb(const char *name) {
    struct nearest nearest = { .asked = name };
    for (const struct verb *const *verb = verbs; *verb; verb++)
        nearest_offer(&nearest, (*verb)->name);
    for (const struct companion *companion = companions; companion->name; companion++) {
        if (strcmp(companion->name, name) == 0) {
            say("framewire %s is part of the Python package, and no framewire-%s is on PATH: install that package, "
                "or put the folder that it is in on PATH",
                name, name);
            return EXIT_BROKE;
        }
        nearest_offer(&nearest, companion->name);
    }
    if (nearest.word)
        say("no verb %s; did you mean %s? (framewire --help lists all)", name, nearest.word);
    else
        say("no verb %s, and no program framewire-%s on PATH; framewire --help lists all verbs", name, name);
    return EXIT_USAGE;
}

static int run_program(char **argv) {
    char program[128];
    if (argv[0][0] == '\0' || strchr(argv[0], '/') || strlen(argv[0]) > 100)
        return say_no_verb(argv[0]);
    snprintf(program, sizeof program, "framewire-%s", argv[0]);
    char *name = argv[0];
    argv[0] = program;
    execvp(program, argv);
    if (errno == ENOENT)
        return say_no_verb(name);
    say("%s is on PATH, but does not start: %s", program, strerror(errno));
    return EXIT_BROKE;
}

static int common_option(const char *word, char *value) {
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        help(stdout);
        return EXIT_DONE;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        printf("framewire %s\n%s\n", fw_version(), fw_versions());
        return EXIT_DONE;
    }
    if (strcmp(word, "--completion") == 0) {
        if (!value || strcmp(value, "bash") != 0) {
            say("--completion%s%s: bash is the shell it is made for", value ? " " : "", value ? value : "");
            return EXIT_USAGE;
        }
        print_completion();
        return EXIT_DONE;
    }
    if (strcmp(word, "--man") == 0) {
        char its_own[] = "--man";
        return print_man(value ? value : "framewire") ? EXIT_DONE : run_program((char *[]){ value, its_own, NULL });
    }
    struct nearest nearest = { .asked = word + strspn(word, "-") };
    for (const struct option_row *row = common_options; row->kind != OPTION_END; row++)
        nearest_offer(&nearest, row->name);
    if (nearest.word)
        say("unknown option %s; did you mean --%s?", word, nearest.word);
    else
        say("unknown option %s; options of a verb stand after it: framewire VERB %s", word, word);
    return EXIT_USAGE;
}

/* Output that could not be written (a full disk, a closed pipe) must not look like success. */
static int flushed(int code) {
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    say("standard output: %s", errno ? strerror(errno) : "could not be written");
    return code == EXIT_DONE ? EXIT_BROKE : code;
}

/* Where a standard stream was closed, the next file that is opened would take its place, and what is said end up in it. */
static void keep_places(void) {
    int fd;
    do
        fd = open("/", O_PATH | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    close(fd);
}

int main(int argc, char **argv) {
    keep_places();
    if (argc < 2) {
        help(stderr);
        return EXIT_USAGE;
    }
    const char *word = argv[1];
    if (word[0] == '-')
        return flushed(common_option(word, argv[2]));
    for (const struct verb *const *verb = verbs; *verb; verb++)
        if (strcmp((*verb)->name, word) == 0)
            return flushed((*verb)->run(*verb, argc - 1, argv + 1));
    return run_program(argv + 1);
}
