/* Which outputs a sender has: one working output, leased (at one or several addresses) or push+, and pub+ beside it. */
#include "delivery/sender.h"

#include "base/status.h"

/* A URL as it was typed, and what it says. */
typedef struct typed {
    const char *text;
    fw_url url;
} typed;

static fw_status parse_urls(const fw_sender_options *options, typed urls[FW_OUTPUTS_MAX], size_t *count_p) {
    const char *const *side = options->side_urls;
    *count_p = 0;
    for (const char *text = options->url; text != NULL; text = side != NULL ? *side++ : NULL) {
        if (*count_p == FW_OUTPUTS_MAX)
            return fw_fail(FW_INVALID, "%s: a sender has at most %d outputs", text, FW_OUTPUTS_MAX);
        typed *one = &urls[(*count_p)++];
        one->text = text;
        fw_status status = fw_url_parse(text, &one->url);
        if (status != FW_OK)
            return status;
    }
    return FW_OK;
}

fw_status fw_sender_open_outputs(fw_sender *self) {
    typed all[FW_OUTPUTS_MAX];
    fw_url leased[FW_OUTPUTS_MAX];
    size_t count, leased_count = 0;
    const typed *push = NULL;
    fw_output *output = NULL;
    fw_status status = parse_urls(&self->options, all, &count);
    if (status != FW_OK)
        return status;
    for (size_t i = 0; i < count; i++) {
        if (all[i].url.pattern == FW_LEASED && all[i].url.side == FW_CONNECT)
            return fw_fail(FW_INVALID,
                           "%s: a sender of a leased stream listens, and its receivers connect; leave ?connect out",
                           all[i].text);
        if (all[i].url.pattern == FW_LEASED)
            leased[leased_count++] = all[i].url;
        if (all[i].url.pattern != FW_PUB && (push != NULL || (all[i].url.pattern == FW_PUSH && leased_count > 0)))
            return fw_fail(FW_INVALID, "%s: a sender has one working output; say pub+ for the others", all[i].text);
        if (all[i].url.pattern == FW_PUSH)
            push = &all[i];
    }
    if (self->options.collect != NULL && push == NULL)
        return fw_fail(FW_INVALID, "--collect goes with push+: %s",
                       leased_count > 0 ? "leased results come back by themselves"
                                        : "subscribers of pub+ do not answer");
    bool wants_results = self->options.results != NULL || self->options.result_arrays != NULL;
    if (wants_results && leased_count == 0 && self->options.collect == NULL)
        return fw_fail(FW_INVALID, "--results: nobody answers; say --collect URL beside push+, or a leased URL");
    if (leased_count > 0)
        status = fw_lease_open(self, leased, leased_count, &output);
    else if (push != NULL)
        status = fw_plain_open(self, &push->url, true, &output);
    if (status == FW_OK && output != NULL)
        self->outputs[self->output_count++] = output;
    for (size_t i = 0; status == FW_OK && i < count; i++) {
        if (all[i].url.pattern != FW_PUB)
            continue;
        status = fw_plain_open(self, &all[i].url, self->output_count == 0, &output);
        if (status == FW_OK)
            self->outputs[self->output_count++] = output;
    }
    return status;
}
