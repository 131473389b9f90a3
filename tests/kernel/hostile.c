/* Hostile callers of the C interface: every field, every length, every pointer, closed handles, two threads.
 *
 * Each call must come back with the answer that the header promises. Whoever is refused finds every byte of his memory
 * as it was, and the kernel's state too. Records lie against pages that nobody may touch, once before and once behind
 * them, and inputs on pages that nobody may write: one byte too far ends the process, whatever compiled the code that
 * went there. The compiler's own sanitizers watch this side of the interface.
 *
 *     hostile SEED ROUNDS guard|heap    heap: each record is a block of its own, for memcheck
 *
 * Prints `source DIGEST`, then `part checks refusals` a line; exit status 1 and one line on what was wrong. The numbers
 * of the spec come from hostile_driver.py by -D: ABI_VERSION, KIND_LAST, CODE_LAST, VERDICT_LAST, REFUSED, and the kinds
 * of the opening.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "dita_kernel.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define WORDS(type) (sizeof(type) / sizeof(int64_t))
#define BATCH 17
#define PATTERN 0xA5

static const int64_t EDGES[] = {
    0, 1, -1, 2, 7, 8, 15, 16, 63, 64, 1000000, 1000001, INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MIN + 1,
    (int64_t)1 << 60, ((int64_t)1 << 60) + 1, -((int64_t)1 << 60), (int64_t)1 << 32, -((int64_t)1 << 32),
};

/* ---- counting and chance ---- */

static const char *part = "start";
static long checks, refusals, grand_total;

static void fail(const char *what) {
    fprintf(stderr, "hostile: %s: %s\n", part, what);
    exit(1);
}

static void want(bool holds, const char *what) {
    checks++;
    if (!holds) fail(what);
}

static void begin(const char *name) {
    if (checks) printf("%s %ld %ld\n", part, checks, refusals);
    grand_total += checks;
    part = name;
    checks = refusals = 0;
}

static uint64_t chance_state;

static uint64_t chance(void) { /* xorshift64*, Vigna 2014 */
    chance_state ^= chance_state >> 12;
    chance_state ^= chance_state << 25;
    chance_state ^= chance_state >> 27;
    return chance_state * UINT64_C(2685821657736338717);
}

static int64_t hostile_word(void) {
    uint64_t drawn = chance();
    switch (drawn % 4) {
    case 0: return EDGES[(drawn >> 8) % LENGTH(EDGES)];
    case 1: return (int64_t)(drawn >> 8) % 24;
    case 2: return (int64_t)(chance() >> (1 + (drawn >> 8) % 62));
    default: return (int64_t)chance();
    }
}

static void fill_hostile(void *record, size_t size) {
    for (size_t i = 0; i < size / sizeof(int64_t); i++) ((int64_t *)record)[i] = hostile_word();
}

/* ---- memory between pages that nobody may touch ---- */

#define PAGE 4096

struct room {
    unsigned char *low; /* begins where a forbidden page ends */
    unsigned char *high; /* ends where a forbidden page begins; both in one block in heap mode */
    size_t size, pages;
};

static bool guarded;
static bool at_high;

static struct room room_for(size_t size) {
    size_t pages = (size + PAGE - 1) / PAGE * PAGE;
    if (!guarded) {
        unsigned char *block = malloc(size);
        if (!block) fail("no memory");
        return (struct room){block, block, size, pages};
    }
    unsigned char *map = mmap(NULL, pages + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect(map + PAGE, pages, PROT_READ | PROT_WRITE)) fail("no memory");
    return (struct room){map + PAGE, map + PAGE + pages - size, size, pages};
}

static void give_back(struct room *room) {
    if (!guarded) free(room->low);
    else munmap(room->low - PAGE, room->pages + 2 * PAGE);
}

static void *in(const struct room *room) { return at_high ? room->high : room->low; }

