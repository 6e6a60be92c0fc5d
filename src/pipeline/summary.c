/* The final account as JSON. */
#include <framewire/pipeline.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/status.h"
#include "base/text.h"
#include "delivery/sender.h"

static void put(fw_text *text, const char *name, uint64_t value) {
    fw_text_format(text, ",\"%s\":%" PRIu64, name, value);
}

fw_status fw_pipeline_summary_json(fw_pipeline *self, char *out, size_t room) {
    fw_summary summary;
    fw_pipeline_summary(self, &summary);
    const fw_counts *counts = &summary.counts;
    fw_sender *sender = fw_pipeline_sender(self);
    fw_text text = { 0 };
    fw_text_format(&text, "{\"stream\":");
    fw_text_json(&text, sender->options.stream, strlen(sender->options.stream));
    fw_text_format(&text, ",\"epoch\":\"%016" PRIx64 "\"", sender->epoch);
    put(&text, "captured", counts->captured);
    if (counts->leases) {
        put(&text, "done", counts->done);
        put(&text, "dead", counts->dead);
    } else {
        put(&text, "sent", counts->sent);
    }
    put(&text, "dropped", counts->dropped);
    put(&text, "in_flight", counts->in_flight);
    put(&text, "skipped", summary.skipped);
    put(&text, "bad", summary.bad);
    put(&text, "missed", summary.missed);
    if (counts->leases) {
        put(&text, "redelivered", counts->redelivered);
        put(&text, "workers", counts->workers);
        put(&text, "shared", counts->shared);
        put(&text, "copied", counts->copied);
    }
    if (sender->collect != NULL) {
        put(&text, "results", counts->results);
        put(&text, "lost", counts->lost);
    }
    if (counts->leases || sender->collect != NULL) {
        put(&text, "errors", counts->errors);
        put(&text, "duplicates", counts->duplicates);
        put(&text, "unknown", counts->unknown);
        put(&text, "nulls", counts->nulls);
        put(&text, "arrays_not_kept", counts->arrays_not_kept);
    }
    put(&text, "bytes", counts->bytes);
    fw_text_format(&text, ",\"seconds\":%.3f,\"fps\":%.2f,\"outputs\":[", summary.seconds,
                   summary.seconds > 0 ? (double)(counts->leases ? counts->done : counts->sent) / summary.seconds
                                       : 0.0);
    fw_side_counts sides[FW_OUTPUTS_MAX];
    size_t side_count = fw_sender_sides(sender, sides, FW_OUTPUTS_MAX);
    for (size_t i = 0; i < side_count; i++) {
        fw_text_format(&text, "%s{\"url\":", i > 0 ? "," : "");
        fw_text_json(&text, sides[i].url, strlen(sides[i].url));
        fw_text_format(&text, ",\"sent\":%" PRIu64 ",\"dropped\":%" PRIu64 "}", sides[i].sent, sides[i].dropped);
    }
    fw_text_format(&text, "]}\n");
    fw_status status = text.failed ? fw_fail(FW_NO_MEMORY, "no memory for the summary") : FW_OK;
    if (status == FW_OK && text.size + 1 > room)
        status = fw_fail(FW_TOO_LARGE, "the summary takes %zu bytes", text.size + 1);
    if (status == FW_OK)
        memcpy(out, text.data, text.size + 1);
    free(text.data);
    return status;
}
