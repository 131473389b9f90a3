"""What is taken for granted and not proved: every certificate lists it, with the tests that would notice its failure.

An assumption is a place where a proof stops. It has an ID that is permanent, one sentence, and at least one test of the
suite that goes red where the sentence is false on this machine, of this program, or of a venue as the simulator plays
it. ``ENVIRONMENT`` are those of the model in ``dita.spec.environment``; ``ASSUMPTIONS`` are all.
"""

from typing import Final, NamedTuple


class Assumption(NamedTuple):
    """One sentence that everything else rests on. ``tests`` are names as pytest writes them, without parameters."""

    id: str
    sentence: str
    tests: tuple[str, ...]


TOOLS: Final = (
    Assumption(
        "tools-translate",
        "The compilers, the linker and the processor do what their manuals say.",
        (
            "tests/kernel/test_step_differential.py::test_walks_agree_with_the_reference",
            "tests/kernel/test_kernel_build.py::test_two_folders_give_the_same_bytes",
        ),
    ),
    Assumption(
        "python-computes",
        "CPython runs the reference as the language manual says, and its integers are exact.",
        (
            "tests/kernel/test_step_arithmetic.py::test_a_cost_share_is_the_nearest_integer",
            "tests/conformance/test_prove_lemmas.py::test_functions_agree_with_exact_fractions",
        ),
    ),
    Assumption(
        "executor-faithful",
        "The symbolic executor and its rewriting of predicates run Python as CPython does.",
        ("tests/conformance/test_prove_executor_check.py::test_the_executor_predicts_what_cpython_does",),
    ),
    Assumption(
        "solvers-sound",
        "The solvers z3 and cvc5 do not both call a satisfiable formula unsatisfiable.",
        (
            "tests/conformance/test_prove_second_opinion.py::test_both_solvers_agree",
            "tests/conformance/test_prove_second_opinion.py::test_the_samples_have_both_answers",
            "tests/conformance/test_prove_lemmas.py::test_lemmas_hold_on_random_numbers",
        ),
    ),
    Assumption(
        "paths-by-one-solver",
        "z3 alone is right that the paths found are all there are and do not overlap.",
        (
            "tests/conformance/test_prove_executor_check.py::test_the_executor_predicts_what_cpython_does",
            "tests/conformance/test_prove_executor_check.py::test_the_second_opinion_looks_at_every_path",
        ),
    ),
    Assumption(
        "instructions-read-rightly",
        "An engine that reads the machine code takes no instruction of the image for another than the processor does.",
        (
            "tests/machine_code/test_image_paths.py::test_an_engine_that_misreads_an_instruction_is_seen_on_the_cpu",
            "tests/machine_code/test_second_route.py::test_an_engine_that_misreads_an_instruction_is_seen",
            "tests/conformance/test_equiv_lifting.py::test_the_processor_agrees_with_a_path_that_was_read_well_and_with_no_other",
        ),
    ),
    Assumption(
        "machine-paths-by-either-solver",
        "Where only one of bitwuzla and cvc5 is asked about a path of the machine code, it is right.",
        (
            "tests/conformance/test_equiv_comparing.py::test_a_solver_that_disagrees_is_no_proof",
            "tests/machine_code/test_image_paths.py::test_a_planted_defect_is_refuted_and_seen_on_the_cpu",
            "tests/machine_code/test_image_paths.py::test_mutants_that_a_step_killed_are_refuted_on_their_machine_code",
        ),
    ),
    Assumption(
        "words-and-integers",
        "The Python that carries integers to words of the machine and back keeps what they are worth.",
        (
            "tests/conformance/test_equiv_words.py::test_a_term_is_carried_over_exactly_where_it_fits",
            "tests/conformance/test_equiv_words.py::test_a_canonical_sum_is_worth_what_the_sum_was",
            "tests/conformance/test_equiv_bodies.py::test_a_word_carried_to_integers_is_worth_what_the_word_is",
        ),
    ),
    Assumption(
        "records-anywhere",
        "A step of the image does the same wherever its records lie, as long as they do not overlap.",
        (
            "tests/conformance/test_equiv_lifting.py::test_the_processor_agrees_with_a_path_that_was_read_well_and_with_no_other",
            "tests/kernel/test_step_differential.py::test_walks_agree_with_the_reference",
        ),
    ),
    Assumption(
        "memory-functions",
        "memset and memcpy of the C library set and copy the bytes that they are told to, and nothing else.",
        (
            "tests/machine_code/test_image_paths.py::test_an_engine_that_misreads_an_instruction_is_seen_on_the_cpu",
            "tests/kernel/test_step_differential.py::test_walks_agree_with_the_reference",
        ),
    ),
    Assumption(
        "seals-hold",
        "Linux lets nobody change a sealed memory file, and maps of a file what is in it.",
        (
            "tests/kernel/test_kernel_loader.py::test_a_sealed_image_cannot_change",
            "tests/kernel/test_loader_gap.py::test_what_is_mapped_is_what_was_hashed_whenever_the_file_is_exchanged",
        ),
    ),
    Assumption(
        "hashes-and-signatures",
        "Nobody finds two contents with one SHA-256, nor makes an Ed25519 signature without the key.",
        (
            "tests/kernel/test_signature.py::test_the_published_vectors_of_ed25519_verify",
            "tests/kernel/test_signature.py::test_the_published_vector_of_the_envelope_verifies",
        ),
    ),
    Assumption(
        "signing-key-kept",
        "Only those who may certify can read the signing key.",
        ("tests/runtime/test_cli_certificate.py::test_a_key_that_others_can_read_is_refused_by_name",),
    ),
)
"""About compilers, solvers, the operating system and cryptography."""

