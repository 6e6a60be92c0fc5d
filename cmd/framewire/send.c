/* framewire send: take frames from sources and deliver them. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <framewire/log.h>
#include <framewire/pipeline.h>

#include <getopt.h>

#include "progress.h"
#include "say.h"
#include "signals.h"
#include "verb.h"

#define DEFAULT_URL "tcp://127.0.0.1:5555"
#define QUEUE_MOST  1000000
#define LOOK        (FW_SECOND / 10) /* how often progress and signals are looked at */

enum encoding { ENCODE_RAW, ENCODE_KEEP, ENCODE_JPEG };

struct values {
    struct texts to;
    const char *ready_file, *stream, *list, *results, *result_arrays, *collect, *summary, *metrics, *keys, *allow,
        *dead_letter, *door, *door_group;
    double rate;
    uint64_t loop, count, memory, threads, wait_workers, queue, attempts;
    fw_time queue_time, sync, deadline, drain, timeout;
    enum encoding encoding;
    int quality, when_full;
    bool huge_pages, resume, retry_errors, strict, quiet, verbose;
};

static const char *take_encoding(const char *text, void *arg) {
    static const char good[] = "must be raw, keep (JPEG files as they are) or jpeg:QUALITY with 1 to 100, like jpeg:90";
    struct values *values = arg;
    uint64_t quality = 90;
    if (strcmp(text, "raw") == 0)
        values->encoding = ENCODE_RAW;
    else if (strcmp(text, "keep") == 0)
        values->encoding = ENCODE_KEEP;
    else if (strncmp(text, "jpeg", 4) != 0 || (text[4] && text[4] != ':'))
        return good;
    else if (text[4] && (fw_parse_count(text + 5, &quality) != FW_OK || quality < 1 || quality > 100))
        return good;
    else
        values->encoding = ENCODE_JPEG;
    values->quality = (int)quality;
    return NULL;
}

static const char *take_queue(const char *text, void *arg) {
    struct values *values = arg;
    uint64_t frames = 0;
    fw_time time = 0;
    if (fw_parse_count(text, &frames) == FW_OK && frames >= 1 && frames <= QUEUE_MOST) {
        values->queue = frames;
        values->queue_time = 0;
        return NULL;
    }
    if (fw_parse_time(text, &time) == FW_OK && time > 0) {
        values->queue = QUEUE_MOST; /* the time bounds it */
        values->queue_time = time;
        return NULL;
    }
    return "must be a number of frames from 1 to 1000000, or a time, like 100ms";
}

#define AT(field) .offset = offsetof(struct values, field)
#define HOUR      (3600 * (uint64_t)FW_SECOND)

