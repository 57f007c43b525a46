"""The engine contract on real containers.

Two laws have no place here: nothing of ours watches containers that could die and leave them as orphans, and the
engine's init starts before a program that is missing (test_engine_laws.py says what comes of that).
"""

from __future__ import annotations

import pytest

from tests.contract.test_engine import (  # noqa: F401  pytest finds them here, and gives them this module's projects
    test_a_program_that_ends_at_once_is_restarting_with_its_exit_code,
    test_a_project_can_be_started_again_after_close,
    test_a_project_is_no_foreign_holder_of_its_own_ports,
    test_a_project_that_was_never_started_has_nothing,
    test_a_second_engine_on_the_project_sees_the_same,
    test_a_service_that_dies_unasked_is_started_again,
    test_a_signal_to_what_does_not_run_is_refused,
    test_a_started_service_is_alive_with_all_that_is_known_about_it,
    test_a_stopped_process_is_paused_and_continues,
    test_a_stopped_service_is_forgotten,
    test_close_stops_everything_and_may_be_repeated,
    test_follow_gives_the_last_lines_and_then_each_new_one,
    test_nothing_starts_before_the_engine_is_open,
    test_of_a_service_that_is_well_nothing_is_noticed,
    test_open_brings_the_engine_up_and_starts_no_service,
    test_opening_again_leaves_running_services_alone,
    test_services_start_and_stop_in_parallel,
    test_starting_a_running_service_replaces_it,
    test_stopping_what_is_not_there_is_fine,
    test_the_tail_of_a_log_is_its_last_lines_oldest_first,
    test_the_tail_of_a_running_service_begins_with_its_last_start,
    test_two_projects_do_not_see_each_other,
)

pytestmark = pytest.mark.docker
