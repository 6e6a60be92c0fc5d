/* framewire receive: take frames out, to files or a pipe. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <framewire/log.h>
#include <framewire/receiver.h>

#include <getopt.h>

#include "say.h"
#include "signals.h"
#include "verb.h"

#define DEFAULT_URL "tcp://127.0.0.1:5555"
#define LOOK        (FW_SECOND / 10) /* how often signals are looked at */
#define HOUR        (3600 * (uint64_t)FW_SECOND)

struct values {
    struct texts from, streams;
    const char *keys, *server_key, *door;
    uint64_t count, queue;
    fw_time timeout;
    bool follow, quiet, verbose;
};

#define AT(field) .offset = offsetof(struct values, field)

static const struct option_row options[] = {
    { "Where from", OPTION_GROUP },
    { "from", OPTION_TEXTS, 'f', "URL", DEFAULT_URL,
      "where the sender is, and how it delivers: the URL that it was given as --to. From tcp:// and pub+tcp:// frames "
      "are seen, without taking any from a worker; from push+tcp:// they are taken",
      AT(from), .words = "tcp:// ipc:// push+tcp:// push+ipc:// pub+tcp:// pub+ipc://" },
    { "streams", OPTION_TEXTS, 0, "NAME", "all", "the streams that are taken", AT(streams) },
    { "follow", OPTION_FLAG, 0, .help = "go on with the sender's next run after the end", AT(follow) },
    { "timeout", OPTION_TIME, 0, "TIME", "never", "give up when no sender has been there for this long", AT(timeout),
      .least = (uint64_t)FW_MS, .most = 8760 * HOUR },
    { "door", OPTION_TEXT, 0, "DIR", "$FRAMEWIRE_DOOR, else $XDG_RUNTIME_DIR/framewire, else /tmp/framewire-UID",
      "where a sender on this host shares its memory; in containers a shared volume", AT(door) },

    { "What", OPTION_GROUP },
    { "count", OPTION_COUNT, 'n', "N", "all", "stop after so many frames", AT(count), .least = 1 },
    { "queue", OPTION_COUNT, 0, "N", "16", "frames that may wait while the SINK is slow; then the oldest are dropped",
      AT(queue), .least = 1, .most = 64 },

    { "Security", OPTION_GROUP },
    { "keys", OPTION_TEXT, 0, "DIR", NULL, "CURVE keys, made by framewire keygen", AT(keys), .needs = "server-key" },
    { "server-key", OPTION_TEXT, 0, "KEY|FILE", NULL, "the sender's public key", AT(server_key), .needs = "keys" },

    { "What is told", OPTION_GROUP },
    { "quiet", OPTION_FLAG, 'q', .help = "say only what went wrong", AT(quiet) },
    { "verbose", OPTION_FLAG, 'v', .help = "say more", AT(verbose) },
    OPTIONS_HELP,
    { 0 },
};

/* Where frames go: a folder, or (NULL) the standard output. */
struct sink {
    const char *folder;
};

static bool open_sink(struct sink *sink, const char *name) {
    sink->folder = strcmp(name, "-") == 0 ? NULL : name;
    if (!sink->folder && isatty(STDOUT_FILENO)) {
        say("SINK -: the standard output is a terminal, and frames are no text; put a pipe or a file after it");
        return false;
    }
    if (sink->folder && mkdir(sink->folder, 0777) != 0 && errno != EEXIST) {
        say("%s: %s", sink->folder, strerror(errno));
        return false;
    }
    return true;
}

static bool write_out(const char *data, size_t size) {
    while (size > 0) {
        ssize_t wrote = write(STDOUT_FILENO, data, size);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0) {
            say("standard output: %s", strerror(errno));
            return false;
        }
        data += wrote;
        size -= (size_t)wrote;
    }
    return true;
}

static bool keep(const struct sink *sink, fw_frame *frame) {
    if (!sink->folder)
        return write_out(fw_frame_data(frame), fw_frame_size(frame));
    char stem[192];
    snprintf(stem, sizeof stem, "%.128s-%016" PRIx64 "-%08" PRIu64, fw_frame_stream(frame), fw_frame_epoch(frame),
             fw_frame_seq(frame));
    if (fw_frame_save(frame, sink->folder, stem, NULL, 0) == FW_OK)
        return true;
    say("%s", fw_cause());
    return false;
}

