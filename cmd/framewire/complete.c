/* Completion for bash, from the same tables as the help. It needs no other shell package. */
#include <stdio.h>
#include <string.h>

#include <framewire/source.h>

#include "verb.h"

static void put_options(const struct option_row *rows) {
    for (const struct option_row *row = rows; row->kind != OPTION_END; row++)
        if (row->kind != OPTION_GROUP)
            printf(" --%s", row->name);
}

/* What may follow an option that takes a value: words of ours, or names of files. */
static void put_values(const struct option_row *rows) {
    for (const struct option_row *row = rows; row->kind != OPTION_END; row++) {
        if (row->kind == OPTION_GROUP || !option_takes_value(row))
            continue;
        if (row->letter)
            printf("        -%c|", row->letter);
        else
            printf("        ");
        printf("--%s) words='%s'; ", row->name, row->words ? row->words : "");
        bool file = strncmp(row->argument, "FILE", 4) == 0, folder = strcmp(row->argument, "DIR") == 0;
        printf("values=%s ;;\n", file ? "files" : folder ? "folders" : "words");
    }
}

static void put_schemes(const char *after) {
    const fw_source_info *info;
    for (size_t i = 0; (info = fw_source_kind(i)); i++)
        printf(" %s%s", info->scheme, after);
}

static void put_verb(const struct verb *verb) {
    printf("    %s)\n        options='", verb->name);
    put_options(verb->options);
    fputs("'\n        words='", stdout);
    if (verb->completes & COMPLETE_SCHEMES)
        put_schemes(verb->completes & COMPLETE_FILES ? ":" : "");
    printf("' values=%s\n        case $previous in\n", verb->completes & COMPLETE_FILES     ? "files"
                                                       : verb->completes & COMPLETE_FOLDERS ? "folders"
                                                                                            : "words");
    put_values(verb->options);
    puts("        esac ;;");
}

void print_completion(void) {
    puts("# bash completion for framewire; made by framewire --completion bash\n"
         "_framewire() {\n"
         "    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
         "    local verb='' options='' words='' values=files\n"
         "    # bash cuts words at = and : (COMP_WORDBREAKS); --option=value is three words\n"
         "    if [[ $word == = ]]; then word=''; elif [[ $previous == = ]]; then previous=${COMP_WORDS[COMP_CWORD-2]}; "
         "fi\n"
         "    ((COMP_CWORD > 1)) && verb=${COMP_WORDS[1]}\n"
         "    case $verb in\n"
         "    '')\n"
         "        values=words");
    fputs("        options='", stdout);
    put_options(common_options);
    fputs("'\n        words='", stdout);
    for (const struct verb *const *verb = verbs; *verb; verb++)
        printf("%s ", (*verb)->name);
    puts("'\n        words+=\" $(compgen -c framewire- | sed s/^framewire-//)\" ;;");
    for (const struct verb *const *verb = verbs; *verb; verb++)
        put_verb(*verb);
    puts("    --completion) words=bash values=words ;;");
    fputs("    --man) values=words words='framewire", stdout);
    for (const struct verb *const *verb = verbs; *verb; verb++)
        printf(" %s", (*verb)->name);
    for (const struct companion *companion = companions; companion->name; companion++)
        printf(" %s", companion->name);
    puts("' ;;\n"
         "    *) [[ $word == -* ]] && options=$(\"framewire-$verb\" --help 2>/dev/null |\n"
         "        grep -oE '^ +(-[a-z], )?--[a-z-]+' | grep -oE -e '--.*') ;;\n"
         "    esac\n"
         "    [[ $word == -* ]] && words=$options values=words\n"
         "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
         "    local IFS=$'\\n'\n"
         "    case $values in\n"
         "    files) COMPREPLY+=($(compgen -f -- \"$word\")); compopt -o filenames 2>/dev/null ;;\n"
         "    folders) COMPREPLY+=($(compgen -d -- \"$word\")); compopt -o filenames 2>/dev/null ;;\n"
         "    esac\n"
         "    case ${COMPREPLY[*]-} in *: | *://) compopt -o nospace 2>/dev/null ;; esac\n"
         "    return 0\n"
         "}\n"
         "complete -F _framewire framewire");
}
