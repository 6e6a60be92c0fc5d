#include "source/source.h"

#include <dirent.h>
#include <pthread.h>
#include <tiffio.h>

#include "base/clock.h"
#include "folder.h"
#include "wire/json.h"

static fw_source *opened_as(const fw_source_options *options, const char *argument) {
    fw_source *source = NULL;
    assert_ok(fw_source_open(&argument, argument != NULL, options, &source));
    return source;
}

static fw_source *opened(const char *argument) {
    return opened_as(NULL, argument);
}

static void expect_failure(fw_source *source, fw_status expected, const char *cause) {
    fw_frame *frame = NULL;
    assert_fails(fw_source_read(source, &frame), expected, cause);
    assert_null(frame);
}

static void expect_end(fw_source *source) {
    fw_frame *frame = NULL;
    assert_int_equal(fw_source_read(source, &frame), FW_END);
}

/* The next frame is of this item, and its first byte is this. */
static void expect_image(fw_source *source, const char *item, uint8_t first) {
    fw_frame *frame = NULL;
    assert_ok(fw_source_read(source, &frame));
    assert_string_equal(frame->item, item);
    assert_int_equal(*(uint8_t *)fw_frame_data(frame), first);
    fw_frame_free(&frame);
}

/* A JPEG of noise, so that it is large; as it is in the file. */
static uint8_t *write_jpeg(const char *path, uint32_t width, uint32_t height, size_t *size_p) {
    fw_format format = { .width = width, .height = height, .pixels = FW_RGB8 };
    assert_ok(fw_format_complete(&format));
    uint8_t *pixels = malloc(format.size), *bytes = malloc(fw_jpeg_bound(&format));
    for (size_t i = 0; i < format.size; i++)
        pixels[i] = (uint8_t)((i * 2654435761u) >> 13);
    assert_ok(fw_jpeg_compress(&format, pixels, 95, bytes, fw_jpeg_bound(&format), size_p));
    write_file(path, bytes, *size_p);
    free(pixels);
    return bytes;
}

static void write_pages(const char *path, unsigned pages) {
    TIFF *tiff = TIFFOpen(path, "w");
    assert_non_null(tiff);
    for (unsigned page = 0; page < pages; page++) {
        uint8_t row[3] = { (uint8_t)(10 + page), 0, 0 };
        TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, 3);
        TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, 1);
        TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 8);
        TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, 1);
        TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
        TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, 1);
        assert_int_equal(TIFFWriteScanline(tiff, row, 0, 0), 1);
        assert_int_equal(TIFFWriteDirectory(tiff), 1);
    }
    TIFFClose(tiff);
}

static void a_frame_says_where_it_is_from(void **state) {
    (void)state;
    make_folder("in");
    write_image("in/a.pgm", 7);
    struct timespec times[2] = { { .tv_sec = 1700000000, .tv_nsec = 123456789 },
                                 { .tv_sec = 1700000000, .tv_nsec = 123456789 } };
    assert_int_equal(utimensat(AT_FDCWD, "in/a.pgm", times, 0), 0);
    fw_source *source = opened("in");
    fw_frame *frame = NULL;
    assert_ok(fw_source_read(source, &frame));
    assert_string_equal(frame->item, "a.pgm");
    const fw_format *format = fw_frame_format(frame);
    assert_true(format->width == 2 && format->height == 2 && format->pixels == FW_MONO8 && format->encoding == FW_RAW);
    assert_memory_equal(fw_frame_data(frame), "\7\7\7\7", 4);
    fw_text json = { 0 };
    uint64_t nulls = 0;
    fw_span meta = { (const char *)frame->meta.packed, frame->meta.size };
    assert_ok(fw_json_meta(&json, meta, frame->meta.count, &nulls));
    assert_non_null(strstr(json.data, "\"file\":\"in/a.pgm\""));
    assert_non_null(strstr(json.data, "\"size\":15"));
    assert_non_null(strstr(json.data, "\"mtime\":1700000000123456789"));
    assert_null(strstr(json.data, "\"page\""));
    free(json.data);
    fw_frame_free(&frame);
    expect_end(source);
    fw_source_close(&source);
}

