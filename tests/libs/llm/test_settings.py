"""The environment's `OPENAI_*` become the model's settings."""

from __future__ import annotations

import pytest

from libs.llm.settings import ModelSettings
from libs.process.settings import SettingsError, load


def test_an_empty_environment_means_the_offline_model() -> None:
    assert load(ModelSettings, {"OPENAI_BASE_URL": "", "OPENAI_API_KEY": " "}).offline


@pytest.mark.parametrize("variable", ["OPENAI_BASE_URL", "OPENAI_API_KEY"])
def test_one_variable_takes_over(variable: str) -> None:
    assert not load(ModelSettings, {variable: "http://localhost:11434/v1"}).offline


def test_a_role_s_model_outweighs_the_common_one() -> None:
    settings = load(ModelSettings, {"OPENAI_MODEL": "small", "OPENAI_MODEL_CEO": "large"})
    assert (settings.model_of("ceo"), settings.model_of("cto"), settings.model_of("unheard of")) == (
        "large",
        "small",
        "small",
    )


def test_the_key_does_not_show() -> None:
    assert "sk-1" not in repr(load(ModelSettings, {"OPENAI_API_KEY": "sk-1"}))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OPENAI_BASE_URL", "localhost:11434"),
        ("OPENAI_TIMEOUT_SECONDS", "0"),
        ("OPENAI_TIMEOUT_SECONDS", "soon"),
        ("OPENAI_STRUCTURE", "xml"),
        ("OFFLINE_MODEL_TOKEN_DELAY_MS", "-1"),
    ],
)
def test_a_wrong_value_is_named(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        load(ModelSettings, {variable: value})
