/* framewire keygen: make a CURVE key pair. */
#include <stdio.h>

#include <framewire/keys.h>

#include <getopt.h>

#include "say.h"
#include "verb.h"

static const struct option_row options[] = {
    { "Options", OPTION_GROUP },
    OPTIONS_HELP,
    { 0 },
};

static int run(const struct verb *self, int argc, char **argv) {
    enum parsed parsed = options_parse(self, argc, argv, NULL);
    if (parsed != PARSED_GO)
        return parsed == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    if (argc - optind != 1) {
        say("keygen needs one folder to put the keys in, like framewire keygen keys");
        return EXIT_USAGE;
    }
    const char *folder = argv[optind];
    char public_key[41];
    if (fw_keys_make(folder, public_key) != FW_OK) {
        say("%s", fw_cause());
        return EXIT_BROKE;
    }
    say("made %s/framewire.key (public: give it to the other side) and %s/framewire.key_secret (keep it to yourself)",
        folder, folder);
    puts(public_key);
    return EXIT_DONE;
}

const struct verb verb_keygen = {
    .name = "keygen",
    .operands = "DIR",
    .summary = "make a CURVE key pair",
    .about = "Makes a CURVE key pair in a folder, for --keys: framewire.key is public, framewire.key_secret is not. "
             "The public key is printed, for the other side's list of allowed keys. Nothing is ever overwritten.",
    .examples = "framewire keygen keys                   # make keys/framewire.key and its secret\n"
                "framewire keygen keys >> allowed.txt    # and let its owner in\n",
    .exits = "0\tthe pair is made\n1\tit could not be made, or is there already\n2\tusage\n",
    .completes = COMPLETE_FOLDERS,
    .options = options,
    .run = run,
};