static void a_bad_input_is_one_failure_and_the_stream_goes_on(void **state) {
    (void)state;
    make_folder("in");
    write_image("in/a.pgm", 1);
    write_file("in/b.pgm", "P5\n2 2\n255\nxy", 13); /* cut off */
    write_file("in/c.jpg", "", 0);
    write_file("in/d.jpg", "this is no image at all", 23);
    assert_int_equal(mkfifo("in/e.jpg", 0644), 0);
    assert_int_equal(symlink("gone", "in/f.jpg"), 0);
    assert_int_equal(symlink(".", "in/g"), 0);
    assert_int_equal(symlink("h.jpg", "in/h.jpg"), 0);
    write_image("in/i\xff%41.pgm", 2);
    write_file("in/j.ppm", "P6\n65535 65535\n255\n", 19);
    write_image("in/z.pgm", 3);
    fw_source *source = opened("in");
    expect_image(source, "a.pgm", 1);
    expect_failure(source, FW_BAD_INPUT, "in/b.pgm: not taken: ");
    expect_failure(source, FW_BAD_INPUT, "in/c.jpg: not taken: the file is empty");
    expect_failure(source, FW_BAD_INPUT, "in/d.jpg: not taken: ");
    expect_failure(source, FW_UNSUPPORTED, "in/e.jpg: not taken: it is a FIFO, and only regular files are read");
    expect_failure(source, FW_NOT_FOUND, "in/f.jpg: not taken: it cannot be opened: No such file");
    expect_failure(source, FW_BAD_INPUT, "in/g: not taken: a loop of links");
    expect_failure(source, FW_IO, "in/h.jpg: not taken: it cannot be opened");
    expect_image(source, "i%FF%2541.pgm", 2);
    expect_failure(source, FW_TOO_LARGE, "in/j.ppm: not taken: ");
    expect_image(source, "z.pgm", 3);
    expect_end(source);
    fw_source_close(&source);
}

static void a_file_may_vanish_before_its_turn(void **state) {
    (void)state;
    make_folder("in");
    write_image("in/a.pgm", 1);
    write_image("in/b.pgm", 2);
    write_image("in/c.pgm", 3);
    fw_source *source = opened("in");
    expect_image(source, "a.pgm", 1);
    assert_int_equal(unlink("in/b.pgm"), 0);
    expect_failure(source, FW_NOT_FOUND, "in/b.pgm: not taken: ");
    expect_image(source, "c.pgm", 3);
    expect_end(source);
    fw_source_close(&source);
}

static void a_file_may_shrink_between_header_and_pixels(void **state) {
    (void)state;
    size_t size;
    free(write_jpeg("large.jpg", 800, 600, &size));
    assert_true(size > 200000);
    fw_source *source = opened_as(FW_SOURCE_OPTIONS(.keep = true), "large.jpg");
    fw_item item;
    fw_frame *frame = NULL;
    assert_ok(fw_source_next_item(source, &item));
    assert_ok(fw_source_measure(source, &item));
    assert_int_equal(item.format.size, size);
    assert_ok(fw_frame_new(&item.format, NULL, &frame));
    assert_int_equal(truncate("large.jpg", 100000), 0);
    assert_fails(fw_source_fill(source, &item, frame), FW_BAD_INPUT, "large.jpg: not taken: the file became shorter");
    fw_frame_drop(&frame);
    fw_source_free_item(source, &item);
    fw_source_free_item(source, &item); /* a second time does nothing */
    fw_source_close(&source);
}

