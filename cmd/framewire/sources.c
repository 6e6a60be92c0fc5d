/* framewire sources: what can be sent, from the library's own tables. */
#include <stdio.h>
#include <string.h>

#include <framewire/source.h>

#include <getopt.h>

#include "nearest.h"
#include "say.h"
#include "verb.h"

static const struct option_row options[] = {
    { "Options", OPTION_GROUP },
    OPTIONS_HELP,
    { 0 },
};

static const char *const kind_text[] = {
    [FW_PARAM_TEXT] = "TEXT", [FW_PARAM_COUNT] = "N",   [FW_PARAM_SIZE] = "WxH",
    [FW_PARAM_RATE] = "RATE", [FW_PARAM_TIME] = "TIME", [FW_PARAM_PIXELS] = "FORMAT",
};

static void print(const fw_source_info *info) {
    printf("%s%s\n    ", info->usage, info->live ? "  (live: does not wait for its readers)" : "");
    wrap(stdout, info->help, 4, 4);
    for (const fw_param *param = info->params; param && param->name; param++) {
        char head[64];
        snprintf(head, sizeof head, "%s=%s", param->name, kind_text[param->kind]);
        int column = printf("      %-18s ", head);
        char text[512];
        bool has_default = param->initial && param->initial[0];
        snprintf(text, sizeof text, "%s%s%s%s", param->help, has_default ? " [" : "", has_default ? param->initial : "",
                 has_default ? "]" : "");
        wrap(stdout, text, 25, column);
    }
}

static int run(const struct verb *self, int argc, char **argv) {
    enum parsed parsed = options_parse(self, argc, argv, NULL);
    if (parsed != PARSED_GO)
        return parsed == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    if (argc - optind > 1) {
        say("sources takes one kind of source at most, or none for all");
        return EXIT_USAGE;
    }
    char asked[64];
    snprintf(asked, sizeof asked, "%s", optind < argc ? argv[optind] : "");
    asked[strcspn(asked, ":")] = '\0';
    struct nearest nearest = { .asked = asked };
    bool found = false;
    const fw_source_info *info;
    for (size_t i = 0; (info = fw_source_kind(i)); i++) {
        if (asked[0] && strcmp(asked, info->scheme) != 0) {
            nearest_offer(&nearest, info->scheme);
            continue;
        }
        if (found)
            putchar('\n');
        print(info);
        found = true;
    }
    if (found)
        return EXIT_DONE;
    if (nearest.word)
        say("no source %s; did you mean %s? (framewire sources lists all)", asked, nearest.word);
    else
        say("no source %s; framewire sources lists all", asked);
    return EXIT_USAGE;
}

const struct verb verb_sources = {
    .name = "sources",
    .operands = "[SCHEME]",
    .summary = "list the kinds of source, with their parameters",
    .about = "Lists the kinds of source that framewire send takes, with their parameters: "
             "SCHEME:...?name=value&name=value. The default of a parameter stands in brackets.",
    .examples = "framewire sources         # all\nframewire sources test    # one\n",
    .exits = "0\tlisted\n2\tusage, or an unknown kind\n",
    .completes = COMPLETE_SCHEMES,
    .options = options,
    .run = run,
};