static void read_only(const struct room *room, bool on) {
    if (guarded && mprotect(room->low, room->pages, on ? PROT_READ : PROT_READ | PROT_WRITE)) fail("mprotect");
}

static void *patterned(const struct room *room) { return memset(in(room), PATTERN, room->size); }

static bool untouched(const void *memory, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (((const unsigned char *)memory)[i] != PATTERN) return false;
    return true;
}

static struct room states, inputs, outcomes, accounts, instruments, slots, calls, copies, batch_in, batch_out;

static struct room *const ROOMS[] = {&states, &inputs, &outcomes, &accounts, &instruments,
                                     &slots, &calls, &copies, &batch_in, &batch_out};
static const size_t SIZES[] = {
    sizeof(struct dita_state), sizeof(struct dita_input), sizeof(struct dita_outcome), sizeof(struct dita_account),
    sizeof(struct dita_instrument), sizeof(struct dita_slot), sizeof(struct dita_call), sizeof(struct dita_state),
    BATCH * sizeof(struct dita_input), BATCH * sizeof(struct dita_outcome),
};

/* ---- what must hold of any answer ---- */

static void sound_outcome(const struct dita_outcome *outcome) {
    want(outcome->verdict >= 0 && outcome->verdict <= VERDICT_LAST, "a verdict that has no name");
    want(outcome->code >= 0 && outcome->code <= CODE_LAST, "a code that has no name");
    if (outcome->verdict != REFUSED) return;
    struct dita_outcome refused = {.code = outcome->code};
    want(!memcmp(outcome, &refused, sizeof refused), "a refusal that commands or moves something");
    refusals++;
}

/* Every function that takes a handle, with memory that is as it should be; all must answer alike. */
static void each_by_handle(int64_t handle, int32_t wanted) {
    struct dita_input *input = memset(in(&inputs), 0, sizeof *input);
    struct dita_state *state = patterned(&states), *source = in(&copies);
    struct dita_outcome *outcome = patterned(&outcomes);
    struct dita_call *call = patterned(&calls);
    call->handle = handle;
    memset(&call->input, 0, sizeof call->input);
    read_only(&inputs, true);
    int32_t answers[] = {
        dita_step(handle, input, outcome),
        dita_step_call(call),
        dita_step_order(handle, 0, 0, 1, 0, 0, 0, 0, 0, outcome),
        dita_step_batch(handle, input, 1, outcome),
        dita_snapshot(handle, state, sizeof *state),
        dita_restore(handle, source, sizeof *source),
        dita_read_focus(handle, 0, 0, patterned(&accounts), patterned(&instruments), patterned(&slots)),
    };
    read_only(&inputs, false);
    for (size_t i = 0; i < LENGTH(answers); i++) want(answers[i] == wanted, "a handle got another answer than it should");
    if (wanted == DITA_OK) return;
    refusals += LENGTH(answers);
    want(untouched(outcome, sizeof *outcome) && untouched(&call->outcome, sizeof call->outcome) &&
             untouched(state, sizeof *state) && untouched(in(&accounts), accounts.size) &&
             untouched(in(&instruments), instruments.size) && untouched(in(&slots), slots.size),
         "memory was written although the handle was refused");
}

static int64_t opened(void) {
    int64_t handle = dita_open();
    if (handle <= 0) fail("a kernel that should open does not");
    return handle;
}

static void snapshot_into(int64_t handle, struct dita_state *state) {
    want(dita_snapshot(handle, state, sizeof *state) == DITA_OK, "no snapshot of an open kernel");
}