static void named_files_are_tried_whatever_their_extension(void **state) {
    (void)state;
    write_image("picture.dat", 9);
    write_image("picture", 8);
    static const char *const arguments[] = { "picture.dat", "./picture", "picture.dat" };
    fw_source *source = NULL;
    assert_ok(fw_source_open(arguments, 3, NULL, &source));
    expect_image(source, "picture.dat", 9);
    expect_image(source, "./picture", 8);
    expect_image(source, "picture.dat", 9);
    expect_end(source);
    fw_source_close(&source);
}

static void kept_files_travel_as_they_are(void **state) {
    (void)state;
    make_folder("in");
    size_t sizes[2];
    uint8_t *files[2] = { write_jpeg("in/1.jpg", 64, 48, &sizes[0]), write_jpeg("in/2.jpg", 800, 600, &sizes[1]) };
    write_image("in/3.pgm", 5);
    write_file("in/4.jpg", files[1], 100);
    fw_source *source = opened_as(FW_SOURCE_OPTIONS(.keep = true), "in");
    for (int i = 0; i < 2; i++) {
        fw_frame *frame = NULL;
        assert_ok(fw_source_read(source, &frame));
        assert_int_equal(fw_frame_format(frame)->encoding, FW_JPEG);
        assert_int_equal(fw_frame_format(frame)->width, i == 0 ? 64 : 800);
        assert_int_equal(fw_frame_format(frame)->shape[2], 3);
        assert_int_equal(fw_frame_size(frame), sizes[i]);
        assert_memory_equal(fw_frame_data(frame), files[i], sizes[i]);
        fw_frame_free(&frame);
        free(files[i]);
    }
    expect_image(source, "3.pgm", 5);
    expect_failure(source, FW_BAD_INPUT, "in/4.jpg: not taken: ");
    expect_end(source);
    fw_source_close(&source);
}

/* A comment that is longer than what is read first stands before the size. */
static void a_kept_file_may_have_a_long_header(void **state) {
    (void)state;
    size_t size, used = 2;
    uint8_t *file = write_jpeg("plain.jpg", 640, 480, &size), *longer = malloc(size + 200000);
    memcpy(longer, file, 2);
    for (int i = 0; i < 3; i++, used += 65537) {
        memset(longer + used, 'x', 65537);
        memcpy(longer + used, "\xff\xfe\xff\xff", 4);
    }
    memcpy(longer + used, file + 2, size - 2);
    used += size - 2;
    write_file("long.jpg", longer, used);
    fw_source *source = opened_as(FW_SOURCE_OPTIONS(.keep = true), "long.jpg");
    fw_frame *frame = NULL;
    assert_ok(fw_source_read(source, &frame));
    assert_int_equal(fw_frame_format(frame)->width, 640);
    assert_int_equal(fw_frame_size(frame), used);
    assert_memory_equal(fw_frame_data(frame), longer, used);
    fw_frame_free(&frame);
    fw_source_close(&source);
    free(longer);
    free(file);
}

static void each_page_is_a_frame(void **state) {
    (void)state;
    make_folder("in");
    write_pages("in/one.tif", 1);
    write_pages("in/two.tiff", 3);
    write_image("in/z.pgm", 1);
    fw_source *source = opened_as(FW_SOURCE_OPTIONS(.loop = 2), "in");
    for (int loop = 0; loop < 2; loop++) {
        expect_image(source, "one.tif", 10);
        expect_image(source, "two.tiff#0", 10);
        expect_image(source, "two.tiff#1", 11);
        fw_frame *frame = NULL;
        assert_ok(fw_source_read(source, &frame));
        assert_string_equal(frame->item, "two.tiff#2");
        assert_int_equal(*(uint8_t *)fw_frame_data(frame), 12);
        fw_text json = { 0 };
        uint64_t nulls = 0;
        assert_ok(fw_json_meta(&json, (fw_span){ (const char *)frame->meta.packed, frame->meta.size },
                               frame->meta.count, &nulls));
        assert_non_null(strstr(json.data, "\"file\":\"in/two.tiff\""));
        assert_non_null(strstr(json.data, "\"page\":2"));
        free(json.data);
        fw_frame_free(&frame);
        expect_image(source, "z.pgm", 1);
    }
    expect_end(source);
    fw_source_close(&source);
}

