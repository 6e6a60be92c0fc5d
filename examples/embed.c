/* A program with a camera of its own: frames are filled in the sender's memory, results arrive in a callback.
 *
 *   cc embed.c $(pkg-config --cflags --libs framewire) -o embed
 *   ./embed tcp://127.0.0.1:5555 100
 *   framewire work mean.py --from tcp://127.0.0.1:5555
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <framewire/framewire.h>

#define WIDTH  640
#define HEIGHT 480

/* Stands for a camera's driver, which writes one image where it is told to. */
static void camera_read(uint8_t *pixels, unsigned seq) {
    for (unsigned y = 0; y < HEIGHT; y++)
        for (unsigned x = 0; x < WIDTH; x++)
            pixels[y * WIDTH + x] = (uint8_t)(x + y + seq);
}

/* Called on the sender's thread. */
static void on_result(void *arg, const fw_result *result) {
    (void)arg;
    printf("%s\n", result->json);
}

static fw_status send_one(fw_sender *sender, unsigned seq) {
    fw_frame *frame = NULL;
    fw_status status =
        fw_sender_loan(sender, &(fw_format){ .width = WIDTH, .height = HEIGHT, .pixels = FW_MONO8 }, &frame);
    if (status != FW_OK)
        return status;
    camera_read(fw_frame_data(frame), seq);
    status = fw_frame_set_int(frame, "exposure_us", 5000);
    if (status != FW_OK) {
        fw_sender_discard(sender, &frame);
        return status;
    }
    return fw_sender_send(sender, &frame); /* takes the frame, whatever happens */
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: embed URL COUNT\n");
        return 2;
    }
    unsigned count = (unsigned)strtoul(argv[2], NULL, 10);

    fw_sender *sender = NULL;
    fw_status status =
        fw_sender_open(FW_SENDER_OPTIONS(.url = argv[1], .stream = "camera", .on_result = on_result), &sender);
    if (status == FW_OK)
        fprintf(stderr, "frames at %s\n", fw_sender_url(sender, 0));
    for (unsigned seq = 0; seq < count && status == FW_OK; seq++)
        status = send_one(sender, seq);
    if (status == FW_OK)
        status = fw_sender_finish(sender);
    if (status != FW_OK)
        fprintf(stderr, "embed: %s\n", fw_cause());

    fw_sender_close(&sender);
    return status == FW_OK ? 0 : 1;
}
