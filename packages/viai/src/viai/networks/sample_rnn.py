"""SampleRNN: three tiers that predict the next sample, each at its own rate, and Visual2Sound, which also sees.

The coarse tier takes eight samples at a time, the middle one two; both are recurrent and tell the tier beneath what
to expect. The finest one sees what the middle tier says and the last two samples, and puts out one logit for every
level of amplitude. Samples are levels: ``levels / 2`` is silence, and the steps are equal.

References:
    Mehri et al., "SampleRNN: An Unconditional End-to-End Neural Audio Generation Model", ICLR 2017: section 2 and
    figure 1. Zhou et al., "Visual to Sound: Generating Natural Sound for Videos in the Wild", CVPR 2018: section 4.
"""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from viai.config import NetworkConfig, SampleRNNConfig
from viai.networks.backbone import build_backbone

_FRAME_SCALE = 2.0  # the authors' own: amplitudes enter the recurrent tiers in [-2, 2]


def quantise(samples: Float[Tensor, "*shape"], levels: int) -> Int64[Tensor, "*shape"]:
    """Round amplitudes in [-1, 1] to linear levels; zero becomes ``levels / 2`` exactly."""
    half = levels // 2
    return (torch.round(samples * half).long() + half).clamp(0, levels - 1)


def amplitude(chosen: Int64[Tensor, "*shape"], levels: int) -> Float[Tensor, "*shape"]:
    """Return the amplitude in [-1, 1) of every level."""
    half = levels // 2
    return (chosen - half).to(torch.get_default_dtype()) / half


def _linear(inputs: int, outputs: int, *, bias: bool = True) -> nn.Linear:
    layer = nn.Linear(inputs, outputs, bias=bias)
    nn.init.kaiming_uniform_(layer.weight, nonlinearity="linear")
    if bias:
        nn.init.zeros_(layer.bias)
    weight_norm(layer)
    return layer


