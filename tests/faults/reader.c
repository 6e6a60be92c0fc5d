/* A receiver of the writer's frames. Each is read in full when it comes, and again before it is let go of.
 *
 *   reader url=URL [role=observer] [door=FOLDER] [credit=N] [keep=N] [patience=MS] [follow=1]
 *
 * keep: so many frames are had at a time; they are answered one by one when no more came for patience (20 ms). With follow,
 * those that a run of the sender left behind are kept until the end, which SIGTERM brings. stdout: a line once the first frame is there, then at the end what was seen, a JSON map.
 */
#include <framewire/framewire.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "stamped.h"

#define KEPT_MAX 64
#define LEFT_MAX 512

typedef struct reader {
    fw_receiver *receiver;
    bool observes;
    fw_frame *kept[KEPT_MAX], *left[LEFT_MAX];
    size_t kept_count, left_count;
    uint64_t epoch, runs, read, torn, shm, copy, other;
} reader;

static fw_receiver *stopped_by_signal;

static void on_term(int number) {
    (void)number;
    fw_receiver_stop(stopped_by_signal);
}

static bool check(reader *self, fw_frame *frame) {
    bool whole = stamped_whole(fw_frame_data(frame), fw_frame_size(frame), fw_frame_epoch(frame), fw_frame_seq(frame));
    self->read++;
    self->torn += !whole;
    if (!whole)
        fprintf(stderr, "reader: frame %" PRIu64 " (%s) is torn\n", fw_frame_seq(frame), fw_frame_transport(frame));
    return whole;
}

/* Let go of one of the frames that are kept. */
static void answer(reader *self, size_t index) {
    fw_frame *frame = self->kept[index];
    self->kept[index] = self->kept[--self->kept_count];
    bool whole = check(self, frame);
    if (self->observes) {
        fw_frame_free(&frame);
        return;
    }
    (void)fw_frame_set_int(frame, "seq", (int64_t)fw_frame_seq(frame));
    (void)fw_frame_set_text(frame, "how", whole ? fw_frame_transport(frame) : "torn");
    (void)fw_receiver_reply(self->receiver, &frame, NULL); /* closed: it is of a run that is over */
}

static void leave_behind(reader *self) {
    for (; self->kept_count > 0 && self->left_count < LEFT_MAX; self->left_count++)
        self->left[self->left_count] = self->kept[--self->kept_count];
}

static void take(reader *self, fw_frame *frame, size_t keep) {
    if (fw_frame_epoch(frame) != self->epoch) {
        leave_behind(self);
        self->epoch = fw_frame_epoch(frame);
        if (self->runs++ == 0)
            puts("in");
    }
    const char *how = fw_frame_transport(frame);
    self->shm += strcmp(how, "shm") == 0;
    self->copy += strcmp(how, "copy") == 0;
    self->other += strcmp(how, "shm") != 0 && strcmp(how, "copy") != 0;
    check(self, frame);
    self->kept[self->kept_count++] = frame;
    while (self->kept_count > keep)
        answer(self, (size_t)fw_frame_seq(frame) % self->kept_count);
}

static void print_account(reader *self) {
    fw_receiver_counts counts;
    fw_receiver_count(self->receiver, &counts);
    printf("{\"frames\":%" PRIu64 ",\"read\":%" PRIu64 ",\"torn\":%" PRIu64 ",\"shm\":%" PRIu64 ",\"copy\":%" PRIu64
           ",\"other\":%" PRIu64 ",\"bad\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"runs\":%" PRIu64 ",\"left\":%zu}\n",
           counts.frames, self->read, self->torn, self->shm, self->copy, self->other, counts.bad,
           counts.dropped + counts.missed, self->runs, self->left_count);
}

int main(int argc, char **argv) {
    (void)argc;
    reader self = { .observes = strcmp(word_of(argv, "role", ""), "observer") == 0 };
    size_t keep = number_of(argv, "keep", 0);
    keep = keep < KEPT_MAX ? keep : KEPT_MAX - 1;
    fw_time patience = (fw_time)number_of(argv, "patience", 20) * FW_MS;
    fw_frame *frame = NULL;
    setvbuf(stdout, NULL, _IOLBF, 0);
    fw_status status = fw_receiver_open(
        FW_RECEIVER_OPTIONS(.url = word_of(argv, "url", NULL), .role = self.observes ? FW_OBSERVER : FW_WORKER,
                            .door = word_of(argv, "door", NULL), .credit = (unsigned)number_of(argv, "credit", 2),
                            .follow = number_of(argv, "follow", 0) != 0),
        &self.receiver);
    if (status != FW_OK) {
        fprintf(stderr, "reader: %s\n", fw_cause());
        return 1;
    }
    stopped_by_signal = self.receiver;
    signal(SIGTERM, on_term);
    for (;;) {
        status = fw_receiver_receive(self.receiver, patience, &frame);
        if (status == FW_OK)
            take(&self, frame, keep);
        else if (status == FW_BAD_MESSAGE)
            fprintf(stderr, "reader: %s\n", fw_cause());
        else if (status != FW_TIMEOUT)
            break;
        else if (self.kept_count > 0) /* nothing comes while all of the credit is kept */
            answer(&self, 0);
    }
    leave_behind(&self);
    for (size_t i = 0; i < self.left_count; i++)
        check(&self, self.left[i]);
    print_account(&self);
    signal(SIGTERM, SIG_IGN);
    for (size_t i = 0; i < self.left_count; i++)
        fw_frame_free(&self.left[i]);
    fw_receiver_close(&self.receiver);
    return self.torn == 0 ? 0 : 1;
}