/* An account with a contract, a seed and an entry, so that deep paths are met. */
static void prepare(int64_t handle) {
    struct dita_input *input = in(&inputs);
    struct dita_outcome *outcome = in(&outcomes);
    const struct dita_input opening[] = {
        {.kind = KIND_REGISTER, .lot = 10000, .tick = 1000000000, .quantity_min = 10000, .notional_min = 200000000,
         .price_max = 100000000000000000, .quantity_max = 100000000000, .taker_ppb = 500000, .maker_ppb = 200000},
        {.kind = KIND_SET_LIMITS, .slot_limit = 16, .ratio_ppm = 3000000},
        {.kind = KIND_SEED, .amount = 100000000000000, .time_ns = 1},
        {.kind = KIND_ENTER, .trade = 1, .side = 1, .quantity = 10000000, .price = 500000000000000, .legs = 1,
         .ratios = {1000000}},
        {.kind = KIND_ORDER, .trade = 1, .quantity = 5000000, .quote = 250000000000, .time_ns = 2},
    };
    for (size_t i = 0; i < LENGTH(opening); i++) {
        *input = opening[i];
        want(dita_step(handle, input, outcome) == DITA_OK && outcome->verdict != REFUSED, "the opening was refused");
    }
}

/* ---- the parts ---- */

/* The three questions that any loader may ask any image: they write 32 bytes and no more. */
static void identity(void) {
    begin("identity");
    want(dita_abi_version() == ABI_VERSION, "another version of the interface than the package speaks");
    struct room room = room_for(32);
    for (int side = 0; side < 2; side++) {
        at_high = side;
        unsigned char *out = in(&room);
        memset(room.low, PATTERN, guarded ? room.pages : 32);
        dita_layout_fingerprint(out);
        want(!untouched(out, 32) && (side || !guarded || untouched(out + 32, room.pages - 32)), "layout: 32 bytes");
        memset(room.low, PATTERN, guarded ? room.pages : 32);
        dita_source_digest(out);
        want(!untouched(out, 32) && (side || !guarded || untouched(out + 32, room.pages - 32)), "source: 32 bytes");
    }
    printf("source ");
    for (int i = 0; i < 32; i++) printf("%02x", ((unsigned char *)in(&room))[i]);
    printf("\n");
    give_back(&room);
}

static void any_bits(long rounds) {
    begin("any_bits");
    struct dita_state *before = malloc(sizeof *before);
    for (long i = 0; i < rounds; i++) {
        at_high = i & 1;
        struct dita_state *state = in(&states);
        struct dita_input *input = in(&inputs);
        struct dita_outcome *outcome = in(&outcomes);
        if (i % 16 < 2) fill_hostile(state, sizeof *state);
        fill_hostile(input, sizeof *input);
        if (chance() % 4) input->kind = (int64_t)(chance() % (KIND_LAST + 2));
        if (chance() % 8) input->slot = (int64_t)(chance() % DITA_SLOTS);
        if (chance() % 8) input->instrument = (int64_t)(chance() % DITA_INSTRUMENTS);
        memcpy(before, state, sizeof *before);
        read_only(&inputs, true);
        want(dita_step_state(state, input, outcome) == DITA_OK, "a step on any bits was not taken");
        read_only(&inputs, false);
        sound_outcome(outcome);
        if (outcome->verdict == REFUSED) want(!memcmp(before, state, sizeof *before), "a refusal changed the state");
        fill_hostile(in(&accounts), accounts.size);
        fill_hostile(in(&instruments), instruments.size);
        fill_hostile(in(&slots), slots.size);
        want(dita_step_focus(in(&accounts), in(&instruments), in(&slots), input, outcome) == DITA_OK, "no focus step");
        sound_outcome(outcome);
    }
    free(before);
}

static void every_field(void) {
    begin("every_field");
    int64_t handle = opened();
    prepare(handle);
    struct dita_state *sound = in(&copies), *after = in(&states);
    snapshot_into(handle, sound);
    for (int64_t kind = -1; kind <= KIND_LAST + 1; kind++)
        for (size_t word = 0; word < WORDS(struct dita_input); word++)
            for (size_t edge = 0; edge < LENGTH(EDGES); edge++) {
                struct dita_input *input = memset(in(&inputs), 0, sizeof *input);
                struct dita_outcome *outcome = in(&outcomes);
                input->kind = kind;
                input->trade = 1;
                ((int64_t *)input)[word] = EDGES[edge];
                want(dita_step(handle, input, outcome) == DITA_OK, "a field of an input stopped the call");
                sound_outcome(outcome);
                snapshot_into(handle, after);
                bool same = !memcmp(sound, after, sizeof *after);
                if (outcome->verdict == REFUSED) want(same, "a refusal changed the kernel");
                if (!same) want(dita_restore(handle, sound, sizeof *sound) == DITA_OK, "its own state was refused");
            }
    want(dita_close(handle) == DITA_OK, "not closed");
}

