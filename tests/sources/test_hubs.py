"""With stand-ins for both libraries: nothing is downloaded, nor need they be installed."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from skdeepopt import TransferEstimator, load, save
from skdeepopt.sources import resolve_source
from skdeepopt.sources._hubs import HubFeatures

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)


class Backbone(nn.Sequential):
    """A timm model with num_classes=0: pooled features."""

    def __init__(self):
        conv = nn.Conv2d(3, 6, 3, stride=2)
        super().__init__(conv, nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.pretrained_cfg = {"input_size": (3, 32, 32), "mean": MEAN, "std": STD}


def fake_timm(weights):
    """timm with one model, whose weights are in a file as on the hub."""

    def create_model(name, *, pretrained, num_classes):
        assert num_classes == 0
        if name != "tiny":
            raise RuntimeError(f"Unknown model ({name})")
        model = Backbone()
        if pretrained:
            model.load_state_dict(load_file(weights))
        return model

    timm = ModuleType("timm")
    timm.create_model = create_model
    return timm


class Config(SimpleNamespace):
    def to_dict(self):
        return dict(vars(self))


class Model(nn.Module):
    """A transformers model: it answers with the hidden states of all places."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.patches = nn.Conv2d(3, config.hidden_size, 4, stride=4)

    def forward(self, pixel_values):
        hidden = self.patches(pixel_values).flatten(2).transpose(1, 2)
        return SimpleNamespace(last_hidden_state=hidden, pooler_output=None)


def fake_transformers(folder):
    def config_of():
        return Config(model_type="tiny", hidden_size=6, image_size=16, num_channels=3)

    def from_pretrained(name):
        if name != str(folder):
            raise OSError(f"{name} is not a local folder and cannot be reached")
        model = Model(config_of())
        model.load_state_dict(load_file(folder / "model.safetensors"))
        return model

    library = ModuleType("transformers")
    library.AutoModel = SimpleNamespace(from_pretrained=from_pretrained, from_config=Model)
    library.AutoConfig = SimpleNamespace(
        for_model=lambda model_type, **rest: Config(model_type=model_type, **rest)
    )
    processor = SimpleNamespace(image_mean=list(MEAN), image_std=list(STD))
    library.AutoImageProcessor = SimpleNamespace(from_pretrained=lambda name: processor)
    return library


@pytest.fixture
def timm(tmp_path, monkeypatch):
    torch.manual_seed(0)
    save_file(Backbone().state_dict(), tmp_path / "timm.safetensors")
    monkeypatch.setitem(sys.modules, "timm", fake_timm(tmp_path / "timm.safetensors"))
    return "timm:tiny"


@pytest.fixture
def transformers(tmp_path, monkeypatch):
    torch.manual_seed(0)
    save_file(Model(Config(hidden_size=6)).state_dict(), tmp_path / "model.safetensors")
    monkeypatch.setitem(sys.modules, "transformers", fake_transformers(tmp_path))
    return f"hf:{tmp_path}"


@pytest.fixture(params=["timm", "transformers"])
def name(request):
    return request.getfixturevalue(request.param)


def test_a_model_of_a_hub_gives_its_pretrained_features(name):
    first, second = (resolve_source(name, owner="test") for _ in range(2))

    assert first.digest == second.digest
    features = first.body(torch.zeros(2, *first.image_shape))
    assert features.shape == (2, 6)


def test_pixels_come_as_the_model_learned_them(name):
    low, high = resolve_source(name, owner="test").pixel_range

    assert low == pytest.approx([-m / s for m, s in zip(MEAN, STD, strict=True)])
    assert high == pytest.approx([(1 - m) / s for m, s in zip(MEAN, STD, strict=True)])


def test_a_transfer_scales_each_channel(name, images, y):
    model = TransferEstimator(name, strategy="features").fit(images, y)

    dark, bright = torch.zeros(1, 1, 8, 8), torch.full((1, 1, 8, 8), float(images.max()))
    wanted = resolve_source(name, owner="test").pixel_range
    for picture, values in zip((dark, bright), wanted, strict=True):
        torch.testing.assert_close(model.module_.match(picture)[0, :, 0, 0], torch.tensor(values))


def test_a_stored_transfer_needs_the_library_and_not_the_weights(name, images, y, tmp_path):
    model = TransferEstimator(name, max_epochs=1, random_state=0).fit(images, y)
    path = save(model, tmp_path / "model.skdo")
    for weights in tmp_path.glob("*.safetensors"):
        weights.unlink()

    again = load(path)

    assert again.predict_proba(images).tolist() == model.predict_proba(images).tolist()


def test_a_model_that_there_is_not_is_told(timm, transformers):
    with pytest.raises(ValueError, match=r"'timm:tniy' is a model that timm finds.*Unknown model"):
        resolve_source("timm:tniy", owner="test")
    with pytest.raises(ValueError, match=r"that transformers finds.*cannot be reached"):
        resolve_source("hf:nobody/nothing", owner="test")


@pytest.mark.parametrize(("name", "library"), [("timm:x", "timm"), ("hf:x", "transformers")])
def test_a_library_that_is_not_installed_is_told(name, library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)

    with pytest.raises(ImportError, match=f"pip install {library}"):
        resolve_source(name, owner="test")


@pytest.mark.parametrize(
    "answer",
    [
        SimpleNamespace(pooler_output=torch.ones(2, 6, 1, 1)),
        SimpleNamespace(last_hidden_state=torch.ones(2, 5, 6)),
        SimpleNamespace(last_hidden_state=torch.ones(2, 6, 4, 4)),
    ],
)
def test_features_are_one_row_an_image_whatever_a_model_answers(answer):
    class Answering(nn.Module):
        def forward(self, pixel_values):
            return answer

    assert torch.equal(HubFeatures(Answering())(torch.zeros(2, 3, 8, 8)), torch.ones(2, 6))
