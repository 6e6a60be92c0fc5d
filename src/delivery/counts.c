/* The account as others read it: a snapshot, /metrics and /health. */
#include "delivery/sender.h"

#include <inttypes.h>
#include <string.h>

void fw_sender_count(fw_sender *self, fw_counts *counts) {
    size_t slots;
    *counts = self->counts;
    const fw_output *first = self->outputs[0];
    counts->waiting = self->queued;
    first->kind->count(first, counts);
    counts->peers = first->kind->takers(first);
    if (self->collect != NULL) {
        pthread_mutex_lock(&self->collect->lock);
        counts->results = self->collect->results;
        counts->errors = self->collect->errors;
        counts->duplicates = self->collect->duplicates;
        counts->unknown = self->collect->unknown;
        counts->lost = counts->sent - counts->results;
        counts->nulls = self->collect->nulls;
        counts->arrays_not_kept = self->collect->arrays_not_kept;
        pthread_mutex_unlock(&self->collect->lock);
    } else {
        counts->nulls = fw_results_nulls(self->results);
        counts->arrays_not_kept = fw_results_arrays_not_kept(self->results);
    }
    counts->memory = self->options.memory;
    counts->memory_used = fw_pool_used(self->pool, &slots);
}

void fw_sender_counts(fw_sender *self, fw_counts *counts) {
    pthread_mutex_lock(&self->lock);
    fw_sender_count(self, counts);
    pthread_mutex_unlock(&self->lock);
}

size_t fw_sender_sides(fw_sender *self, fw_side_counts *sides, size_t room) {
    pthread_mutex_lock(&self->lock);
    for (size_t i = 1; i < self->output_count && i <= room; i++) {
        const fw_output *output = self->outputs[i];
        sides[i - 1] = (fw_side_counts){
            .url = output->url,
            .sent = output->sent,
            .dropped = output->dropped,
            .peers = output->kind->takers(output),
        };
    }
    pthread_mutex_unlock(&self->lock);
    return self->output_count - 1;
}

static void metric(fw_text *text, const char *name, const char *type, const char *help, uint64_t value) {
    fw_text_format(text, "# HELP framewire_%s %s\n# TYPE framewire_%s %s\nframewire_%s %" PRIu64 "\n", name, help, name,
                   type, name, value);
}

/* A label's value is escaped as JSON's texts are: the path of an ipc URL may hold quotes. */
static void add_side(fw_text *text, const char *url, const char *result, uint64_t value) {
    fw_text_format(text, "framewire_side_frames_total{output=");
    fw_text_json(text, url, strlen(url));
    fw_text_format(text, ",result=\"%s\"} %" PRIu64 "\n", result, value);
}

/* Prometheus' text exposition format, version 0.0.4. */
void fw_sender_metrics(void *arg, fw_text *text) {
    fw_sender *self = arg;
    fw_counts counts;
    fw_sender_counts(self, &counts);
    metric(text, "frames_captured_total", "counter", "Frames that the source gave.", counts.captured);
    if (counts.leases) {
        metric(text, "frames_done_total", "counter", "Frames that a worker answered.", counts.done);
        metric(text, "frames_dead_total", "counter", "Frames that no worker could answer.", counts.dead);
        metric(text, "frames_leased", "gauge", "Frames with a worker.", counts.leased);
        metric(text, "frames_quarantined", "gauge", "Frames whose memory is kept for workers past their deadline.",
               counts.quarantined);
        metric(text, "frames_redelivered_total", "counter", "Leases of frames that had one before.",
               counts.redelivered);
        metric(text, "leases_shared_total", "counter", "Leases whose frame is read in shared memory.", counts.shared);
        metric(text, "leases_copied_total", "counter", "Leases whose frame its reader copies from shared memory.",
               counts.copied);
        metric(text, "results_error_total", "counter", "Results whose handler raised.", counts.errors);
        metric(text, "results_duplicate_total", "counter", "Results for a frame that had one.", counts.duplicates);
        metric(text, "messages_refused_total", "counter", "Messages that were refused, and changed nothing.",
               counts.unknown);
    } else {
        metric(text, "frames_sent_total", "counter", "Frames handed to the first output.", counts.sent);
    }
    metric(text, "frames_dropped_total", "counter", "Frames dropped because nobody could take them.", counts.dropped);
    metric(text, "frames_in_flight", "gauge", "Frames captured, whose fate is open.", counts.in_flight);
    metric(text, "payload_bytes_total", "counter", "Bytes of payloads handed to the first output.", counts.bytes);
    metric(text, "receivers", "gauge", "Receivers connected to the first output.", counts.peers);
    metric(text, "memory_bytes", "gauge", "The budget for frames.", counts.memory);
    metric(text, "memory_used_bytes", "gauge", "What frames take of the budget.", counts.memory_used);
    if (self->collect != NULL) {
        metric(text, "results_total", "counter", "Results that came back.", counts.results);
        metric(text, "results_error_total", "counter", "Results whose handler raised.", counts.errors);
        metric(text, "results_outstanding", "gauge", "Frames sent whose result is not back.", counts.lost);
        metric(text, "results_duplicate_total", "counter", "Results for a frame that had one.", counts.duplicates);
        metric(text, "messages_refused_total", "counter", "Messages that are no result of this run.", counts.unknown);
    }
    fw_side_counts sides[FW_OUTPUTS_MAX];
    size_t count = fw_sender_sides(self, sides, FW_OUTPUTS_MAX);
    if (count == 0)
        return;
    fw_text_format(text, "# HELP framewire_side_frames_total Frames of a side output, by what became of them.\n"
                         "# TYPE framewire_side_frames_total counter\n");
    for (size_t i = 0; i < count; i++) {
        add_side(text, sides[i].url, "sent", sides[i].sent);
        add_side(text, sides[i].url, "dropped", sides[i].dropped);
    }
}

bool fw_sender_health(void *arg, fw_text *text) {
    fw_sender *self = arg;
    fw_counts counts;
    fw_sender_counts(self, &counts);
    pthread_mutex_lock(&self->lock);
    bool well = self->broken == FW_OK;
    fw_text_format(text, "{\"ok\":%s,\"cause\":", well ? "true" : "false");
    fw_text_json(text, self->cause, strlen(self->cause));
    fw_text_format(text, ",\"held_up\":");
    fw_text_json(text, self->held_up, strlen(self->held_up));
    pthread_mutex_unlock(&self->lock);
    fw_text_format(text,
                   ",\"receivers\":%u,\"in_flight\":%" PRIu64 ",\"quarantined\":%" PRIu64 ",\"memory_used\":%zu}\n",
                   counts.peers, counts.in_flight, counts.quarantined, counts.memory_used);
    return well;
}
