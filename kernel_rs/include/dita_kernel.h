/* The C interface of the DITA kernel image.
 *
 * One header for two readers: the C compiler, and cffi's cdef (build_kernel.py drops the preprocessor lines except
 * integer #define). So: plain declarations, fixed-width types, no bit-fields, no padding, no other macros.
 */
#ifndef DITA_KERNEL_H
#define DITA_KERNEL_H

#include <stddef.h>
#include <stdint.h>

/* ---- identity: these three never change their shape, so that any loader can ask any image who it is ---- */

/* Version of this interface; raised by every change of a declaration in this header. */
uint32_t dita_abi_version(void);

/* SHA-256 of the canonical layout text (dita.spec.layout) of the records below, as the Rust compiler laid them out.
 * Writes 32 bytes. */
void dita_layout_fingerprint(uint8_t out[32]);

/* SHA-256 of the sources this image was built from, as given by build_kernel.py. Writes 32 bytes. */
void dita_source_digest(uint8_t out[32]);

/* ---- records: the fields, order and meaning of the dataclasses of dita.spec; every word is an int64_t ---- */

#define DITA_SLOTS 16
#define DITA_INSTRUMENTS 64
#define DITA_LEGS 8
#define DITA_TAILS 4

/* All input fields, each a signed 64-bit word. Units as in dita.spec.scales. */
struct dita_input {
    int64_t kind;
    int64_t slot;
    int64_t instrument;
    int64_t trade;
    int64_t attempt;
    int64_t time_ns;
    int64_t side;
    int64_t quantity;
    int64_t quote;
    int64_t price;
    int64_t limit_price;
    int64_t post_only;
    int64_t legs;
    int64_t leg;
    int64_t done;
    int64_t reason;
    int64_t part;
    int64_t amount;
    int64_t income_kind;
    int64_t rows;
    int64_t long_quantity;
    int64_t short_quantity;
    int64_t foreign_orders;
    int64_t deadline_ns;
    int64_t checks;
    int64_t mode;
    int64_t slot_limit;
    int64_t ratio_ppm;
    int64_t lot;
    int64_t tick;
    int64_t quantity_min;
    int64_t notional_min;
    int64_t price_max;
    int64_t quantity_max;
    int64_t taker_ppb;
    int64_t maker_ppb;
    int64_t ratios[DITA_LEGS];
};

/* All outcome fields, each a signed 64-bit word. */
struct dita_outcome {
    int64_t verdict;
    int64_t code;
    int64_t moves;
    int64_t from_1;
    int64_t to_1;
    int64_t from_2;
    int64_t to_2;
    int64_t submit;
    int64_t cancel;
    int64_t resolve;
    int64_t reconcile;
    int64_t cancel_protection;
    int64_t slot;
    int64_t instrument;
    int64_t trade;
    int64_t attempt;
    int64_t side;
    int64_t quantity;
    int64_t limit_price;
    int64_t post_only;
    int64_t reduce_only;
    int64_t close_all;
};

/* The books: capital = seed + realised - fees + funding + transfers + adjustments, exactly, always (clause L1). */
struct dita_ledger {
    int64_t seed;
    int64_t realised;
    int64_t fees;
    int64_t fees_provisional;
    int64_t funding;
    int64_t funding_rows;
    int64_t transfers;
    int64_t transfer_rows;
    int64_t adjustments;
    int64_t adjustment_rows;
    int64_t last_money_time_ns;
    int64_t wallet_seen;
    int64_t wallet_amount;
    int64_t wallet_as_of_ns;
    int64_t difference;
};

/* Everything kernel-wide. Aggregates over slots are kept here, so that a step looks at one slot only. */
struct dita_account {
    int64_t mode;
    int64_t seeded;
    int64_t slot_limit;
    int64_t leverage_max_ppm;
    int64_t tolerance;
    int64_t calibration_ppm;
    int64_t trade_high_water;
    int64_t live_slots;
    int64_t unreconciled;
    int64_t exposure;
    struct dita_ledger ledger;
};

/* A registered contract, and what the kernel knows about the venue's side of it. */
struct dita_instrument {
    int64_t registered;
    int64_t holder;
    int64_t reconcile_required;
    int64_t evidence_time_ns;
    int64_t fill_time_ns;
    int64_t lot;
    int64_t tick;
    int64_t quantity_min;
    int64_t notional_min;
    int64_t price_max;
    int64_t quantity_max;
    int64_t taker_ppb;
    int64_t maker_ppb;
};

/* The entry order of the live trade and what it filled. fee is predicted until graded. */
struct dita_entry {
    int64_t ordered;
    int64_t quantity;
    int64_t quote;
    int64_t fee;
    int64_t graded;
    int64_t done;
    int64_t seen;
};

/* The latest exit order of the live trade; attempt 0 means there has been none. */
struct dita_exit {
    int64_t attempt;
    int64_t ordered;
    int64_t quantity;
    int64_t quote;
    int64_t done;
    int64_t seen;
    int64_t everything;
};

/* What has left the position besides the latest exit order, and the fee booked for all exits together. */
struct dita_closed {
    int64_t past_quantity;
    int64_t past_quote;
    int64_t external_quantity;
    int64_t external_quote;
    int64_t fee;
};

/* The exit plan given at ENTER: each leg takes its ratio (ppm) of what then remains; the last takes everything. */
struct dita_plan {
    int64_t legs;
    int64_t next_leg;
    int64_t ratios[DITA_LEGS];
};

/* One settled unit of a finished trade: its entry or its exit side. */
struct dita_half {
    int64_t quantity;
    int64_t quote;
    int64_t fee;
    int64_t graded;
};

