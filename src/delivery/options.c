#include "delivery/options.h"

#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/text.h"
#include "net/door_group.h"

#define DEFAULT_MEMORY   ((size_t)1 << 30)
#define DEFAULT_QUEUE    4
#define DEFAULT_DRAIN    (5 * FW_SECOND)
#define DEFAULT_DEADLINE (30 * FW_SECOND)
#define DEFAULT_ATTEMPTS 3
#define DEFAULT_SYNC     (1 * FW_SECOND)

static const char *copy(const char *text, bool *failed) {
    if (text == NULL)
        return NULL;
    char *own = strdup(text);
    *failed |= own == NULL;
    return own;
}

static const char *const *copy_list(const char *const *list, bool *failed) {
    if (list == NULL)
        return NULL;
    size_t count = 0;
    while (list[count] != NULL)
        count++;
    const char **own = calloc(count + 1, sizeof *own);
    *failed |= own == NULL;
    for (size_t i = 0; own != NULL && i < count; i++)
        own[i] = copy(list[i], failed);
    return own;
}

static fw_status check(const fw_sender_options *options) {
    if (!fw_stream_name_valid(options->stream, strlen(options->stream)))
        return fw_fail(FW_INVALID, "--stream %s: a stream's name is 1 to 128 bytes of UTF-8 without control characters",
                       options->stream);
    if (options->resume && (options->results == NULL || strcmp(options->results, "-") == 0))
        return fw_fail(FW_INVALID, "--resume needs --results FILE, where the earlier results are");
    gid_t group;
    if (options->door_group != NULL && fw_door_group_find(options->door_group, &group) != FW_OK)
        return FW_INVALID;
    if (options->allow != NULL && options->keys == NULL)
        return fw_fail(FW_INVALID, "--allow needs --keys DIR, the own key pair (framewire keygen DIR makes one)");
    return FW_OK;
}

fw_status fw_options_copy(const fw_sender_options *options, fw_sender_options *own) {
    bool failed = false;
    *own = *options;
    own->url = copy(options->url != NULL ? options->url : "tcp://127.0.0.1:5555", &failed);
    own->stream = copy(options->stream != NULL ? options->stream : "frames", &failed);
    own->side_urls = copy_list(options->side_urls, &failed);
    own->collect = copy(options->collect, &failed);
    own->results = copy(options->results, &failed);
    own->dead_letter = copy(options->dead_letter, &failed);
    own->result_arrays = copy(options->result_arrays, &failed);
    own->keys = copy(options->keys, &failed);
    own->allow = copy(options->allow, &failed);
    own->metrics = copy(options->metrics, &failed);
    own->ready_file = copy(options->ready_file, &failed);
    own->door = copy(options->door, &failed);
    own->door_group = copy(options->door_group, &failed);
    if (failed)
        return fw_fail(FW_NO_MEMORY, "no memory for a sender's options");
    own->memory = options->memory > 0 ? options->memory : DEFAULT_MEMORY;
    own->queue = options->queue > 0 ? options->queue : DEFAULT_QUEUE;
    own->drain = options->drain > 0 ? options->drain : DEFAULT_DRAIN;
    own->deadline = options->deadline > 0 ? options->deadline : DEFAULT_DEADLINE;
    own->attempts = options->attempts > 0 ? options->attempts : DEFAULT_ATTEMPTS;
    own->sync = options->sync > 0 ? options->sync : DEFAULT_SYNC;
    own->timeout = options->timeout > 0 ? options->timeout : FW_FOREVER;
    return check(own);
}

void fw_options_free(fw_sender_options *own) {
    const char *const *side = own->side_urls;
    for (size_t i = 0; side != NULL && side[i] != NULL; i++)
        free((char *)side[i]);
    free((void *)own->side_urls);
    const char *texts[] = {
        own->url,  own->stream, own->collect, own->results,    own->result_arrays, own->dead_letter,
        own->keys, own->allow,  own->metrics, own->ready_file, own->door,          own->door_group
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free((char *)texts[i]);
    *own = (fw_sender_options){ 0 };
}
