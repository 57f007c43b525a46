"""The contract of images on a real engine, with a registry on this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aisuite.adapters.images import DockerImages
from tests.bed.place import Bed
from tests.contract.test_images import (  # noqa: F401  pytest finds them here, and gives them this module's case
    Case,
    test_a_caller_who_raises_from_the_progress_ends_the_pull,
    test_a_digest_that_nobody_has_is_not_replaced_by_the_tag,
    test_a_fetched_image_is_found_by_its_tag_and_by_its_digest,
    test_a_file_that_is_gone_has_no_digest,
    test_a_saved_file_has_the_sha256_that_was_returned,
    test_a_tag_that_nobody_has_is_refused,
    test_an_image_fetched_by_its_digest_gets_its_tag,
    test_fetching_again_takes_a_tag_where_it_points_now,
    test_nothing_is_built_on_a_base_that_is_not_here,
    test_what_is_not_here_cannot_be_saved_and_leaves_no_file,
    test_what_was_never_fetched_is_not_here,
)
from tests.docker.registry import serving

pytestmark = pytest.mark.docker


@pytest.fixture
def case(docker_environment: Bed) -> Iterator[Case]:
    with serving(docker_environment) as registry:
        yield Case(DockerImages(), f"{registry.host}/team/image", registry.push)