static void every_word_of_a_state(int64_t every) {
    begin("every_word_of_a_state");
    int64_t handle = opened();
    prepare(handle);
    struct dita_state *sound = malloc(sizeof *sound);
    snapshot_into(handle, sound);
    struct dita_state *hostile = in(&copies), *after = in(&states);
    memcpy(hostile, sound, sizeof *sound);
    for (size_t word = chance() % (uint64_t)every; word < WORDS(struct dita_state); word += (size_t)every)
        for (size_t edge = 0; edge < LENGTH(EDGES); edge++) {
            int64_t kept = ((int64_t *)hostile)[word];
            ((int64_t *)hostile)[word] = EDGES[edge];
            int32_t answer = dita_restore(handle, hostile, sizeof *hostile);
            want(answer == DITA_OK || answer == DITA_BAD_STATE, "a state is taken or refused, nothing else");
            snapshot_into(handle, after);
            want(!memcmp(after, answer == DITA_OK ? hostile : sound, sizeof *after), "the kernel holds another state");
            if (answer == DITA_BAD_STATE) refusals++;
            else want(dita_restore(handle, sound, sizeof *sound) == DITA_OK, "its own state was refused");
            ((int64_t *)hostile)[word] = kept;
        }
    free(sound);
    want(dita_close(handle) == DITA_OK, "not closed");
}

static void every_length(void) {
    begin("every_length");
    const int64_t size = sizeof(struct dita_state);
    const int64_t lengths[] = {INT64_MIN, INT64_MIN + 1, -size, -8, -1, 0, 1, 7, 8, size - 8, size - 1, size + 1,
                               size + 8, 2 * size, INT64_MAX / 2, INT64_MAX};
    const int64_t counts[] = {INT64_MIN, -1, INT64_MAX, INT64_MAX / 176, INT64_MAX / 352 + 1, (int64_t)1 << 60};
    int64_t handle = opened();
    struct dita_state *first = in(&copies), *state = in(&states);
    snapshot_into(handle, first);
    for (size_t i = 0; i < LENGTH(lengths); i++) {
        patterned(&states);
        want(dita_snapshot(handle, state, lengths[i]) == DITA_BAD_LENGTH, "a snapshot of another length");
        want(untouched(state, sizeof *state), "a refused snapshot was written");
        want(dita_restore(handle, first, lengths[i]) == DITA_BAD_LENGTH, "a restore of another length");
        refusals += 2;
    }
    for (size_t i = 0; i < LENGTH(counts); i++) {
        memset(in(&batch_in), 0, batch_in.size);
        struct dita_outcome *out = patterned(&batch_out);
        want(dita_step_batch(handle, in(&batch_in), counts[i], out) == DITA_BAD_LENGTH, "an impossible count");
        memcpy(state, first, sizeof *state);
        want(dita_step_state_batch(state, in(&batch_in), counts[i], out) == DITA_BAD_LENGTH, "an impossible count");
        want(untouched(out, batch_out.size) && !memcmp(state, first, sizeof *state), "a refused batch did something");
        refusals += 2;
    }
    for (int64_t count = 0; count <= BATCH; count++) {
        fill_hostile(in(&batch_in), batch_in.size);
        struct dita_outcome *out = patterned(&batch_out);
        want(dita_step_batch(handle, in(&batch_in), count, out) == DITA_OK, "a batch that fits was refused");
        want(untouched(out + count, (size_t)(BATCH - count) * sizeof *out), "more outcomes than inputs were written");
        for (int64_t i = 0; i < count; i++) sound_outcome(out + i);
    }
    want(dita_close(handle) == DITA_OK, "not closed");
}