static const struct option_row options[] = {
    { "Where to", OPTION_GROUP },
    { "to", OPTION_TEXTS, 't', "URL", DEFAULT_URL,
      "where, and how: tcp://HOST:PORT leases each frame to one worker until it is answered, push+tcp:// hands each to "
      "one receiver, pub+tcp:// gives every frame to all who look; with ipc://PATH on one host. HOST is an address of "
      "this machine, or * for all; PORT 0 is any that is free. One output is leased (at one or several addresses) or "
      "push+, any number are pub+",
      AT(to), .words = "tcp:// ipc:// push+tcp:// push+ipc:// pub+tcp:// pub+ipc://" },
    { "ready-file", OPTION_TEXT, 0, "FILE", NULL, "the URLs are written there once they listen, one a line",
      AT(ready_file) },
    { "stream", OPTION_TEXT, 0, "NAME", "from the source", "the stream's name", AT(stream) },
    { "wait-workers", OPTION_COUNT, 0, "N", "0; 1 where all outputs are pub+", "start when so many workers are there",
      AT(wait_workers), .most = 10000 },
    { "timeout", OPTION_TIME, 0, "TIME", "never", "give up when nobody has come for this long", AT(timeout),
      .least = (uint64_t)FW_MS, .most = 8760 * HOUR },
    { "drain", OPTION_TIME, 0, "TIME", "5s",
      "at the end, and when stopped: how long a receiver that takes nothing is waited for", AT(drain), .most = HOUR },

    { "What", OPTION_GROUP },
    { "list", OPTION_TEXT, 0, "FILE|-", NULL, "a file of names, one a line; they come after the SOURCEs", AT(list) },
    { "rate", OPTION_RATE, 'r', "RATE", "as fast as taken", "frames a second, like 30fps", AT(rate) },
    { "loop", OPTION_COUNT, 0, "N", "1", "go through the source so often; 0: for ever", AT(loop) },
    { "count", OPTION_COUNT, 'n', "N", "all", "stop after so many frames", AT(count), .least = 1 },
    { "encoding", OPTION_OWN, 'e', "raw|keep|jpeg[:QUALITY]", "raw",
      "what travels: pixels; JPEG files as they are, and pixels of others; or JPEG of this quality (90)",
      .words = "raw keep jpeg jpeg:90", .parse = take_encoding },
    { "strict", OPTION_FLAG, 0, .help = "stop at the first input that gives no frame", AT(strict) },

    { "Memory and time", OPTION_GROUP },
    { "memory", OPTION_BYTES, 'm', "SIZE", "1GiB", "the budget for frames", AT(memory), .least = 1 << 20,
      .most = (uint64_t)1 << 46 },
    { "huge-pages", OPTION_FLAG, 0,
      .help = "use huge pages that the system reserves or allows; without this, such as the kernel makes",
      AT(huge_pages) },
    { "when-full", OPTION_CHOICE, 0, "wait|drop-oldest|drop-newest", "wait",
      "what happens when receivers are slower than the source", AT(when_full),
      .words = "wait drop-oldest drop-newest" },
    { "queue", OPTION_OWN, 0, "N|TIME", "4 a thread that decodes; under drop-oldest 100ms, at least 2",
      "frames that may wait for their turn", .parse = take_queue },
    { "door", OPTION_TEXT, 0, "DIR", "$FRAMEWIRE_DOOR, else $XDG_RUNTIME_DIR/framewire, else /tmp/framewire-UID",
      "where workers on this host find the shared memory; in containers a shared volume", AT(door) },
    { "door-group", OPTION_TEXT, 0, "GROUP", NULL,
      "let workers of other users read the shared memory, who are in this group and say the same --door",
      AT(door_group) },
    { "threads", OPTION_COUNT, 'j', "N", "one a core", "threads that decode", AT(threads), .least = 1, .most = 64 },

    { "Results", OPTION_GROUP },
    { "collect", OPTION_TEXT, 0, "URL", NULL,
      "with a push+ output: where results come in (PULL), like tcp://127.0.0.1:5556", AT(collect),
      .words = "tcp:// ipc://" },
    { "results", OPTION_TEXT, 'o', "FILE|-", NULL, "results as JSON lines; - is the standard output", AT(results) },
    { "result-arrays", OPTION_TEXT, 0, "DIR", NULL, "arrays in results, as .npy; the line names the file",
      AT(result_arrays), .needs = "results" },
    { "resume", OPTION_FLAG, 0, .help = "skip items whose result is in the results file already", AT(resume),
      .needs = "results" },
    { "retry-errors", OPTION_FLAG, 0, .help = "but not those whose handler failed", AT(retry_errors),
      .needs = "resume" },
    { "sync", OPTION_TIME, 0, "TIME", "1s", "how often results are forced to disk", AT(sync), .needs = "results",
      .least = (uint64_t)FW_MS, .most = HOUR },
    { "deadline", OPTION_TIME, 0, "TIME", "30s",
      "leased: a frame whose worker has not answered by then goes to another; with --collect: when no result has come "
      "for so long, those still out are lost",
      AT(deadline), .least = (uint64_t)FW_MS, .most = 24 * HOUR },
    { "attempts", OPTION_COUNT, 0, "N", "3", "leased: a frame that so many workers died of, or hung with, is dead",
      AT(attempts), .least = 1, .most = 1000 },
    { "dead-letter", OPTION_TEXT, 0, "DIR", NULL, "leased: dead frames are saved there, and why they are",
      AT(dead_letter) },

    { "Security", OPTION_GROUP },
    { "keys", OPTION_TEXT, 0, "DIR", NULL, "CURVE keys, made by framewire keygen: every connection is encrypted",
      AT(keys), .needs = "allow" },
    { "allow", OPTION_TEXT, 0, "FILE", NULL, "the public keys that are let in, one a line", AT(allow),
      .needs = "keys" },

    { "What is told", OPTION_GROUP },
    { "summary", OPTION_TEXT, 0, "FILE|-", NULL, "the final account as JSON; a sentence goes to stderr always",
      AT(summary) },
    { "metrics", OPTION_TEXT, 0, "ADDR:PORT", NULL, "/metrics (Prometheus) and /health over HTTP", AT(metrics) },
    { "quiet", OPTION_FLAG, 'q', .help = "say only what went wrong", AT(quiet) },
    { "verbose", OPTION_FLAG, 'v', .help = "say more", AT(verbose) },
    OPTIONS_HELP,
    { 0 },
};