static void pages_are_not_lost_under_another_name(void **state) {
    (void)state;
    write_pages("pages.tif", 2);
    write_pages("single.tif", 1);
    assert_int_equal(rename("pages.tif", "pages.jpg"), 0);
    assert_int_equal(rename("single.tif", "single.jpg"), 0);
    fw_source *source = opened("pages.jpg");
    expect_failure(source, FW_UNSUPPORTED, "pages.jpg: not taken: it is a file of 2 pages by its content");
    fw_source_close(&source);
    source = opened("single.jpg");
    expect_image(source, "single.jpg", 10);
    fw_source_close(&source);
    assert_int_equal(rename("pages.jpg", "pages"), 0);
    source = opened("pages");
    expect_image(source, "pages#0", 10);
    fw_source_close(&source); /* in mid-file: nothing leaks */
}

static void a_bad_tiff_is_one_failure(void **state) {
    (void)state;
    make_folder("in");
    write_file("in/a.tif", "II*\0\xff\xff\xff\0aaaaaaaaaaaa", 20);
    write_file("in/b.tif", "", 0);
    write_image("in/c.tif", 4); /* by its content, a PGM */
    fw_source *source = opened("in");
    expect_failure(source, FW_BAD_INPUT, "in/a.tif: not taken: ");
    expect_failure(source, FW_BAD_INPUT, "in/b.tif: not taken: the file is empty");
    expect_image(source, "c.tif", 4);
    expect_end(source);
    fw_source_close(&source);
}

static void a_slot_does_not_pass_for_a_test_picture_any_more(void **state) {
    (void)state;
    write_image("a.pgm", 1);
    fw_source *source = opened("a.pgm");
    fw_pool *pool = NULL;
    fw_slot *slot = NULL;
    fw_item item;
    fw_frame *frame = NULL;
    assert_ok(fw_source_next_item(source, &item));
    assert_ok(fw_source_measure(source, &item));
    assert_ok(fw_pool_open((size_t)1 << 20, false, &pool));
    assert_ok(fw_pool_loan(pool, item.format.size, 0, &slot));
    slot->left_by = 1;
    assert_ok(fw_frame_new(&item.format, slot, &frame));
    assert_ok(fw_source_fill(source, &item, frame));
    assert_int_equal(slot->left_by, 0);
    fw_frame_drop(&frame);
    fw_source_free_item(source, &item);
    fw_pool_close(&pool);
    fw_source_close(&source);
}

static void a_tiff_may_shrink_between_header_and_pixels(void **state) {
    (void)state;
    write_pages("a.tif", 2);
    struct stat info;
    assert_int_equal(stat("a.tif", &info), 0);
    fw_source *source = opened("a.tif");
    fw_item item;
    fw_frame *frame = NULL;
    assert_ok(fw_source_next_item(source, &item));
    assert_ok(fw_source_measure(source, &item));
    assert_ok(fw_frame_new(&item.format, NULL, &frame));
    assert_int_equal(truncate("a.tif", 9), 0);
    assert_fails(fw_source_fill(source, &item, frame), FW_BAD_INPUT, "a.tif#0: not taken: the file ends after");
    fw_frame_drop(&frame);
    fw_source_free_item(source, &item);
    expect_failure(source, FW_BAD_INPUT, "a.tif#1: not taken: the file ends after");
    expect_end(source);
    fw_source_close(&source);
}