static void every_pointer(void) {
    begin("every_pointer");
    int64_t handle = opened();
    unsigned char *block = malloc(64 * 1024);
    int64_t *whole = (int64_t *)block;
    memset(block, PATTERN, 64 * 1024);
    for (int off = 0; off < 8; off++) {
        /* off 0: no memory at all; else memory that no record may begin at. */
        void *bad = off ? block + off : NULL;
        void *call[5] = {whole, whole + 4096, whole + 5120, whole + 6144, whole + 7168};
        for (int wrong = 0; wrong < 5; wrong++) {
            void *kept = call[wrong];
            call[wrong] = bad;
            want(dita_step_focus(call[0], call[1], call[2], call[3], call[4]) == DITA_BAD_POINTER, "focus: pointer");
            if (wrong < 3) {
                want(dita_step_state(call[0], call[1], call[2]) == DITA_BAD_POINTER, "step_state: pointer");
                want(dita_step_state_batch(call[0], call[1], 2, call[2]) == DITA_BAD_POINTER, "state_batch: pointer");
                want(dita_read_focus(handle, 0, 0, call[0], call[1], call[2]) == DITA_BAD_POINTER, "read_focus: pointer");
            }
            if (wrong < 2) {
                want(dita_step(handle, call[0], call[1]) == DITA_BAD_POINTER, "step: pointer");
                want(dita_step_batch(handle, call[0], 2, call[1]) == DITA_BAD_POINTER, "batch: pointer");
            }
            call[wrong] = kept;
            refusals++;
        }
        want(dita_step_call(bad) == DITA_BAD_POINTER, "step_call: pointer");
        want(dita_step_order(handle, 0, 0, 1, 0, 0, 0, 0, 0, bad) == DITA_BAD_POINTER, "step_order: pointer");
    }
    want(dita_snapshot(handle, NULL, sizeof(struct dita_state)) == DITA_BAD_POINTER, "snapshot: pointer");
    want(dita_restore(handle, NULL, sizeof(struct dita_state)) == DITA_BAD_POINTER, "restore: pointer");
    /* Two that share a word, in either order. */
    int64_t *late = whole + 4096 - 1;
    want(dita_step(handle, (void *)(whole + 21), (void *)whole) == DITA_BAD_POINTER, "step: overlap");
    want(dita_step(handle, (void *)whole, (void *)(whole + 43)) == DITA_BAD_POINTER, "step: overlap");
    want(dita_step_state((void *)whole, (void *)(whole + WORDS(struct dita_state) - 1), (void *)late) == DITA_BAD_POINTER,
         "step_state: overlap");
    want(dita_step_state((void *)whole, (void *)late, (void *)whole) == DITA_BAD_POINTER, "step_state: overlap");
    want(dita_read_focus(handle, 0, 0, (void *)whole, (void *)(whole + 24), (void *)late) == DITA_BAD_POINTER,
         "read_focus: overlap");
    want(untouched(block, 64 * 1024), "a refused pointer was written through");
    /* Bytes need no alignment, and a record needs no more than its own. */
    want(dita_snapshot(handle, block + 1, sizeof(struct dita_state)) == DITA_OK, "snapshot: bytes anywhere");
    want(dita_restore(handle, block + 1, sizeof(struct dita_state)) == DITA_OK, "restore: bytes anywhere");
    for (size_t edge = 0; edge < LENGTH(EDGES); edge++) {
        struct dita_account *account = patterned(&accounts);
        bool exists = EDGES[edge] >= 0 && EDGES[edge] < DITA_SLOTS;
        int32_t wanted = exists ? DITA_OK : DITA_BAD_INDEX;
        want(dita_read_focus(handle, EDGES[edge], 0, account, in(&instruments), in(&slots)) == wanted, "index of a slot");
        if (!exists) want(untouched(account, sizeof *account), "a refused index was answered");
        exists = EDGES[edge] >= 0 && EDGES[edge] < DITA_INSTRUMENTS;
        wanted = exists ? DITA_OK : DITA_BAD_INDEX;
        want(dita_read_focus(handle, 0, EDGES[edge], account, in(&instruments), in(&slots)) == wanted, "index");
    }
    free(block);
    want(dita_close(handle) == DITA_OK, "not closed");
}

