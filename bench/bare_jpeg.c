/* One thread of bare libjpeg-turbo: bare_jpeg COUNT FILE... decodes COUNT files, in turn, each read anew, into one warm
 * buffer. Prints one line of JSON: frames a second, and CPU seconds a frame.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <jpeglib.h>

static void fail(const char *path) {
    perror(path);
    exit(1);
}

/* Read a file into memory that grows and stays. Returns its size. */
static size_t read_file(const char *path, unsigned char **bytes, size_t *room) {
    FILE *file = fopen(path, "rbe");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        fail(path);
    size_t size = (size_t)ftell(file);
    rewind(file);
    if (size > *room) {
        free(*bytes);
        *bytes = malloc(size);
        *room = size;
    }
    if (*bytes == NULL || fread(*bytes, 1, size, file) != size)
        fail(path);
    fclose(file);
    return size;
}

static void decode(const unsigned char *bytes, size_t size, unsigned char **pixels, size_t *room) {
    struct jpeg_error_mgr errors;
    struct jpeg_decompress_struct jpeg = { .err = jpeg_std_error(&errors) };
    jpeg_create_decompress(&jpeg);
    jpeg_mem_src(&jpeg, bytes, size);
    jpeg_read_header(&jpeg, TRUE);
    jpeg.out_color_space = JCS_RGB;
    jpeg_start_decompress(&jpeg);
    size_t stride = (size_t)jpeg.output_width * 3, needed = stride * jpeg.output_height;
    if (needed > *room) {
        free(*pixels);
        *pixels = malloc(needed);
        *room = needed;
    }
    if (*pixels == NULL)
        fail("pixels");
    while (jpeg.output_scanline < jpeg.output_height) {
        JSAMPROW row = *pixels + jpeg.output_scanline * stride;
        jpeg_read_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_decompress(&jpeg);
    jpeg_destroy_decompress(&jpeg);
}

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: bare_jpeg COUNT FILE...\n");
        return 2;
    }
    unsigned long count = strtoul(argv[1], NULL, 10), files = (unsigned long)argc - 2;
    unsigned char *bytes = NULL, *pixels = NULL;
    size_t byte_room = 0, pixel_room = 0;
    double wall = 0, cpu = 0;
    for (unsigned long i = 0; i <= count; i++) { /* one more: the first warms up */
        if (i == 1) {
            wall = seconds(CLOCK_MONOTONIC);
            cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
        }
        size_t size = read_file(argv[2 + i % files], &bytes, &byte_room);
        decode(bytes, size, &pixels, &pixel_room);
    }
    wall = seconds(CLOCK_MONOTONIC) - wall;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("{\"fps\":%.3f,\"cpu\":%.9f}\n", (double)count / wall, cpu / (double)count);
    free(bytes);
    free(pixels);
    return 0;
}