/* What a slot remembers of a finished trade until the venue has settled it (clause F1). */
struct dita_tail {
    int64_t trade;
    int64_t instrument;
    int64_t side;
    struct dita_half entry;
    struct dita_half exit;
    int64_t last_attempt;
    int64_t last_attempt_quantity;
};

/* Room for one live trade, and the tails of those that finished in it, newest first. */
struct dita_slot {
    int64_t phase;
    int64_t trade;
    int64_t instrument;
    int64_t side;
    int64_t flatten;
    int64_t fee_rate_ppb;
    int64_t minimum;
    int64_t ref_price;
    int64_t exposure;
    int64_t realised;
    struct dita_entry entry;
    struct dita_exit exit;
    struct dita_closed closed;
    struct dita_plan plan;
    struct dita_tail tails[DITA_TAILS];
};

/* The whole kernel. */
struct dita_state {
    struct dita_account account;
    struct dita_instrument instruments[DITA_INSTRUMENTS];
    struct dita_slot slots[DITA_SLOTS];
};

/* ---- answers: every function below that answers int32_t answers one of these ---- */

#define DITA_OK 0
/* No open kernel has this handle: it was closed, belongs elsewhere, or never was one. */
#define DITA_BAD_HANDLE 1
/* Another call is inside this kernel; nothing was done and nobody waited. */
#define DITA_BUSY 2
/* A length is not the size of the record, or a count is negative or beyond memory. */
#define DITA_BAD_LENGTH 3
/* A word of the state is out of its range; the kernel keeps the state it had. */
#define DITA_BAD_STATE 4
/* All DITA_KERNELS are open. */
#define DITA_TABLE_FULL 5
/* A pointer is null or not aligned to 8 bytes (except of bytes), or two ranges overlap. */
#define DITA_BAD_POINTER 6
/* There is no such slot or instrument. */
#define DITA_BAD_INDEX 7

/* ---- kernels by handle ----
 *
 * A handle is positive. It is refused with DITA_BAD_HANDLE once it was closed, whatever was opened since, and with
 * DITA_BUSY while another thread is inside the same kernel. Pointers must point to what is declared.
 */

#define DITA_KERNELS 64

/* Open a kernel in its first state. Answers its handle, or minus one of the answers above. */
int64_t dita_open(void);

/* Close a kernel. */
int32_t dita_close(int64_t handle);

/* One step: a total function of state and input; the outcome is always written when the answer is DITA_OK. */
int32_t dita_step(int64_t handle, const struct dita_input *input, struct dita_outcome *outcome);

/* The same with everything behind one pointer, which is the cheapest call from Python. */
struct dita_call {
    int64_t handle;
    struct dita_input input;
    struct dita_outcome outcome;
};

int32_t dita_step_call(struct dita_call *call);

/* One step with an ORDER input made of these fields; all others are 0. */
int32_t dita_step_order(int64_t handle, int64_t slot, int64_t instrument, int64_t trade, int64_t attempt,
                        int64_t quantity, int64_t quote, int64_t done, int64_t time_ns, struct dita_outcome *outcome);

/* Steps in turn; outcomes[i] is that of inputs[i]. The same as calling dita_step for each. */
int32_t dita_step_batch(int64_t handle, const struct dita_input *inputs, int64_t number_of_inputs,
                        struct dita_outcome *outcomes);

/* Copy the state to bytes (length must be sizeof(struct dita_state)), and back if every word is in its range. */
int32_t dita_snapshot(int64_t handle, void *destination, int64_t length);
int32_t dita_restore(int64_t handle, const void *source, int64_t length);

/* Copy out the only records that a step on this slot and instrument can change. */
int32_t dita_read_focus(int64_t handle, int64_t slot, int64_t instrument, struct dita_account *account_out,
                        struct dita_instrument *instrument_out, struct dita_slot *slot_out);

/* ---- the same step on the caller's memory, whatever bits it holds ---- */

int32_t dita_step_state(struct dita_state *state, const struct dita_input *input, struct dita_outcome *outcome);
int32_t dita_step_state_batch(struct dita_state *state, const struct dita_input *inputs, int64_t number_of_inputs,
                              struct dita_outcome *outcomes);

/* What is left of a step once the input has selected an instrument and a slot; for worlds with fewer of them. */
int32_t dita_step_focus(struct dita_account *account, struct dita_instrument *instrument, struct dita_slot *slot,
                        const struct dita_input *input, struct dita_outcome *outcome);

/* ---- every product and division of the kernel by its name (dita.reference.arithmetic), pure ---- */

int64_t dita_notional(int64_t quantity, int64_t price);
int64_t dita_cost_share(int64_t cost, int64_t whole, int64_t part);
int64_t dita_predicted_fee(int64_t quote, int64_t fee_rate_ppb);
int64_t dita_calibrated_rate(int64_t rate_ppb, int64_t calibration_ppm);
_Bool dita_is_multiple(int64_t value, int64_t step);
int64_t dita_minimum_quantity(int64_t quantity_min, int64_t notional_min, int64_t ref_price, int64_t lot);
int64_t dita_leg_quantity(int64_t remaining, int64_t ratio_ppm, int64_t lot, int64_t minimum);
_Bool dita_price_plausible(int64_t quote, int64_t quantity, int64_t ref_price);
_Bool dita_within_leverage(int64_t exposure, int64_t capital, int64_t leverage_max_ppm);
_Bool dita_fits_scales(int64_t lot, int64_t tick, int64_t quantity_max, int64_t price_max);

/* ---- measuring ---- */

/* Does nothing: what one call costs by itself, the unit of the benchmarks. */
void dita_noop(const void *pointer);

#endif