static void a_huge_file_is_not_read(void **state) {
    (void)state;
    make_folder("in");
    write_file("in/a.pgm", "P5\n2 2\n255\n", 11);
    write_file("in/b.jpg", "\xff\xd8\xff\xe0", 4);
    write_pages("in/c.tif", 2); /* is read where it has something */
    assert_int_equal(truncate("in/a.pgm", (off_t)5 << 30), 0);
    assert_int_equal(truncate("in/b.jpg", (off_t)5 << 30), 0);
    assert_int_equal(truncate("in/c.tif", (off_t)5 << 30), 0);
    for (int keep = 0; keep < 2; keep++) {
        fw_source *source = opened_as(FW_SOURCE_OPTIONS(.keep = keep), "in");
        expect_failure(source, FW_TOO_LARGE, "in/a.pgm: not taken: the file has 5120 MiB (limit 4160 MiB)");
        expect_failure(source, FW_TOO_LARGE, "in/b.jpg: not taken: the file has 5120 MiB (limit 4160 MiB)");
        expect_image(source, "c.tif#0", 10);
        expect_image(source, "c.tif#1", 11);
        expect_end(source);
        fw_source_close(&source);
    }
}

static unsigned open_files(void) {
    DIR *stream = opendir("/proc/self/fd");
    unsigned count = 0;
    while (readdir(stream) != NULL)
        count++;
    closedir(stream);
    return count;
}

/* Threads measure and fill what one thread takes, as the pipeline does it. */
typedef struct shared {
    fw_source *source;
    pthread_mutex_t lock;
    unsigned good, bad, wrong;
} shared;

static void *take_frames(void *arg) {
    shared *self = arg;
    for (;;) {
        fw_item item;
        fw_frame *frame = NULL;
        pthread_mutex_lock(&self->lock);
        fw_status status = fw_source_next_item(self->source, &item);
        pthread_mutex_unlock(&self->lock);
        if (status == FW_END)
            return NULL;
        if (status == FW_OK)
            status = fw_source_measure(self->source, &item);
        if (status == FW_OK)
            status = fw_frame_new(&item.format, NULL, &frame);
        if (status == FW_OK)
            status = fw_source_fill(self->source, &item, frame);
        pthread_mutex_lock(&self->lock);
        self->good += status == FW_OK;
        self->bad += status != FW_OK;
        self->wrong += status == FW_OK && atoi(frame->item) % 256 != *(uint8_t *)fw_frame_data(frame);
        pthread_mutex_unlock(&self->lock);
        fw_frame_drop(&frame);
        fw_source_free_item(self->source, &item);
    }
}

static void several_threads_may_decode(void **state) {
    (void)state;
    make_folder("in");
    for (int i = 0; i < 300; i++) {
        char path[32];
        snprintf(path, sizeof path, "in/%d.pgm", i);
        if (i % 10 == 9)
            write_file(path, "P5", 2);
        else
            write_image(path, (uint8_t)i);
    }
    unsigned before = open_files();
    shared self = { .source = opened("in"), .lock = PTHREAD_MUTEX_INITIALIZER };
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_frames, &self), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    fw_source_close(&self.source);
    assert_int_equal(self.good, 270);
    assert_int_equal(self.bad, 30);
    assert_int_equal(self.wrong, 0);
    assert_int_equal(open_files(), before);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_make, folder_remove)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_frame_says_where_it_is_from),
        IN_FOLDER(a_bad_input_is_one_failure_and_the_stream_goes_on),
        IN_FOLDER(a_file_may_vanish_before_its_turn),
        IN_FOLDER(a_file_may_shrink_between_header_and_pixels),
        IN_FOLDER(named_files_are_tried_whatever_their_extension),
        IN_FOLDER(kept_files_travel_as_they_are),
        IN_FOLDER(a_kept_file_may_have_a_long_header),
        IN_FOLDER(each_page_is_a_frame),
        IN_FOLDER(pages_are_not_lost_under_another_name),
        IN_FOLDER(a_bad_tiff_is_one_failure),
        IN_FOLDER(a_slot_does_not_pass_for_a_test_picture_any_more),
        IN_FOLDER(a_tiff_may_shrink_between_header_and_pixels),
        IN_FOLDER(a_huge_file_is_not_read),
        IN_FOLDER(several_threads_may_decode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