class NormalisedGRU(nn.Module):
    """A gated recurrent unit of one layer whose matrices carry weight norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inputs = _linear(width, 3 * width)
        recurrent = nn.Linear(width, 3 * width)
        for gate in torch.split(recurrent.weight.detach(), width):
            nn.init.orthogonal_(gate)
        nn.init.zeros_(recurrent.bias)
        self.recurrent = weight_norm(recurrent)

    def forward(
        self, inputs: Float[Tensor, "batch time width"], state: Float[Tensor, "batch width"]
    ) -> tuple[Float[Tensor, "batch time width"], Float[Tensor, "batch width"]]:
        """Run along time; return every state and the last one."""
        weights = [self.inputs.weight, self.recurrent.weight, self.inputs.bias, self.recurrent.bias]
        states, last = torch.gru(inputs, state[None].contiguous(), weights, True, 1, 0.0, self.training, False, True)
        return states, last[0]


class SampleRNN(nn.Module):
    """The three tiers.

    Args:
        config: Widths and frames.
        sight_features: Numbers a coarse frame that the picture adds; 0 for a network that only hears.
    """

    def __init__(self, config: SampleRNNConfig, sight_features: int = 0) -> None:
        super().__init__()
        self.config = config
        width = config.hidden
        coarse, middle = config.frames
        self.initial = nn.Parameter(torch.zeros(2, width))
        self.coarse_input = _linear(coarse, width)
        self.sight_input = _linear(sight_features, width) if sight_features else None
        self.coarse = NormalisedGRU(width)
        self.coarse_output = _linear(width, coarse // middle * width)
        self.middle_input = _linear(middle, width)
        self.middle = NormalisedGRU(width)
        self.middle_output = _linear(width, middle * width)
        self.embedding = nn.Embedding(config.levels, config.embedding)
        self.fine_input = _linear(middle * config.embedding, width, bias=False)
        self.fine = nn.Sequential(
            nn.ReLU(), _linear(width, width), nn.ReLU(), _linear(width, width), nn.ReLU(), _linear(width, config.levels)
        )

    @property
    def lead(self) -> int:
        """Levels before the first predicted one that have to be given."""
        return self.config.frames[0]

    def tiers(
        self,
        levels: Int64[Tensor, "batch lead_and_time"],
        state: Float[Tensor, "batch 2 hidden"],
        begins: Bool[Tensor, " batch"],
        sight: Float[Tensor, "batch coarse feature"] | None = None,
    ) -> tuple[Float[Tensor, "batch time hidden"], Float[Tensor, "batch 2 hidden"]]:
        """Run both recurrent tiers over known levels.

        Args:
            levels: One coarse frame of the past, then a whole number of coarse frames.
            state: Of the two tiers before the first predicted sample.
            begins: Where a sound begins: there the learnt initial state takes the place of ``state``.
            sight: What is seen during each predicted coarse frame.

        Returns:
            What the finest tier is told about each sample after the lead, and the states after the last.
        """
        coarse, middle = self.config.frames
        time = levels.shape[1] - coarse
        width = self.config.hidden
        state = torch.where(begins[:, None, None], self.initial, state)
        sound = _FRAME_SCALE * amplitude(levels, self.config.levels).to(self.initial.dtype)
        inputs: Tensor = self.coarse_input(torch.unflatten(sound[:, :time], 1, (-1, coarse)))
        if self.sight_input is not None:
            inputs = inputs + self.sight_input(sight)
        states, last_coarse = self.coarse(inputs, state[:, 0])
        told: Tensor = torch.unflatten(self.coarse_output(states), 2, (-1, width)).flatten(1, 2)
        inputs = self.middle_input(torch.unflatten(sound[:, coarse - middle : -middle], 1, (-1, middle)))
        states, last_middle = self.middle(inputs + told, state[:, 1])
        told = torch.unflatten(self.middle_output(states), 2, (-1, width)).flatten(1, 2)
        return told, torch.stack((last_coarse, last_middle), dim=1)

    def tables(self) -> Float[Tensor, "tap level hidden"]:
        """What each level adds to the finest tier from each place: embedding and first layer in one."""
        weight: Tensor = self.fine_input.weight
        taps = torch.unflatten(weight, 1, (-1, self.config.embedding)).transpose(0, 1)
        return torch.matmul(self.embedding.weight, taps.transpose(1, 2))

    def forward(
        self,
        levels: Int64[Tensor, "batch lead_and_time"],
        state: Float[Tensor, "batch 2 hidden"],
        begins: Bool[Tensor, " batch"],
        sight: Float[Tensor, "batch coarse feature"] | None = None,
    ) -> tuple[Float[Tensor, "batch time level"], Float[Tensor, "batch 2 hidden"]]:
        """Predict every level after the lead from those before it; arguments as for :meth:`tiers`.

        Returns:
            Logits, and the states after the last predicted sample.
        """
        told, state = self.tiers(levels, state, begins, sight)
        first = self.lead - self.config.frames[1]
        for tap, table in enumerate(self.tables()):
            told = told + functional.embedding(levels[:, first + tap : first + tap + told.shape[1]], table)
        logits: Tensor = self.fine(told)
        return logits, state


class Visual2Sound(nn.Module):
    """SampleRNN whose coarse tier is also told what is to be seen: the frame-to-frame variant.

    The features of a picture are repeated over all its samples. The original takes them from a VGG-19 trained on
    ImageNet; here the two backbones, for picture and for flow, are trained together with the tiers.
    """

    def __init__(self, config: SampleRNNConfig, network: NetworkConfig) -> None:
        super().__init__()
        features, grid = network.frame_features, network.backbone_grid
        self.frame_network = build_backbone(network.backbone, 3, network.backbone_width, features, grid)
        self.flow_network = build_backbone(network.backbone, 2, network.backbone_width, features, grid)
        self.sound = SampleRNN(config, sight_features=2 * features)

    def describe(
        self, frames: Float[Tensor, "batch picture 3 h w"], flow: Float[Tensor, "batch picture 2 h w"]
    ) -> Float[Tensor, "batch picture feature"]:
        """Describe every picture and its flow, both normalised to about [-1, 1]."""
        seen = torch.cat((self.frame_network(frames.flatten(0, 1)), self.flow_network(flow.flatten(0, 1))), dim=1)
        return torch.unflatten(seen, 0, tuple(frames.shape[:2]))

    def forward(
        self,
        levels: Int64[Tensor, "batch lead_and_time"],
        state: Float[Tensor, "batch 2 hidden"],
        begins: Bool[Tensor, " batch"],
        frames: Float[Tensor, "batch picture 3 h w"],
        flow: Float[Tensor, "batch picture 2 h w"],
        places: Int64[Tensor, " coarse"],
    ) -> tuple[Float[Tensor, "batch time level"], Float[Tensor, "batch 2 hidden"]]:
        """Predict every level after the lead.

        Args:
            levels: See :meth:`SampleRNN.tiers`.
            state: See :meth:`SampleRNN.tiers`.
            begins: See :meth:`SampleRNN.tiers`.
            frames: Pictures that are seen meanwhile.
            flow: Motion that led to each.
            places: Number of the picture that belongs to each predicted coarse frame.

        Returns:
            Logits, and the states after the last predicted sample.
        """
        logits, state = self.sound(levels, state, begins, self.describe(frames, flow)[:, places])
        return logits, state


class _Unit:
    """One recurrent tier, one frame at a time, with its input layer folded into the matrix of the gates."""

    def __init__(self, unit: NormalisedGRU, layer: nn.Linear, state: Float[Tensor, "batch width"]) -> None:
        gates = unit.inputs.weight
        self.frame = (gates @ layer.weight).T.contiguous()
        self.bias = gates @ layer.bias + unit.inputs.bias
        self.recurrent, self.recurrent_bias = unit.recurrent.weight.T.contiguous(), unit.recurrent.bias
        self.state = state

    def step(self, signals: Float[Tensor, "batch gates"]) -> Float[Tensor, "batch width"]:
        """Move on by one frame, from all that enters the gates from outside."""
        again = torch.addmm(self.recurrent_bias, self.state, self.recurrent)
        width = self.state.shape[1]
        reset, update = torch.sigmoid(signals[:, : 2 * width] + again[:, : 2 * width]).chunk(2, dim=1)
        fresh = torch.tanh(torch.addcmul(signals[:, 2 * width :], reset, again[:, 2 * width :]))
        self.state = torch.lerp(fresh, self.state, update)
        return self.state


class Sampler:
    """The network one sample at a time, for many sounds at once.

    :meth:`logits` and :meth:`push` take turns.

    Args:
        network: In the precision in which it shall run.
        recent: The last coarse frame that is known.
        state: Of both tiers, as :meth:`SampleRNN.tiers` returned it for the sound up to ``recent``.
        sight: What is seen during each coarse frame to come.
    """

    def __init__(
        self,
        network: SampleRNN,
        recent: Int64[Tensor, "batch lead"],
        state: Float[Tensor, "batch 2 hidden"],
        sight: Float[Tensor, "batch coarse feature"] | None = None,
    ) -> None:
        self.config = network.config
        with torch.no_grad():
            self.coarse = _Unit(network.coarse, network.coarse_input, state[:, 0])
            self.middle = _Unit(network.middle, network.middle_input, state[:, 1])
            # What the coarse tier tells the middle one goes straight to the gates of the latter.
            outputs, gates = network.coarse_output, network.middle.inputs.weight
            parts = torch.unflatten(outputs.weight, 0, (-1, self.config.hidden))
            self.told = (gates @ parts).flatten(0, 1).T.contiguous()
            self.told_bias = (torch.unflatten(outputs.bias, 0, (-1, self.config.hidden)) @ gates.T).flatten()
            self.output, self.output_bias = network.middle_output.weight.T.contiguous(), network.middle_output.bias
            self.tables = network.tables().contiguous()
            layers = [layer for layer in network.fine if isinstance(layer, nn.Linear)]
            self.layers = [(layer.weight.T.contiguous(), layer.bias) for layer in layers]
            self.seen = None
            if network.sight_input is not None and sight is not None:
                self.seen = (network.sight_input(sight) @ network.coarse.inputs.weight.T).transpose(0, 1).contiguous()
        # Rings of one coarse frame: frames begin at multiples of their length, so each lies in them without a seam.
        self.levels = recent.T.clone()
        self.sound = self._scaled(recent)
        self.position = 0

    def _scaled(self, levels: Int64[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return _FRAME_SCALE * amplitude(levels, self.config.levels).to(self.tables.dtype)

    @torch.no_grad()
    def logits(self) -> Float[Tensor, "batch level"]:
        """Compute the distribution of the next level."""
        coarse, middle = self.config.frames
        now, width = self.position, self.config.hidden
        if now % coarse == 0:
            signals = torch.addmm(self.coarse.bias, self.sound, self.coarse.frame)
            if self.seen is not None:
                signals += self.seen[now // coarse]
            self.below = torch.addmm(self.told_bias, self.coarse.step(signals), self.told)
        if now % middle == 0:
            part = now % coarse // middle * 3 * width
            begin = (now - middle) % coarse
            signals = torch.addmm(self.middle.bias, self.sound[:, begin : begin + middle], self.middle.frame)
            signals += self.below[:, part : part + 3 * width]
            self.beneath = torch.addmm(self.output_bias, self.middle.step(signals), self.output)
        begin = now % middle * width
        x = self.beneath[:, begin : begin + width]
        for tap in range(middle):
            x = x + self.tables[tap].index_select(0, self.levels[(now - middle + tap) % coarse])
        for weight, bias in self.layers:
            x = torch.addmm(bias, x.relu_(), weight)
        return x

    def push(self, levels: Int64[Tensor, " batch"]) -> None:
        """Take the next level of every sound."""
        slot = self.position % self.config.frames[0]
        self.levels[slot] = levels
        self.sound[:, slot] = self._scaled(levels)
        self.position += 1


def draw(
    sampler: Sampler, chances: Float[Tensor, "time batch"], *, temperature: float | int = 1.0
) -> Int64[Tensor, "batch time"]:
    """Continue every sound by drawing level after level from the predicted distribution.

    Args:
        sampler: Of the sounds so far.
        chances: Uniform numbers in (0, 1]: the place within the cumulated distribution at which each level is drawn.
        temperature: Divides the logits; 1 draws from the distribution as it is learnt.
    """
    drawn = torch.empty(chances.shape, dtype=torch.int64, device=chances.device)
    for now, chance in enumerate(chances):
        cumulated = (sampler.logits() / temperature).softmax(dim=1).cumsum(dim=1)
        # The sum is one up to rounding only; times it, no chance falls behind the last level that can be.
        levels = (cumulated < chance[:, None] * cumulated[:, -1:]).sum(dim=1)
        sampler.push(levels)
        drawn[now] = levels
    return drawn.T.contiguous()
