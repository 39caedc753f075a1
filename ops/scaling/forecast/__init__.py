"""Forecasts of a queue's arrivals, used only where its own history shows that they gain."""

from ops.scaling.forecast.ahead import (
    QUANTILE,
    QUANTILES,
    Forecast,
    Forecaster,
    due,
    evaluate,
    forecast,
)
from ops.scaling.forecast.history import BUCKET_SECONDS, KEPT_BUCKETS, History, from_counts
from ops.scaling.forecast.text import from_text, to_text
from ops.scaling.forecast.verdict import Verdict, from_data

__all__ = [
    "BUCKET_SECONDS",
    "KEPT_BUCKETS",
    "QUANTILE",
    "QUANTILES",
    "Forecast",
    "Forecaster",
    "History",
    "Verdict",
    "due",
    "evaluate",
    "forecast",
    "from_counts",
    "from_data",
    "from_text",
    "to_text",
]