/* Exactly DITA_KERNELS open: a place that leaked, or one too many, is noticed. */
static void table_is_whole(void) {
    int64_t handles[DITA_KERNELS];
    for (int i = 0; i < DITA_KERNELS; i++) handles[i] = opened();
    want(dita_open() == -DITA_TABLE_FULL, "more kernels than there are places");
    for (int i = 0; i < DITA_KERNELS; i++) want(dita_close(handles[i]) == DITA_OK, "not closed");
}

static void every_handle(long rounds) {
    begin("every_handle");
    struct dita_state *fresh = in(&copies);
    table_is_whole();
    int64_t open = opened();
    snapshot_into(open, fresh);
    for (long i = 0; i < rounds; i++) {
        int64_t first = opened();
        prepare(first);
        each_by_handle(first, DITA_OK);
        want(dita_close(first) == DITA_OK, "not closed");
        each_by_handle(first, DITA_BAD_HANDLE);
        int64_t second = opened();
        want(second != first && second % DITA_KERNELS == first % DITA_KERNELS, "the place was not used again");
        each_by_handle(first, DITA_BAD_HANDLE);
        want(dita_close(first) == DITA_BAD_HANDLE, "a handle was closed twice");
        struct dita_state *again = in(&states);
        snapshot_into(second, again);
        want(!memcmp(again, fresh, sizeof *again), "a new kernel remembers the last one in its place");
        int64_t made_up[] = {0, -first, first + DITA_KERNELS, second + DITA_KERNELS, second ^ 1, hostile_word(),
                             (int64_t)chance()};
        for (size_t k = 0; k < LENGTH(made_up); k++)
            if (made_up[k] != second && made_up[k] != open) {
                each_by_handle(made_up[k], DITA_BAD_HANDLE);
                want(dita_close(made_up[k]) == DITA_BAD_HANDLE, "a made-up handle was closed");
            }
        each_by_handle(second, DITA_OK);
        want(dita_close(second) == DITA_OK, "not closed");
    }
    want(dita_close(open) == DITA_OK, "not closed");
    table_is_whole();
}

/* ---- two threads ---- */

static int64_t shared;
static atomic_bool inside, stop; /* set once the other thread has been in the kernel; set to end it */

static void *step_on(void *unused) {
    struct dita_input *many = calloc(2000, sizeof *many);
    struct dita_outcome *out = calloc(2000, sizeof *out);
    while (!stop) {
        int32_t answer = dita_step_batch(shared, many, 2000, out);
        if (answer != DITA_OK && answer != DITA_BUSY && answer != DITA_BAD_HANDLE) fail("a batch beside another thread");
        inside = true;
    }
    free(many);
    free(out);
    return unused;
}

static void *open_and_close(void *rounds) {
    for (long i = *(long *)rounds; i; i--) {
        int64_t handle = dita_open();
        if (handle <= 0 || dita_close(handle) != DITA_OK) fail("opening and closing beside another thread");
    }
    return rounds;
}

