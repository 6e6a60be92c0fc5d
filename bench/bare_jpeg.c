/* Threads of bare libjpeg-turbo: bare_jpeg THREADS COUNT FILE... decodes COUNT files in each thread, in turn, each read anew,
 * into one warm buffer a thread. Prints one line of JSON: frames a second, and CPU seconds a frame.
 */
#include <pthread.h>
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

typedef struct job {
    unsigned long first, count, files;
    char **paths;
    pthread_barrier_t *warm;
} job;

static void *work(void *arg) {
    const job *self = arg;
    unsigned char *bytes = NULL, *pixels = NULL;
    size_t byte_room = 0, pixel_room = 0;
    for (unsigned long i = 0; i <= self->count; i++) { /* one more: the first warms up */
        size_t size = read_file(self->paths[(self->first + i) % self->files], &bytes, &byte_room);
        decode(bytes, size, &pixels, &pixel_room);
        if (i == 0)
            pthread_barrier_wait(self->warm);
    }
    free(bytes);
    free(pixels);
    return NULL;
}

int main(int argc, char **argv) {
    unsigned long threads = argc > 3 ? strtoul(argv[1], NULL, 10) : 0,
                  count = argc > 3 ? strtoul(argv[2], NULL, 10) : 0;
    if (threads == 0 || threads > 64 || count == 0) {
        fprintf(stderr, "usage: bare_jpeg THREADS COUNT FILE...\n");
        return 2;
    }
    pthread_t made[64];
    job jobs[64];
    pthread_barrier_t warm;
    pthread_barrier_init(&warm, NULL, (unsigned)threads + 1);
    for (unsigned long i = 0; i < threads; i++) {
        jobs[i] = (job){ i, count, (unsigned long)argc - 3, argv + 3, &warm };
        if (pthread_create(&made[i], NULL, work, &jobs[i]) != 0)
            fail("pthread_create");
    }
    pthread_barrier_wait(&warm);
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (unsigned long i = 0; i < threads; i++)
        pthread_join(made[i], NULL);
    wall = seconds(CLOCK_MONOTONIC) - wall;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    double frames = (double)(threads * count);
    printf("{\"fps\":%.3f,\"cpu\":%.9f}\n", frames / wall, cpu / frames);
    pthread_barrier_destroy(&warm);
    return 0;
}