/* What single options cannot know of each other. */
static bool fits_together(const struct values *values, int operands) {
    if (operands == 0 && !values->list) {
        say("send needs a SOURCE: image files, a folder, or a kind that framewire sources lists, like test:bars");
        return false;
    }
    if (values->queue_time > 0 && values->when_full != FW_DROP_OLDEST) {
        say("--queue: a time is for --when-full drop-oldest; else say a number of frames");
        return false;
    }
    if (values->resume && values->loop != 1) {
        say("--resume knows items by their names, and --loop %" PRIu64 " sends each name more than once", values->loop);
        return false;
    }
    return true;
}

/* The account goes to FILE or stdout; FILE is opened before anything runs, so that a bad name is said at once. */
static bool open_summary(const char *name, int *fd) {
    if (!name)
        return true;
    *fd = strcmp(name, "-") == 0 ? STDOUT_FILENO : open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (*fd < 0)
        say("--summary %s: %s", name, strerror(errno));
    return *fd >= 0;
}

static bool write_summary(fw_pipeline *pipeline, const char *name, int fd) {
    size_t room = 64 << 10;
    char *text = malloc(room);
    fw_status status = text ? fw_pipeline_summary_json(pipeline, text, room) : FW_NO_MEMORY;
    bool good = status == FW_OK;
    if (!good)
        say("--summary %s: %s", name, text ? fw_cause() : "no memory left");
    if (good && fd != STDOUT_FILENO)
        good = ftruncate(fd, 0) == 0 || errno == EINVAL; /* EINVAL: a pipe or a device */
    for (size_t at = 0, size = good ? strlen(text) : 0; good && at < size;) {
        ssize_t wrote = write(fd, text + at, size - at);
        if (wrote > 0)
            at += (size_t)wrote;
        else
            good = wrote < 0 && errno == EINTR;
    }
    if (status == FW_OK && !good)
        say("--summary %s: %s", name, strerror(errno));
    if (fd != STDOUT_FILENO && close(fd) != 0 && good) {
        say("--summary %s: %s", name, strerror(errno));
        good = false;
    }
    free(text);
    return good;
}

/* Was this URL asked for with ?connect? The library puts the working output first, whatever the order. */
static bool connects(const struct texts *asked, const char *url) {
    size_t length = strlen(url);
    for (size_t i = 0; i < asked->count; i++)
        if (strncmp(asked->items[i], url, length) == 0 && strcmp(asked->items[i] + length, "?connect") == 0)
            return true;
    return false;
}

static void say_where(const struct values *values, fw_pipeline *pipeline) {
    const char *url;
    for (size_t i = 0; (url = fw_sender_url(fw_pipeline_sender(pipeline), i)); i++) {
        bool results = values->collect && !fw_sender_url(fw_pipeline_sender(pipeline), i + 1);
        say("%s %s%s", connects(&values->to, url) ? "connecting to" : "listening on", url,
            results ? " for results" : "");
    }
}

static void fill(fw_pipeline_options *out, struct values *values) {
    if (values->when_full == FW_DROP_OLDEST && values->queue == 0)
        take_queue("100ms", values);
    out->source = (fw_source_options){
        .list = values->list,
        .loop = values->loop == 0 ? FW_LOOP_FOREVER : values->loop,
        .keep = values->encoding == ENCODE_KEEP,
    };
    out->sender = (fw_sender_options){
        .url = values->to.count ? values->to.items[0] : NULL,
        .side_urls = values->to.count ? values->to.items + 1 : NULL,
        .stream = values->stream,
        .memory = (size_t)values->memory,
        .huge_pages = values->huge_pages,
        .when_full = (fw_when_full)values->when_full,
        .queue = (unsigned)values->queue,
        .queue_time = values->queue_time,
        .wait_workers = (unsigned)values->wait_workers,
        .drain = values->drain > 0 ? values->drain : 1, /* 0 would be the default */
        .deadline = values->deadline,
        .timeout = values->timeout,
        .collect = values->collect,
        .attempts = (unsigned)values->attempts,
        .dead_letter = values->dead_letter,
        .door = values->door,
        .door_group = values->door_group,
        .results = values->results,
        .result_arrays = values->result_arrays,
        .resume = values->resume,
        .retry_errors = values->retry_errors,
        .sync = values->sync,
        .keys = values->keys,
        .allow = values->allow,
        .metrics = values->metrics,
        .ready_file = values->ready_file,
    };
    out->threads = (unsigned)values->threads;
    out->rate = values->rate;
    out->count = values->count;
    out->encode_jpeg = values->encoding == ENCODE_JPEG;
    out->quality = values->quality;
    out->strict = values->strict;
}