static void sum_up(const fw_receiver_counts *counts, const struct sink *sink, uint64_t kept) {
    say("%" PRIu64 " frame%s to %s; %" PRIu64 " dropped, since the SINK was slower; %" PRIu64
        " missed on the way; %" PRIu64 " bad message%s",
        kept, kept == 1 ? "" : "s", sink->folder ? sink->folder : "the standard output", counts->dropped,
        counts->missed, counts->bad, counts->bad == 1 ? "" : "s");
}

static int take(const struct values *values, fw_receiver *receiver, const struct sink *sink) {
    uint64_t kept = 0;
    int code = EXIT_DONE;
    while (code == EXIT_DONE && !signals_came() && (values->count == 0 || kept < values->count)) {
        fw_frame *frame;
        fw_status status = fw_receiver_receive(receiver, LOOK, &frame);
        if (status == FW_CLOSED)
            break;
        if (status == FW_OK) {
            if (keep(sink, frame))
                kept++;
            else
                code = EXIT_BROKE;
            fw_frame_free(&frame);
        } else if (status != FW_TIMEOUT) {
            say("%s", fw_cause());
            code = status == FW_BAD_MESSAGE ? code : EXIT_BROKE;
        }
    }
    fw_receiver_counts counts;
    fw_receiver_count(receiver, &counts);
    if (!values->quiet)
        sum_up(&counts, sink, kept);
    return code == EXIT_DONE && counts.bad > 0 ? EXIT_PARTIAL : code;
}

static int receive(const struct values *values, const char *name) {
    const char *url = values->from.count ? values->from.items[0] : DEFAULT_URL;
    const fw_receiver_options receiver_options = {
        .url = url,
        .more_urls = values->from.count ? values->from.items + 1 : NULL,
        .role = strncmp(url, "push+", 5) == 0 ? FW_WORKER : FW_OBSERVER,
        .streams = values->streams.count ? values->streams.items : NULL,
        .queue = (unsigned)values->queue,
        .follow = values->follow,
        .timeout = values->timeout,
        .keys = values->keys,
        .server_key = values->server_key,
        .door = values->door,
    };
    struct sink sink;
    fw_receiver *receiver = NULL;
    signal(SIGPIPE, SIG_IGN); /* a reader that leaves is said in a sentence */
    if (!signals_start() || !open_sink(&sink, name))
        return EXIT_BROKE;
    fw_status status = fw_receiver_open(&receiver_options, &receiver);
    if (status != FW_OK) {
        say("%s", fw_cause());
        return status == FW_INVALID || status == FW_UNSUPPORTED ? EXIT_USAGE : EXIT_BROKE;
    }
    int code = take(values, receiver, &sink);
    fw_receiver_close(&receiver);
    return code;
}

static int run(const struct verb *self, int argc, char **argv) {
    struct values values = { .queue = 16 };
    enum parsed parsed = options_parse(self, argc, argv, &values);
    int code = parsed == PARSED_HELP ? EXIT_DONE : EXIT_USAGE;
    if (parsed == PARSED_GO && argc - optind != 1) {
        say("receive needs one SINK: a folder, or - for the standard output");
    } else if (parsed == PARSED_GO) {
        fw_log_to(say_log, NULL);
        fw_log_up_to(values.quiet ? FW_LOG_WARNING : values.verbose ? FW_LOG_DEBUG : FW_LOG_INFO);
        code = receive(&values, argv[optind]);
    }
    free(values.from.items);
    free(values.streams.items);
    return code;
}

const struct verb verb_receive = {
    .name = "receive",
    .operands = "SINK --from URL",
    .summary = "take frames out of a stream, to files or a pipe",
    .about =
        "Watches a stream and takes its frames out, until it ends: as an observer, which never slows the stream, and "
        "gets what it has time for.\n\n"
        "SINK is a folder (made if missing): each frame becomes a file STREAM-EPOCH-SEQ.npy in it, which NumPy reads, "
        "or .jpg, .png or .tiff where that is what travels. Or it is - : the frames' bytes go to the standard output, "
        "one after the other, as they came (raw pixels, or whole JPEG files), for programs that know their size.",
    .examples = "framewire receive frames/ --from tcp://127.0.0.1:5555 --count 100\n"
                "framewire receive - --from pub+tcp://127.0.0.1:5557 | \\\n"
                "    ffmpeg -f rawvideo -pix_fmt rgb24 -s 640x480 -i - out.mp4   # a film of raw rgb8 frames\n",
    .exits = "0\tthe stream has ended, or --count frames are taken, or it was stopped\n1\tcould not run, or broke\n"
             "2\tusage\n3\tthe same as 0, but some messages were bad\n",
    .completes = COMPLETE_FOLDERS,
    .options = options,
    .run = run,
};