static void two_threads(long rounds) {
    begin("two_threads");
    pthread_t other;
    shared = opened();
    if (pthread_create(&other, NULL, step_on, NULL)) fail("no thread");
    while (!inside) sched_yield();
    struct dita_input *input = memset(in(&inputs), 0, sizeof *input);
    for (int busy = 0; busy < 20;) { /* the other is nearly always inside, so this ends soon */
        struct dita_outcome *outcome = patterned(&outcomes);
        int32_t answer = dita_step(shared, input, outcome);
        want(answer == DITA_OK || answer == DITA_BUSY, "a step beside another thread");
        if (answer == DITA_OK) continue;
        want(untouched(outcome, sizeof *outcome), "whoever is second was answered");
        struct dita_state *state = patterned(&states);
        answer = dita_snapshot(shared, state, sizeof *state);
        want(answer == DITA_OK || answer == DITA_BUSY, "a snapshot beside another thread");
        if (answer == DITA_BUSY) want(untouched(state, sizeof *state), "whoever is second saw the state");
        answer = dita_restore(shared, in(&copies), sizeof *state);
        want(answer == DITA_OK || answer == DITA_BUSY || answer == DITA_BAD_STATE, "a restore beside another thread");
        refusals++;
        busy++;
    }
    int32_t closed = DITA_BUSY;
    for (int tries = 0; closed == DITA_BUSY; tries++) {
        closed = dita_close(shared);
        refusals += closed == DITA_BUSY;
        if (tries == 1000) stop = true;
        sched_yield();
    }
    want(closed == DITA_OK, "closing beside another thread");
    stop = true;
    pthread_join(other, NULL);
    if (pthread_create(&other, NULL, open_and_close, &rounds)) fail("no thread");
    open_and_close(&rounds);
    pthread_join(other, NULL);
    table_is_whole();
}

static void arithmetic(long rounds) {
    begin("arithmetic");
    for (long i = 0; i < rounds; i++) {
        int64_t a = hostile_word(), b = hostile_word(), c = hostile_word(), d = hostile_word();
        int64_t sum = 0;
        for (int twice = 0; twice < 2; twice++) {
            int64_t now = (int64_t)((uint64_t)dita_notional(a, b) + (uint64_t)dita_cost_share(a, b, c) +
                                    (uint64_t)dita_predicted_fee(a, b) + (uint64_t)dita_calibrated_rate(a, b) +
                                    (uint64_t)dita_is_multiple(a, b) + (uint64_t)dita_minimum_quantity(a, b, c, d) +
                                    (uint64_t)dita_leg_quantity(a, b, c, d) + (uint64_t)dita_price_plausible(a, b, c) +
                                    (uint64_t)dita_within_leverage(a, b, c) + (uint64_t)dita_fits_scales(a, b, c, d));
            if (twice) want(now == sum, "the same numbers gave another answer");
            sum = now;
        }
    }
}

/* Called by the crate's panic handler, where an operator can reach one: nothing may unwind across the interface. */
void dita_kernel_panic_is_reachable(void);
void dita_kernel_panic_is_reachable(void) { fail("a panic was reached"); }

/* Named by the library of the language where it is not optimised away; there is nothing that unwinds. */
void rust_eh_personality(void);
void rust_eh_personality(void) { fail("something unwinds"); }

int main(int argc, char **argv) {
    if (argc != 4) fail("usage: hostile SEED ROUNDS guard|heap");
    chance_state = strtoull(argv[1], NULL, 10) | 1;
    long rounds = strtol(argv[2], NULL, 10);
    guarded = !strcmp(argv[3], "guard");
    for (size_t i = 0; i < LENGTH(ROOMS); i++) *ROOMS[i] = room_for(SIZES[i]);
    identity();
    any_bits(50 * rounds);
    for (int side = 1; side >= 0; side--) {
        at_high = side;
        if (side || rounds >= 100) every_field();
        every_length();
        every_pointer();
        every_handle(rounds);
    }
    at_high = true;
    every_word_of_a_state(rounds >= 100 ? 3 : 101);
    arithmetic(100 * rounds);
    two_threads(10 * rounds);
    begin("end");
    for (size_t i = 0; i < LENGTH(ROOMS); i++) give_back(ROOMS[i]);
    printf("total %ld\n", grand_total);
    return 0;
}
