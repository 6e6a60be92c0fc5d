/* A worker in C that does no more than it must: leased_work URL CREDIT DOOR|- LOOK [SLEEP].
 *
 * DOOR: the folder of the sender's door; `-`: payloads over ZeroMQ. LOOK: `number` reads a frame's first 64 bytes, `stamps`
 * checks all that leased_send writes. SLEEP: microseconds that each frame takes. push+ URLs are read with PULL. Prints the
 * microseconds of CPU a frame at the end of the stream.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "net/visit.h"
#include "wire/header.h"
#include "wire/message.h"

#define STAMP_STEP ((size_t)64 << 10)
#define STREAM_MAX 128

static void *zmq;
static fw_visit *visit; /* NULL: over ZeroMQ */
static const char *look;
static const uint8_t nil = 0xc0;
static useconds_t pause_us;
static uint64_t frames, sum;

static void die(const char *what) {
    fprintf(stderr, "leased_work: %s\n", what);
    exit(1);
}

static size_t pack(const fw_header *header, uint8_t packed[FW_HEADER_MAX]) {
    size_t size;
    if (fw_header_pack(header, packed, FW_HEADER_MAX, &size) != FW_OK)
        die("a message could not be made");
    return size;
}

/* By the door. first: of two messages, the parts of the first. */
static void send_parts(const fw_part *parts, size_t count, size_t first) {
    fw_status status;
    while ((status = first > 0 ? fw_visit_send_two(visit, parts, count, first) : fw_visit_send(visit, parts, count)) ==
           FW_FULL)
        poll(&(struct pollfd){ .fd = fw_visit_fd(visit), .events = POLLOUT }, 1, -1);
    if (status != FW_OK && status != FW_CLOSED)
        die("the door is lost");
}

static void say(const char *stream, const fw_header *header, bool value) {
    static uint8_t packed[FW_HEADER_MAX];
    size_t size = pack(header, packed);
    if (visit == NULL) {
        zmq_send(zmq, stream, strlen(stream), ZMQ_SNDMORE);
        zmq_send(zmq, packed, size, value ? ZMQ_SNDMORE : 0);
        if (value)
            zmq_send(zmq, &nil, 1, 0);
        return;
    }
    const fw_part parts[] = { { stream, strlen(stream) }, { packed, size }, { &nil, 1 } };
    if (header->kind != FW_KIND_START || !fw_visit_say_aside(visit, parts, 2))
        send_parts(parts, value ? 3 : 2, 0);
}

static void read_frame(const uint8_t *data, size_t size) {
    uint64_t word[2];
    if (strcmp(look, "stamps") != 0) {
        for (size_t at = 0; at < 64 && at < size; at += sizeof word) {
            memcpy(word, data + at, sizeof word);
            sum += word[0];
        }
    } else {
        memcpy(word, data, sizeof word);
        uint64_t number = word[0];
        for (size_t at = 0; at + sizeof word <= size; at += STAMP_STEP) {
            memcpy(word, data + at, sizeof word);
            if (word[0] != number || word[1] != ~number)
                die("a frame is torn");
        }
    }
    frames++;
    if (pause_us > 0)
        usleep(pause_us);
}

typedef struct region {
    const uint8_t *bytes;
    uint64_t number, size;
} region;

static region memory;

/* The result, and the slot that is read no more. */
static void say_both(const char *stream, const fw_header *result, const fw_place *place) {
    static uint8_t packed[FW_HEADER_MAX], released[FW_HEADER_MAX];
    uint8_t slots[64];
    size_t size;
    const fw_filling filling = { .region = place->region, .gen = place->gen, .slot = place->slot };
    if (fw_filling_pack(&filling, slots, sizeof slots, &size) != FW_OK)
        die("a message could not be made");
    const fw_header release = { .kind = FW_KIND_RELEASE, .slots = { (const char *)slots, size }, .slot_count = 1 };
    const fw_part parts[] = { { stream, strlen(stream) },
                              { packed, pack(result, packed) },
                              { &nil, 1 },
                              { "", 0 },
                              { released, pack(&release, released) } };
    send_parts(parts, 5, 3);
}

static void work(const char *stream, const fw_header *header, const fw_part *payload) {
    const fw_header start = { .kind = FW_KIND_START, .epoch = header->epoch, .seq = header->seq };
    const fw_header result = { .kind = FW_KIND_RESULT, .epoch = header->epoch, .seq = header->seq, .verdict = FW_DONE };
    say(stream, &start, false);
    if (!header->place.said) {
        read_frame(payload->data, payload->size);
        say(stream, &result, true);
        return;
    }
    const fw_place *place = &header->place;
    if (place->region != memory.number || place->offset > memory.size || place->length > memory.size - place->offset)
        die("a frame outside the memory");
    read_frame(memory.bytes + place->offset, place->length);
    say_both(stream, &result, place);
}

/* true: it was the end. */
static bool hear(const fw_part *parts, size_t count, fw_header *header) {
    fw_reason reason;
    if (fw_message_check(parts, count, header, &reason) != FW_OK)
        die("a bad message");
    if (header->kind == FW_KIND_FRAME) {
        char stream[STREAM_MAX + 1];
        snprintf(stream, sizeof stream, "%.*s", (int)parts[0].size, (const char *)parts[0].data);
        work(stream, header, &parts[2]);
    }
    return header->kind == FW_KIND_END;
}

