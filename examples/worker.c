/* A worker in C: the mean of each frame's bytes.
 *
 *   cc worker.c $(pkg-config --cflags --libs framewire) -o worker
 *   framewire send photos/ --to tcp://127.0.0.1:5555 --results -
 *   ./worker tcp://127.0.0.1:5555
 */
#include <stdint.h>
#include <stdio.h>

#include <framewire/framewire.h>

static double mean(fw_frame *frame) {
    const uint8_t *bytes = fw_frame_data(frame); /* on the sender's host: the sender's memory, for reading only */
    uint64_t sum = 0;
    for (size_t i = 0; i < fw_frame_size(frame); i++)
        sum += bytes[i];
    return (double)sum / (double)fw_frame_size(frame);
}

int main(int argc, char **argv) {
    fw_receiver *receiver = NULL;
    fw_frame *frame = NULL;
    fw_status status = fw_receiver_open(FW_RECEIVER_OPTIONS(.url = argc > 1 ? argv[1] : NULL), &receiver);
    while (status == FW_OK && (status = fw_receiver_receive(receiver, FW_FOREVER, &frame)) == FW_OK) {
        fw_frame_set_float(frame, "mean", mean(frame)); /* what is set here is the result's value */
        status = fw_receiver_reply(receiver, &frame, NULL);
    }
    if (status != FW_CLOSED)
        fprintf(stderr, "worker: %s\n", fw_cause());
    fw_receiver_close(&receiver);
    return status == FW_CLOSED ? 0 : 1; /* closed: the stream has ended */
}
