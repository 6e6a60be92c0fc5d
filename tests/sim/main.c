#include "sim.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EPISODE 20000 /* events, then calm */
#define CALM    200000

/* The finalizer of splitmix64 (Steele, Lea, Flood 2014). */
uint64_t mix(uint64_t number) {
    number += 0x9e3779b97f4a7c15U;
    number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9U;
    number = (number ^ (number >> 27)) * 0x94d049bb133111ebU;
    return number ^ (number >> 31);
}

uint32_t roll(world *w, uint32_t sides) {
    w->random = mix(w->random);
    return (uint32_t)(((w->random >> 32) * sides) >> 32);
}

void failed(world *w, const char *format, ...) {
    if (w->failure[0] != 0)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(w->failure, sizeof w->failure, format, arguments);
    va_end(arguments);
}

void note(world *w, const char *format, ...) {
    if (!w->trace)
        return;
    va_list arguments;
    va_start(arguments, format);
    printf("%8lld  ", (long long)w->now);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}

/* One episode: these steps, then calm until all is settled. Returns how many steps were made, or which one failed. */
static fw_account seen;
static fw_ledger_totals seen_totals;

static void sum_up(const world *w) {
    fw_account one;
    fw_ledger_totals totals;
    fw_ledger_count(w->ledger, FW_ALL_STREAMS, &one);
    fw_ledger_total(w->ledger, &totals);
    seen.captured += one.captured;
    seen.done += one.done;
    seen.errors += one.errors;
    seen.dead_by_death += one.dead_by_death;
    seen.dead_by_deadline += one.dead_by_deadline;
    seen.dropped_oldest += one.dropped_oldest;
    seen.dropped_newest += one.dropped_newest;
    seen.by_return += one.by_return;
    seen.by_loss += one.by_loss;
    seen.by_death += one.by_death;
    seen.by_deadline += one.by_deadline;
    seen.recalled += one.recalled;
    seen.duplicates += one.duplicates;
    seen_totals.deaths += totals.deaths;
    seen_totals.missed += totals.missed;
    seen_totals.unknown += totals.unknown;
    seen_totals.stale += totals.stale;
}

static uint64_t run(world *w, uint64_t seed, uint32_t workers, const uint64_t *steps, uint32_t count, bool trace) {
    world_open(w, seed, workers);
    w->trace = trace;
    for (uint32_t i = 0; i < count && w->failure[0] == 0; i++) {
        world_step(w, steps[i]);
        check_step(w);
        check_all(w);
    }
    if (w->failure[0] == 0)
        world_calm(w);
    for (uint32_t i = 0; w->failure[0] == 0 && !world_is_done(w); i++) {
        if (i == CALM)
            failed(w, "it does not come to its end");
        world_step(w, mix(seed ^ mix(i)));
        check_step(w);
        check_all(w);
    }
    if (trace && w->failure[0] != 0)
        check_print(w);
    fw_account sum;
    fw_ledger_count(w->ledger, FW_ALL_STREAMS, &sum);
    if (w->failure[0] == 0 && (sum.captured != sum.done + sum.dead + sum.dropped || sum.held != 0))
        failed(w, "at the end, the account does not add up");
    sum_up(w);
    world_close(w);
    return w->steps;
}

/* Leave out what is not needed for the same failure: large pieces first. */
static uint32_t shrink(world *w, uint64_t seed, uint32_t workers, uint64_t *steps, uint32_t count) {
    uint64_t *fewer = malloc(count * sizeof *fewer);
    char failure[sizeof w->failure];
    memcpy(failure, w->failure, sizeof failure);
    if (w->steps < count)
        count = (uint32_t)w->steps;
    for (uint32_t piece = count / 2; fewer != NULL && piece > 0; piece /= 2)
        for (uint32_t from = 0; from + piece <= count;) {
            memcpy(fewer, steps, from * sizeof *fewer);
            memcpy(fewer + from, steps + from + piece, (count - from - piece) * sizeof *fewer);
            run(w, seed, workers, fewer, count - piece, false);
            if (strncmp(failure, w->failure, 12) == 0) {
                count = w->steps < count - piece ? (uint32_t)w->steps : count - piece;
                memcpy(steps, fewer, count * sizeof *fewer);
            } else {
                from += piece;
            }
        }
    free(fewer);
    return count;
}