ENVIRONMENT: Final = (
    Assumption(
        "client-id-once",
        "The venue admits a client order id at most once; a second request under it changes nothing.",
        (
            "tests/adapters/test_exchange_matching.py::test_client_ids_are_unique_for_ever",
            "tests/adapters/test_bingx_exchange.py::test_the_same_client_id_again_is_unknown_not_rejected",
        ),
    ),
    Assumption(
        "cumulative-snapshots",
        "The venue reports orders by cumulative snapshots: quantity filled so far, and whether the order is over.",
        (
            "tests/conformance/test_explore_environment.py::test_fills_are_reported_as_cumulative_snapshots",
            "tests/adapters/test_logic_orders.py::test_a_frame_that_does_not_say_how_much_filled_ends_nothing",
        ),
    ),
    Assumption(
        "over-is-final",
        "An order that is over never fills again, and its filled quantity is then final.",
        (
            "tests/conformance/test_explore_environment.py::test_an_ended_order_keeps_what_filled",
            "tests/adapters/test_logic_orders.py::test_growth_after_the_end_is_news",
        ),
    ),
    Assumption(
        "reduce-only-reduces",
        "A reduce-only order never fills more than the position holds; the venue ends it when nothing is left.",
        (
            "tests/conformance/test_explore_environment.py::test_a_reduce_only_order_needs_something_to_reduce",
            "tests/adapters/test_exchange_matching.py::test_reduce_only_reduces_only",
        ),
    ),
    Assumption(
        "refusal-definite",
        "A refusal is definite: a refused request never reaches the book.",
        (
            "tests/adapters/test_exchange_matching.py::test_refused_orders_leave_no_trace",
            "tests/adapters/test_bingx_exchange.py::test_definite_refusals_carry_the_kernels_reason",
        ),
    ),
    Assumption(
        "deadline-kept",
        "A request later than its deadline, by the venue's clock, is refused, unless absence was reported wrongly.",
        (
            "tests/adapters/test_exchange_faults.py::test_delayed_admission_is_judged_by_the_window",
            "tests/adapters/test_bingx_exchange.py::test_the_start_up_probes_pass",
        ),
    ),
    Assumption(
        "absence-by-checks",
        "An order that was never seen and passed every check of the resolution procedure after its deadline is absent.",
        (
            "tests/adapters/test_logic_resolve.py::test_an_order_that_appears_at_any_moment_is_found",
            "tests/adapters/test_bingx_exchange.py::test_an_order_hidden_from_reads_is_not_called_absent",
        ),
    ),
    Assumption(
        "readings-complete",
        "A position or wallet reading holds every change up to its time; a position reading names the open orders.",
        (
            "tests/runtime/test_external_close.py::test_lots_of_our_own_exit_are_not_booked_twice",
            "tests/runtime/test_reconcile.py::test_money_that_moves_around_the_reading_spoils_it",
        ),
    ),
    Assumption(
        "fill-rows-complete",
        "Fill rows are complete once an order is over, each row appears once, and their sums are exact.",
        (
            "tests/runtime/test_settlement.py::test_rows_that_are_not_complete_are_waited_for",
            "tests/runtime/test_settlement.py::test_more_than_was_booked_is_evidence_once",
        ),
    ),
    Assumption(
        "network-honest",
        "The network loses and reorders frames and repeats all but submits, but neither alters nor invents any.",
        (
            "tests/conformance/test_explore_environment.py::test_network_is_a_multiset",
            "tests/adapters/test_bingx_exchange.py::test_what_the_stream_loses_the_reads_bring_back",
        ),
    ),
    Assumption(
        "venue-fair",
        "A fair venue eventually answers what it is asked, cancels what it is told to, and fills a market close.",
        (
            "tests/runtime/test_carrier.py::test_a_rejected_exit_is_tried_for_ever_later_and_later",
            "tests/runtime/test_carrier.py::test_a_cancel_is_repeated_until_the_end_of_the_order_is_known",
        ),
    ),
)
"""About the venue, the network and what they tell."""

ASSUMPTIONS: Final = (*TOOLS, *ENVIRONMENT)
"""What no layer proves. A certificate holds only while it lists exactly these."""
