#include "memory/copy.h"

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#ifdef __x86_64__
#include <cpuid.h>
#include <emmintrin.h>
#endif

#include "base/clock.h"
#include "memory/choice.h"

#define LINE        64
#define CACHE_USUAL ((size_t)32 << 20)
/* The picture that is copied, the frame that is written, and the one that is being read. */
#define IN_CACHE 3
/* Between processors, and from one virtual machine to the next, the faster of two ways differs by a fifth of their time, and
 * nothing that a processor says of itself tells which it is. Smaller copies show no difference. */
#define TRIED_FROM ((size_t)1 << 20)
#define CHOICES    16

typedef void fw_copy(void *to, const void *from, size_t size);

static pthread_once_t once = PTHREAD_ONCE_INIT;
static size_t cache;
#ifdef __x86_64__
static bool has_fast_strings; /* ERMS */
#endif

/* From sysfs: what CPUID says in a virtual machine, and sysconf() repeats, can be ten times as much as there is. */
size_t fw_copy_cache(const char *root) {
    size_t largest = 0;
    for (int i = 0;; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/sys/devices/system/cpu/cpu0/cache/index%d/size", root, i);
        FILE *file = fopen(path, "re");
        if (!file)
            return largest > 0 ? largest : CACHE_USUAL;
        size_t kib;
        if (fscanf(file, "%zuK", &kib) == 1 && kib << 10 > largest)
            largest = kib << 10;
        fclose(file);
    }
}

static void look_at_machine(void) {
    cache = fw_copy_cache("");
#ifdef __x86_64__
    unsigned eax, ebx, ecx, edx;
    has_fast_strings = __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (ebx & 1u << 9) != 0;
#endif
}

static void copy_plainly(void *to, const void *from, size_t size) {
    memcpy(to, from, size);
}

#ifdef __x86_64__

#define PAGE       4096
#define STRING_MIN ((size_t)4 << 10) /* below, the start of a string move costs more than it saves */

/* A string move fetches no line that it writes whole. Where the source lies just below the target, modulo a page, some
 * processors take the one for the other, and wait. */
static void copy_by_string(void *to, const void *from, size_t size) {
    size_t above = ((uintptr_t)to - (uintptr_t)from) % PAGE;
    if (!has_fast_strings || size < STRING_MIN || (above > 0 && above < LINE)) {
        copy_plainly(to, from, size);
        return;
    }
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
}

static void copy_past_cache(void *to, const void *from, size_t size) {
    uint8_t *out = to;
    const uint8_t *in = from;
    size_t before = -(uintptr_t)to % LINE;
    if (before > size)
        before = size;
    memcpy(out, in, before);
    size_t at = before;
    for (; at + LINE <= size; at += LINE)
        for (size_t i = at; i < at + LINE; i += sizeof(__m128i))
            _mm_stream_si128((__m128i *)(out + i), _mm_loadu_si128((const __m128i *)(in + i)));
    memcpy(out + at, in + at, size - at);
}

static void end_of_copy(void) {
    _mm_sfence(); /* before the frame is given away */
}

#else

#define copy_by_string  copy_plainly
#define copy_past_cache copy_plainly

static void end_of_copy(void) {}

#endif

/* By how often 1 MiB can be doubled until it is as large as the copy. */
static fw_choice *choice_for(size_t size) {
    static fw_choice choices[CHOICES];
    unsigned doubled = 0;
    while (doubled < CHOICES - 1 && size >> doubled > TRIED_FROM)
        doubled++;
    return &choices[doubled];
}

static void copy_all(fw_copy *copy, uint8_t *to, const uint8_t *from, size_t row, size_t rows, size_t stride) {
    for (size_t i = 0; i < rows; i++)
        copy(to + i * row, from + i * stride, row);
}

void fw_copy_rows(void *to, const void *from, size_t row, size_t rows, size_t stride) {
    static fw_copy *const ways[FW_WAYS] = { copy_plainly, copy_by_string };
    pthread_once(&once, look_at_machine);
    if (stride == row) {
        row *= rows;
        rows = row > 0 ? 1 : 0;
    }
    size_t size = row * rows;
    if (size > cache / IN_CACHE) {
        copy_all(copy_past_cache, to, from, row, rows, stride);
        end_of_copy();
    } else if (size < TRIED_FROM) {
        copy_all(copy_plainly, to, from, row, rows, stride);
    } else {
        fw_choice *choice = choice_for(size);
        unsigned way = fw_choice_next(choice);
        fw_time begun = fw_now();
        copy_all(ways[way], to, from, row, rows, stride);
        fw_choice_took(choice, way, fw_now() - begun);
    }
}