/* The next message over ZeroMQ; true: it was the end. header's spans are valid until the next call. */
static bool receive(fw_header *header, void (*act)(const fw_part *parts, size_t count, fw_header *header)) {
    static zmq_msg_t messages[3];
    fw_part parts[3];
    size_t count = 0;
    for (int more = 1; more && count < 3; count++) {
        zmq_msg_close(&messages[count]);
        zmq_msg_init(&messages[count]);
        if (zmq_msg_recv(&messages[count], zmq, 0) < 0)
            die("nothing more comes");
        more = zmq_msg_more(&messages[count]);
        parts[count] = (fw_part){ zmq_msg_data(&messages[count]), zmq_msg_size(&messages[count]) };
    }
    if (act != NULL)
        act(parts, count, header);
    else
        return hear(parts, count, header);
    return header->kind == FW_KIND_END;
}

static void unpack(const fw_part *parts, size_t count, fw_header *header) {
    fw_reason reason;
    if (fw_message_check(parts, count, header, &reason) != FW_OK)
        die("a bad message");
}

static void look_only(const fw_part *parts, size_t count, fw_header *header) {
    unpack(parts, count, header);
    if (header->kind == FW_KIND_FRAME)
        read_frame(parts[2].data, parts[2].size);
}

static fw_packet next_packet(void) {
    fw_packet packet;
    fw_status status;
    while ((status = fw_visit_receive(visit, &packet)) == FW_TIMEOUT)
        poll(&(struct pollfd){ .fd = fw_visit_fd(visit), .events = POLLIN }, 1, -1);
    if (status != FW_OK)
        die("the door is lost");
    return packet;
}

static void enter(const char *folder, const fw_header *welcome) {
    char name[FW_DOOR_MAX + 1];
    snprintf(name, sizeof name, "%.*s", (int)welcome->door.size, welcome->door.data);
    if (welcome->token == NULL || fw_visit_open(folder, name, welcome->token, &visit) != FW_OK)
        die("no door");
    fw_packet packet = next_packet();
    if (packet.kind != FW_PACKET_ACCEPTED)
        die("refused at the door");
    packet = next_packet();
    if (packet.kind != FW_PACKET_MEMORY || fw_visit_memory(&packet, &memory.number, &memory.size) != FW_OK)
        die("no memory at the door");
    memory.bytes = mmap(NULL, memory.size, PROT_READ, MAP_SHARED, packet.fd, 0);
    if (memory.bytes == MAP_FAILED)
        die("the memory cannot be mapped");
    close(packet.fd);
}

static void work_leased(unsigned credit, const char *folder) {
    char name[32];
    fw_header hello = { .kind = FW_KIND_HELLO, .role = FW_ROLE_WORKER, .credit = credit };
    hello.worker = (fw_span){ name, (size_t)snprintf(name, sizeof name, "bench/%d", (int)getpid()) };
    if (getrandom(&hello.instance, sizeof hello.instance, 0) != (ssize_t)sizeof hello.instance)
        die("no random number");
    say("", &hello, false);
    fw_header header;
    do
        receive(&header, unpack);
    while (header.kind != FW_KIND_WELCOME);
    if (folder != NULL)
        enter(folder, &header);
    const fw_header ready = { .kind = FW_KIND_CREDIT, .credit = credit };
    say("", &ready, false);
    for (bool end = false; !end;) {
        if (visit == NULL) {
            end = receive(&header, NULL);
        } else {
            fw_packet packet = next_packet();
            end = packet.kind == FW_PACKET_MESSAGE && hear(packet.parts, packet.count, &header);
        }
    }
    const fw_header bye = { .kind = FW_KIND_BYE };
    say("", &bye, false);
}

int main(int argc, char **argv) {
    if (argc < 5) {
        fprintf(stderr, "usage: leased_work URL CREDIT DOOR|- LOOK [SLEEP]\n");
        return 2;
    }
    const char *url = argv[1];
    bool plain = strncmp(url, "push+", 5) == 0;
    look = argv[4];
    pause_us = argc > 5 ? (useconds_t)strtoul(argv[5], NULL, 10) : 0;
    void *context = zmq_ctx_new();
    zmq = zmq_socket(context, plain ? ZMQ_PULL : ZMQ_DEALER);
    int ahead = atoi(argv[2]), linger = 1000;
    zmq_setsockopt(zmq, ZMQ_LINGER, &linger, sizeof linger);
    if (plain)
        zmq_setsockopt(zmq, ZMQ_RCVHWM, &ahead, sizeof ahead);
    if (zmq_connect(zmq, plain ? url + 5 : url) != 0)
        die("cannot connect");
    if (plain)
        for (fw_header header; !receive(&header, look_only);)
            continue;
    else
        work_leased((unsigned)ahead, strcmp(argv[3], "-") == 0 ? NULL : argv[3]);
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    double us = (double)cpu.tv_sec * 1e6 + (double)cpu.tv_nsec / 1e3;
    printf("{\"frames\": %llu, \"cpu\": %.3f, \"sum\": %llu}\n", (unsigned long long)frames,
           frames > 0 ? us / (double)frames : 0, (unsigned long long)sum);
    fw_visit_close(&visit);
    zmq_close(zmq);
    zmq_ctx_term(context);
    return 0;
}