static uint64_t number(const char *text) {
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 0);
    if (errno != 0 || *end != 0 || end == text) {
        fprintf(stderr, "simulator: %s is no number\n", text);
        exit(2);
    }
    return value;
}

int main(int argc, char **argv) {
    uint64_t events = 1000000, seed = 1;
    uint32_t workers = 12;
    bool replay = false;
    static const struct option options[] = {
        { "events", required_argument, NULL, 'e' },  { "seed", required_argument, NULL, 's' },
        { "workers", required_argument, NULL, 'w' }, { "replay", required_argument, NULL, 'r' },
        { "help", no_argument, NULL, 'h' },          { 0 }
    };
    for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (option == 'e') {
            events = number(optarg);
        } else if (option == 's') {
            seed = number(optarg);
        } else if (option == 'w') {
            workers = (uint32_t)number(optarg);
        } else if (option == 'r') {
            seed = number(optarg);
            replay = true;
        } else {
            fputs("simulator [--events N] [--seed S] [--workers W]   random episodes against the ledger\n"
                  "simulator --replay EPISODE [--workers W]          one of them, shrunk and told step by step\n",
                  option == 'h' ? stdout : stderr);
            return option == 'h' ? 0 : 2;
        }
    }
    if (workers < 1 || workers > PROCS / 2) {
        fprintf(stderr, "simulator: --workers is 1 to %d\n", PROCS / 2);
        return 2;
    }
    world *w = calloc(1, sizeof *w);
    uint64_t *steps = malloc(EPISODE * sizeof *steps);
    if (w == NULL || steps == NULL)
        return 1;
    uint64_t made = 0, episodes = 0;
    do {
        uint64_t episode = replay ? seed : mix(seed + episodes);
        for (uint32_t i = 0; i < EPISODE; i++)
            steps[i] = mix(episode + i * 0x2545f4914f6cdd1dU);
        made += run(w, episode, workers, steps, EPISODE, false);
        episodes++;
        if (w->failure[0] == 0)
            continue;
        printf("episode %llu, step %llu: %s\n", (unsigned long long)episode, (unsigned long long)w->steps, w->failure);
        printf("replay: simulator --replay %llu --workers %u\n", (unsigned long long)episode, workers);
        if (replay) {
            uint32_t count = shrink(w, episode, workers, steps, EPISODE);
            run(w, episode, workers, steps, count, true);
            printf("shrunk to %u steps: %s\n", count, w->failure);
        }
        return 1;
    } while (!replay && made < events);
    printf("%llu events in %llu episodes: all invariants held\n", (unsigned long long)made,
           (unsigned long long)episodes);
    printf(
        "captured %llu: done %llu (%llu errors), dead %llu by death and %llu by deadline, dropped %llu oldest and %llu "
        "newest\n",
        (unsigned long long)seen.captured, (unsigned long long)seen.done, (unsigned long long)seen.errors,
        (unsigned long long)seen.dead_by_death, (unsigned long long)seen.dead_by_deadline,
        (unsigned long long)seen.dropped_oldest, (unsigned long long)seen.dropped_newest);
    printf("leased again after %llu returns, %llu losses, %llu deaths, %llu deadlines; %llu moved to idle workers\n",
           (unsigned long long)seen.by_return, (unsigned long long)seen.by_loss, (unsigned long long)seen.by_death,
           (unsigned long long)seen.by_deadline, (unsigned long long)seen.recalled);
    printf("%llu deaths, %llu deadlines missed, %llu duplicates, %llu unknown words, %llu stale releases\n",
           (unsigned long long)seen_totals.deaths, (unsigned long long)seen_totals.missed,
           (unsigned long long)seen.duplicates, (unsigned long long)seen_totals.unknown,
           (unsigned long long)seen_totals.stale);
    free(steps);
    free(w);
    return 0;
}
