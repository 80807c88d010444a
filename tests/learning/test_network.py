"""Laws of the phase-scoring network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces

from signalrl.control.observation import FEATURES, SCALES, Feature
from signalrl.learning.network import CENTRAL, MASKED, PhaseCritic, PhaseScorer
from signalrl.learning.policy import PhaseScoringPolicy


@pytest.fixture
def rows():
    torch.manual_seed(0)
    rows = torch.rand(6, 5, FEATURES)
    rows[:, :, Feature.EXISTS] = 1.0
    rows[:, :, Feature.REQUESTABLE] = 1.0
    return rows


@pytest.fixture
def scorer():
    torch.manual_seed(1)
    return PhaseScorer(prior=0.3)


def test_permuting_phases_permutes_logits(rows, scorer):
    order = torch.tensor([3, 1, 4, 0, 2])
    assert torch.allclose(scorer(rows[:, order]), scorer(rows)[:, order], atol=1e-5)
    critic = PhaseCritic()
    assert torch.allclose(critic(rows[:, order]), critic(rows), atol=1e-5)


def test_padding_changes_nothing(rows, scorer):
    padded = torch.cat([rows, torch.zeros(6, 3, FEATURES)], dim=1)
    logits = scorer(padded)
    assert torch.allclose(logits[:, :5], scorer(rows), atol=1e-5)
    assert (logits[:, 5:] == MASKED).all()
    critic = PhaseCritic()
    assert torch.allclose(critic(padded), critic(rows), atol=1e-5)


def test_phases_that_may_not_be_requested_are_masked(rows, scorer):
    rows[:, 2, Feature.REQUESTABLE] = 0.0
    probabilities = torch.softmax(scorer(rows), dim=1)
    assert (probabilities[:, 2] == 0).all()
    assert torch.allclose(probabilities.sum(dim=1), torch.ones(6))


def test_the_prior_prefers_demand_and_dislikes_what_is_cut_off(rows):
    scorer = PhaseScorer(prior=5.0, switching_cost=1.0)
    more = rows.clone()
    more[:, 1, Feature.QUEUED] += 3.0
    assert (scorer(more).argmax(dim=1) == 1).all()
    more[:, 1, Feature.LOST] += 5.0
    assert (scorer(more).argmax(dim=1) != 1).all()


@pytest.mark.parametrize(("queued", "expected"), [(0, 1), (6, 1), (13, 3), (20, 5), (80, 5)])
def test_the_cost_of_switching_grows_with_the_queue_at_the_signal(rows, queued, expected):
    def cost(growth):
        torch.manual_seed(1)
        scorer = PhaseScorer(prior=0.3, growth=growth)
        rows[:, :, Feature.TOTAL_QUEUED] = queued / float(SCALES[Feature.TOTAL_QUEUED])
        free = rows.clone()
        free[:, :, Feature.LOST] = 0.0
        with torch.no_grad():
            scorer.score[-1].weight.zero_()  # what is left is the greedy score
            return scorer(free) - scorer(rows)

    assert torch.allclose(cost(4.0), expected * cost(0.0), atol=1e-5)


def test_the_queue_behind_the_signal_counts_against_a_phase(rows):
    def score(seen, **prior):
        torch.manual_seed(1)
        scorer = PhaseScorer(prior=0.3, **prior)
        with torch.no_grad():
            scorer.score[-1].weight.zero_()  # what is left is the greedy score
            return scorer(seen)

    vehicles = rows.clone()
    vehicles[:, 2, Feature.DOWNSTREAM_QUEUE] += 2.0 / float(SCALES[Feature.DOWNSTREAM_QUEUE])
    assert torch.equal(score(vehicles), score(rows))
    cost = score(rows, pressure=0.5) - score(vehicles, pressure=0.5)
    assert torch.allclose(cost[:, 2], torch.full((6,), 0.3 * 0.5 * 2.0), atol=1e-5)
    assert torch.equal(cost[:, :2], torch.zeros(6, 2))


def test_what_is_for_a_central_critic_moves_no_actor(rows):
    space = spaces.Box(0.0, np.inf, (5, FEATURES + CENTRAL), np.float32)
    torch.manual_seed(2)
    policy = PhaseScoringPolicy(space, spaces.Discrete(5), lambda _: 1e-3, central=True)
    few, many = (torch.cat([rows, torch.full((6, 5, CENTRAL), v)], dim=2) for v in (0.0, 3.0))
    assert policy.learned.features == FEATURES
    logits = [policy.get_distribution(seen).distribution.logits for seen in (few, many)]
    assert torch.equal(*logits)
    assert not torch.allclose(policy.predict_values(few), policy.predict_values(many))
