import pytest

from hybridmesh.body import BodyModel
from hybridmesh.config import SynthConfig
from hybridmesh.data.people import PeopleSet
from hybridmesh.data.synthetic import synthesize

SMALL = SynthConfig(size=48, dense_points=60)


@pytest.fixture(scope="session")
def wild(lo: BodyModel) -> PeopleSet:
    return synthesize(lo, [], SMALL, count=8, domain="wild", seed=0)


@pytest.fixture(scope="session")
def studio(lo: BodyModel) -> PeopleSet:
    return synthesize(lo, [], SMALL, count=8, domain="studio", seed=0)
