"""Defects of the adapter, put back one by one: each turns red the test that was written against it.

Three of them at every commit, rotating; all of them in a campaign. That every patch still applies is checked at every
commit with those of the other rooms.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from dita.conformance.defects import Defect, defects, planted, run_python
from dita.kernel.image import IMAGE_PATH
from machine_profiles import commit_seed, rotating

DEFECTS = {defect.name: defect for defect in defects() if defect.name.startswith("adapter-")}
# What notices it, by file under `tests`.
FILES: dict[str, dict[str, str]] = {
    "adapters/test_bingx_limiter.py": {
        "adapter-queue-by-arrival": "test_closings_overtake_openings_of_every_endpoint_of_the_account",
        "adapter-queue-without-order": "test_the_queue_is_served_by_rank_then_by_arrival",
        "adapter-reserve-for-all": "test_openings_leave_room_for_closings",
        "adapter-address-limit-ignored": "test_closings_overtake_openings_of_every_endpoint_of_the_account",
        "adapter-period-too-short": "test_no_window_ever_sees_more_than_the_limit",
    },
    "adapters/test_bingx_transport.py": {
        "adapter-no-connection-for-closings": "test_slow_replies_and_a_spent_limit_hold_up_no_closing",
        "adapter-closed-keeps-waiting": "test_a_closed_transport_sends_nothing_and_says_so",
        "adapter-place-never-left": "test_who_gives_up_waiting_leaves_the_queue_and_the_next_one_is_told",
        "adapter-stamped-before-the-wait": "test_a_request_is_signed_stamped_and_complete",
    },
    "adapters/test_bingx_stream_captures.py": {
        "adapter-book-worst-first": "test_every_captured_market_frame_is_read_or_left_out",
        "adapter-deeper-book-taken": "test_every_captured_market_frame_is_read_or_left_out",
        "adapter-one-event-name": "test_every_form_of_an_order_push_is_read",
    },
    "adapters/test_bingx_captures.py": {
        "adapter-exit-waits-as-opening": "test_cancels_and_closings_leave_first_then_reads_then_what_may_add_risk",
        "adapter-echo-of-another": "test_a_yes_without_its_order_is_unknown",
    },
    "adapters/test_bingx_orders.py": {
        "adapter-submit-replayed": "test_a_bad_gateway_is_not_tried_at_the_fallback",
        "adapter-time-out-is-rejected": "test_silence_is_unknown_and_is_never_tried_again_anywhere",
    },
    "adapters/test_bingx_errors.py": {
        "adapter-unknown-code-is-definite": "test_what_a_row_says_is_what_becomes_of_the_order",
        "adapter-any-positions-text": "test_a_submit_answer_has_the_class_of_its_code",
    },
    "adapters/test_bingx_bad_input.py": {
        "adapter-trouble-floods-the-log": "test_trouble_is_told_once_counted_always_and_bounded",
        "adapter-nobodys-row-skipped": "test_a_row_that_does_not_say_whose_it_is_fails_the_listing",
        "adapter-missing-money-is-zero": "test_a_field_that_must_be_there_fails_the_read_by_name",
        "adapter-new-status-ends-an-order": "test_a_status_nobody_wrote_down_keeps_the_order_open_and_is_told_once",
        "adapter-bomb-unpacked": "test_frames_made_to_hurt_cost_little_memory_and_end_the_session",
    },
    "adapters/test_bingx_streams.py": {
        "adapter-frames-unbounded": "test_whatever_ends_a_session_is_a_gap_then_a_new_key_and_a_new_connection",
        "adapter-last-frames-lost": "test_what_came_before_the_end_is_read_although_no_heartbeat_can_be_answered",
        "adapter-gaps-not-counted": "test_whatever_ends_a_session_is_a_gap_then_a_new_key_and_a_new_connection",
        "adapter-gap-begins-when-noticed": "test_a_gap_begins_at_the_last_frame_however_late_the_loss_is_noticed",
    },
    "adapters/test_logic_backfill.py": {
        "adapter-gap-read-once": "test_orders_then_fills_since_before_the_gap_and_again_after_the_lag",
        "adapter-failed-read-forgotten": "test_whatever_fails_everything_is_read_in_each_pass_and_waits_are_bounded",
    },
    "adapters/test_logic_orders.py": {
        "adapter-contradicted-sum-kept": "test_frames_that_contradict_each_other_are_not_used",
        "adapter-listing-ends-an-order": "test_only_a_pushed_end_or_a_query_ends_an_order",
    },
    "runtime/test_account_watch.py": {
        "adapter-newer-gap-only": "test_a_gap_in_a_gap_is_read_from_the_older_start",
        "adapter-fills-of-a-gap-unread": "test_a_late_fill_of_an_order_that_had_ended_is_found_by_its_fill_row",
    },
    "adapters/test_bingx_secrets.py": {
        "adapter-quoted-key-logged": "test_a_failing_session_writes_no_secret",
    },
    "adapters/test_bingx_stops.py": {
        "adapter-stop-may-open": "test_what_is_sent_can_only_close",
        "adapter-stop-on-any-price": "test_what_is_sent_can_only_close",
        "adapter-stop-any-echo": "test_only_the_echo_of_this_stop_accepts_it",
    },
    "adapters/test_bingx_key_change.py": {
        "adapter-key-used-to-its-end": "test_a_key_that_cannot_be_extended_is_replaced_without_a_gap",
        "adapter-lost-key-lives-on": "test_a_key_that_is_unknown_has_ended_at_any_time_since_it_was_last_seen_alive",
    },
    "adapters/test_bingx_envelopes.py": {
        "adapter-errors-keep-frames": "test_an_unreadable_message_leaves_nothing_behind",
    },
    "adapters/test_bingx_metrics.py": {
        "adapter-pauses-not-counted": "test_a_counter_rises_with_what_it_counts",
    },
    "adapters/test_bingx_network.py": {
        "adapter-connections-never-closed": "test_closing_gives_back_every_task_socket_and_file",
    },
}
NOTICED_BY = {defect: (file, test) for file, tests in FILES.items() for defect, test in tests.items()}
SAMPLE = rotating(sorted(NOTICED_BY), 3, commit_seed())


def run_test(repository: Path, name: str, defect: Defect | None) -> subprocess.CompletedProcess[str]:
    """Run the test of a defect on a copy of the sources with the defect in it, or without any."""
    file, test = NOTICED_BY[name]
    settings = ["-c", str(repository / "pyproject.toml"), "--rootdir", str(repository), "-p", "no:cacheprovider"]
    with planted(defect) as tree:
        shutil.copy(IMAGE_PATH, tree / "kernel_rs" / "dita" / "kernel")  # the defects are in Python
        where = f"{repository / 'tests' / file}::{test}"
        return run_python(tree, ["-m", "pytest", "-q", "-x", "-rf", *settings, where], seconds=200)


def test_every_defect_of_the_adapter_has_its_test(repository: Path) -> None:
    """A patch that no test notices, or a test that is not there, would prove nothing."""
    assert set(NOTICED_BY) == set(DEFECTS)
    assert len(DEFECTS) >= 40
    for file, test in NOTICED_BY.values():
        assert f"def {test}(" in (repository / "tests" / file).read_text()


@pytest.mark.timeout(250)
@pytest.mark.parametrize("name", SAMPLE)
def test_a_planted_defect_is_noticed(name: str, repository: Path) -> None:
    """The named test fails in the copy that has the defect, and not for want of a module."""
    done = run_test(repository, name, DEFECTS[name])
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED ")]
    assert done.returncode == 1, done.stdout + done.stderr
    assert len(failed) == 1, done.stdout + done.stderr
    assert f"::{NOTICED_BY[name][1]}" in failed[0]
    assert "ImportError" not in done.stdout + done.stderr


@pytest.mark.timeout(250)
def test_nothing_is_noticed_where_nothing_is_planted(repository: Path) -> None:
    """The same question to an unchanged copy: the test passes."""
    done = run_test(repository, SAMPLE[0], None)
    assert done.returncode == 0, done.stdout + done.stderr
