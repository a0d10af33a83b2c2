"""Settings: every wrong one is named, and they survive JSON."""

import dataclasses
import json

import pytest

from gpugrad.errors import ArgumentError, CheckpointError
from gpugrad.train import Config
from gpugrad.train.config import default_batch_size

WRONG = {
    "task": "clustering",
    "hidden": (256, 0),
    "activation": "swish",
    "norm": "group",
    "dropout": 1.0,
    "label_smoothing": -0.1,
    "optimizer": "lion",
    "lr": 0.0,
    "weight_decay": -1.0,
    "schedule": "linear",
    "epochs": 0,
    "batch_size": 0,
    "patience": -1,
    "clip_norm": float("nan"),
    "held_out": 1.0,
    "validation": 0.0,
    "dtype": "int8",
    "seed": -1,
    "compile": "numpy",
    "out": "",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_setting_is_named_with_what_it_may_be(name):
    option = "--" + name.replace("_", "-")
    with pytest.raises(ArgumentError, match=f"^{option}: got .*; expected "):
        Config("digits", **{name: WRONG[name]})


@pytest.mark.parametrize("name", ["hidden", "dropout", "epochs", "lr", "seed"])
def test_a_setting_of_a_wrong_type_is_named(name):
    with pytest.raises(ArgumentError, match=name):
        Config("digits", **{name: "many"})


@pytest.mark.parametrize(("name", "listed"), [("norm", "layer, batch"), ("task", "classification, regression")])
def test_what_may_be_left_out_is_not_called_none(name, listed):
    with pytest.raises(ArgumentError, match=f"got 'None'; expected one of {listed}; or leave it out$"):
        Config("digits", **{name: "None"})


def test_no_hidden_layer_is_called_as_the_option_calls_it():
    with pytest.raises(ArgumentError, match="or none for a linear model"):
        Config("digits", hidden=(0,))


def test_a_target_is_named_once():
    with pytest.raises(ArgumentError, match=r"^--target: 'price' is given more than once; name each column once$"):
        Config("data.csv", target=("price", "age", "price"))


def test_config_survives_json():
    config = Config("data.csv", target=("price",), hidden=(), lr=1 / 3, text=("zip",), out="runs/x")
    assert Config.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_settings_of_another_version_are_refused():
    with pytest.raises(CheckpointError, match=r"another version of gpugrad"):
        Config.from_dict({**Config("digits").to_dict(), "momentum": 0.9})


def test_every_setting_has_a_check_or_is_free():
    free = {"source", "target", "text", "drop", "device"}
    assert {field.name for field in dataclasses.fields(Config)} - free == set(WRONG)


def test_about_forty_steps_an_epoch():
    assert [default_batch_size(n) for n in (1, 640, 1279, 1280, 2560, 5000, 10**6)] == [16, 16, 16, 32, 64, 64, 512]
