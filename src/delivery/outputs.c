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

static fw_status open_one(fw_sender *self, const typed *one) {
    size_t place = self->output_count;
    if (one->url.pattern == FW_LEASED)
        return fw_fail(FW_UNSUPPORTED,
                       "%s: leased delivery is not in this version; say push+%s (each frame to one worker) "
                       "or pub+%s (to every subscriber)",
                       one->text, one->text, one->text);
    fw_status status = fw_plain_open(self, &one->url, place == 0, &self->outputs[place]);
    self->output_count += status == FW_OK;
    return status;
}

fw_status fw_sender_open_outputs(fw_sender *self) {
    typed urls[FW_OUTPUTS_MAX];
    size_t count;
    fw_status status = parse_urls(&self->options, urls, &count);
    if (status != FW_OK)
        return status;
    size_t working = count;
    for (size_t i = 0; i < count; i++) {
        if (urls[i].url.pattern == FW_PUB)
            continue;
        if (working != count)
            return fw_fail(FW_INVALID, "%s: a sender has one working output; say pub+ for the others", urls[i].text);
        working = i;
    }
    if (self->options.collect != NULL && (working == count || urls[working].url.pattern != FW_PUSH))
        return fw_fail(FW_INVALID, "--collect goes with push+: subscribers of pub+ do not answer");
    if (working != count)
        status = open_one(self, &urls[working]);
    for (size_t i = 0; status == FW_OK && i < count; i++)
        if (i != working)
            status = open_one(self, &urls[i]);
    return status;
}
