"""Threads that share the work of C: the parts of a job are taken by whoever is free.

The thread that asks takes parts too, and waits only for those that another has begun: where the other cores
are busy with something else it does all by itself, and nothing waits for a thread to be woken up. Between
jobs the others spin for a moment, since the next one is likely to come soon, and then sleep.
"""

from __future__ import annotations

# A library of its own: all steps in C share its threads.
POOL = """\
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}
/* How often a thread looks for work before it sleeps: a quarter of a millisecond or so. To wake up takes
   nearly as long; but on a busy machine it is soon no longer let in if it never sleeps. */
#define PATIENCE 6000

typedef void (*part_t)(long part, long parts, void *given);
static part_t function;
static void *given;
static long all;
/* The number of the job above, parts that nobody has taken yet below; and parts that are not done. */
static atomic_uint_fast64_t state;
static atomic_long undone;
static atomic_int asleep;
static atomic_flag is_busy = ATOMIC_FLAG_INIT;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t is_work = PTHREAD_COND_INITIALIZER;

static int take(void) {
    uint_fast64_t seen = atomic_load(&state);
    while ((uint32_t)seen)
        /* Whoever has a part may read what the job is: it does not end before the part is done. */
        if (atomic_compare_exchange_weak(&state, &seen, seen - 1)) {
            function((uint32_t)seen - 1, all, given);
            atomic_fetch_sub(&undone, 1);
            return 1;
        }
    return 0;
}
static void *serve(void *nothing) {
    for (;;) {
        int waited = 0;
        while (waited < PATIENCE)
            if (take()) waited = 0;
            else waited++, relax();
        pthread_mutex_lock(&mutex);
        atomic_fetch_add(&asleep, 1);
        while (!(uint32_t)atomic_load(&state)) pthread_cond_wait(&is_work, &mutex);
        atomic_fetch_sub(&asleep, 1);
        pthread_mutex_unlock(&mutex);
    }
    return nothing;
}
/* Calls the function for each part, and returns when all are done. */
void share(part_t part, void *with, long parts) {
    if (atomic_flag_test_and_set(&is_busy)) {
        for (long k = 0; k < parts; k++) part(k, parts, with);
        return;
    }
    function = part, given = with, all = parts;
    atomic_store(&undone, parts);
    atomic_store(&state, ((atomic_load(&state) >> 32) + 1) << 32 | (uint32_t)parts);
    if (atomic_load(&asleep)) {
        pthread_mutex_lock(&mutex);
        pthread_cond_broadcast(&is_work);
        pthread_mutex_unlock(&mutex);
    }
    while (take()) {}
    for (long waited = 0; atomic_load(&undone); waited++)
        /* Whoever has the last part may need this core for it. */
        if (waited < PATIENCE / 2) relax();
        else sched_yield();
    atomic_flag_clear(&is_busy);
}
/* Starts so many threads besides; says how many there are then. */
int start(int count) {
    int started = 0;
    pthread_attr_t detached;
    if (pthread_attr_init(&detached)) return 0;
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    for (pthread_t thread; started < count; started++)
        if (pthread_create(&thread, &detached, serve, 0)) break;
    pthread_attr_destroy(&detached);
    return started;
}
"""

# What a program says that shares work: the library tells it how. Until then it does all by itself.
SHARING = """\
typedef void (*part_t)(long part, long parts, void *given);
static void do_all(part_t part, void *given, long parts) {
    for (long k = 0; k < parts; k++) part(k, parts, given);
}
static void (*share)(part_t, void *, long) = do_all;
static long threads = 1;
void share_by(void (*function)(part_t, void *, long), long count) { share = function, threads = count; }

"""