static int verdict(fw_status status, const fw_summary *summary) {
    if (status != FW_OK && status != FW_CLOSED)
        return EXIT_BROKE;
    const fw_counts *counts = &summary->counts;
    return summary->bad || counts->dead || counts->lost || counts->in_flight ? EXIT_PARTIAL : EXIT_DONE;
}

static int deliver(const struct values *values, const fw_pipeline_options *run_options, int summary_fd) {
    fw_pipeline *pipeline = NULL;
    fw_status status = fw_pipeline_open(run_options, &pipeline);
    if (status != FW_OK) {
        say("%s", fw_cause());
        return status == FW_INVALID || status == FW_UNSUPPORTED ? EXIT_USAGE : EXIT_BROKE;
    }
    if (!values->quiet)
        say_where(values, pipeline);
    bool lines_on_terminal = values->results && strcmp(values->results, "-") == 0 && isatty(STDOUT_FILENO);
    struct progress progress = { .collects = values->collect != NULL,
                                 .rewrites = status_line_works() && !lines_on_terminal };
    const char *stopped_by = NULL;
    while ((status = fw_pipeline_wait(pipeline, LOOK)) == FW_TIMEOUT) {
        if (!stopped_by && (stopped_by = signals_came())) {
            fw_pipeline_stop(pipeline);
            if (!values->quiet)
                say("%s: stopping; what is on its way is delivered first (once more: at once)", stopped_by);
        }
        if (!values->quiet)
            progress_show(&progress, pipeline);
    }
    status_line("");
    if (status != FW_OK && status != FW_CLOSED)
        say("%s", fw_cause());
    fw_summary summary;
    fw_pipeline_summary(pipeline, &summary);
    int code = verdict(status, &summary);
    if (!values->quiet)
        progress_sum_up(&progress, &summary);
    if (values->summary && !write_summary(pipeline, values->summary, summary_fd))
        code = EXIT_BROKE;
    fw_pipeline_close(&pipeline);
    return code;
}

static int run(const struct verb *self, int argc, char **argv) {
    struct values values = { .loop = 1, .quality = 90, .drain = 5 * FW_SECOND };
    enum parsed parsed = options_parse(self, argc, argv, &values);
    int code = parsed == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    if (parsed == PARSED_GO && fits_together(&values, argc - optind)) {
        fw_log_to(say_log, NULL);
        fw_log_up_to(values.quiet ? FW_LOG_WARNING : values.verbose ? FW_LOG_DEBUG : FW_LOG_INFO);
        fw_pipeline_options run_options = { .sources = (const char *const *)argv + optind,
                                            .source_count = (size_t)(argc - optind) };
        fill(&run_options, &values);
        int summary_fd = -1;
        /* A FIFO is waited for until somebody reads it: signals still end the process as ever. */
        code = open_summary(values.summary, &summary_fd) && signals_start() ? deliver(&values, &run_options, summary_fd)
                                                                            : EXIT_BROKE;
    }
    free(values.to.items);
    return code;
}

const struct verb verb_send = {
    .name = "send",
    .operands = "SOURCE... --to URL",
    .summary = "load or capture images and deliver them",
    .about =
        "Loads or captures images and delivers them to workers, or to all who look.\n\n"
        "With a tcp:// or ipc:// URL each frame is leased to one worker until it is answered: a worker that dies, "
        "hangs or is cut off costs time, never a frame, and results come back on the same connection.\n\n"
        "SOURCE is an image file, a folder (its images, subfolders too), a glob, or SCHEME:...?name=value with a kind "
        "that framewire sources explains, like test:bars?size=1920x1080. Several files and folders are one stream.\n\n"
        "Results and --summary - go to the standard output, and all that is for people to the standard error.",
    .examples = "framewire send photos/ --to tcp://127.0.0.1:5555 \\\n"
                "    --results results.jsonl                                   # to workers on this machine\n"
                "framewire send photos/ --to 'tcp://*:5555' \\\n"
                "    --results results.jsonl --resume                          # what has no result yet\n"
                "framewire send photos/ --to 'push+tcp://*:5555' \\\n"
                "    --collect 'tcp://*:5556' --results results.jsonl          # to any ZeroMQ clients\n"
                "framewire send 'test:bars?size=640x480' --rate 30fps \\\n"
                "    --to 'pub+tcp://*:5555'                                   # a test picture for viewers\n",
    .exits =
        "0\tall done\n1\tcould not run, or broke\n2\tusage\n"
        "3\tfinished, but some inputs were bad, some frames are dead or still in flight, or some results are lost\n",
    .completes = COMPLETE_FILES | COMPLETE_SCHEMES,
    .sources = true,
    .options = options,
    .run = run,
};
