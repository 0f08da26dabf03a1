"""The README's table of figures, made from the records of the benchmarks.

What stands between the markers ``<!-- figures: begin -->`` and ``<!-- figures: end -->`` is
replaced. A figure without a record reads "not measured yet".

    python benchmarks/readme_tables.py            writes the table into README.md
    python benchmarks/readme_tables.py --check    exits 1 when README.md is out of date
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
UNMEASURED = "not measured yet"
PACKAGES = ("python", "scikit-learn", "skorch", "torch", "numpy")

Record = dict[str, Any]


class Figure(NamedTuple):
    """A row of the table: what it says, the record it reads, and how the record is told."""

    text: str
    record: str
    told: Callable[[Record], str]
    must: str
    aim: str = ""


def _over_seeds(goal: str) -> Callable[[Record], str]:
    def told(results: Record) -> str:
        figure = results["figures"][goal]
        ratio, seconds, peer = figure["ratio"], figure["seconds"], figure["tutorial_seconds"]
        at_least = "at least " if figure["ratio_is_a_lower_bound"] else ""
        parts = [
            f"{at_least}1/{ratio['median']:.0f} (median; ratio {_plus_minus(ratio, 1)}, "
            f"{ratio['min']:.0f} to {ratio['max']:.0f}, {ratio['n']} seeds)",
            f"{_plus_minus(seconds, 2)} s to {_plus_minus(figure['accuracy'], 2, 100)} %"
            + _missed(figure["accuracy"]["mean"], float(goal) / 100),
            f"tutorial {_plus_minus(peer, 0)} s{_stopped(figure, goal)}",
        ]
        return "; ".join(parts)

    return told


def _missed(accuracy: float, goal: float) -> str:
    return "" if accuracy >= goal else " (**goal missed**)"


def _stopped(figure: Record, goal: str) -> str:
    if not figure["ratio_is_a_lower_bound"]:
        return ""
    reached, seeds = figure["tutorial_reached"], len(figure["tutorial_epochs"])
    return (
        f", which reached {goal} % with {reached} of {seeds} seeds in "
        f"{max(figure['tutorial_epochs'])} epochs, so the ratio is a lower bound"
    )


def _throughput(net: str, peer: str) -> Callable[[Record], str]:
    def told(results: Record) -> str:
        rates = results[net]["samples_per_second"]
        return (
            f"{_quartiles(results[net]['ratio_to'][peer], 'x')}; "
            f"{rates['ours']['mean']:,.0f} ± {rates['ours']['std']:,.0f} against "
            f"{rates[peer]['mean']:,.0f} ± {rates[peer]['std']:,.0f} a second"
        )

    return told


def _conformance(results: Record) -> str:
    checks, laws = list(results["estimators"].values()), results["laws"]
    return f"checks of {len(checks)} estimators: {_counts(checks)}; own laws: {_counts([laws])}"


def _counts(all_counts: list[Record]) -> str:
    kinds = ("passed", "failed", "skipped", "expected_failures")
    sums = {kind: sum(counts[kind] for counts in all_counts) for kind in kinds}
    return ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in sums.items())


def _import_time(results: Record) -> str:
    torch = "torch **imported**" if results["imports_torch"] else "torch not imported"
    return f"{_quartiles(results['added_s'], ' s', 3)}; {torch}"


def _peak_memory(results: Record) -> str:
    warm, cold = (results[kind]["peak_bytes"] for kind in ("warm", "cold"))
    return (
        f"{_plus_minus(warm, 0, 1e-6)} MB ({warm['n']} runs); in a process that never fitted "
        f"before {_plus_minus(cold, 0, 1e-6)} MB"
    )


def _damage(results: Record) -> str:
    return (
        f"{results['n_failures']} failures of {results['n']:,} files; load "
        f"{results['load_ms_median']:.1f} ms in the median, {results['load_ms_max']:.0f} ms at most"
    )


def _pruned(results: Record) -> str:
    """Errors of the pruned network and its controls, in percent, and what it took."""
    figures = results["figures"]
    errors = {name: _error(figures["accuracy"][name]) for name in figures["accuracy"]}
    kept = figures["kept_share"]["mean"]
    parts = [f"error {errors['pruned']} % ({figures['accuracy']['pruned']['n']} seeds)"]
    if "longer" in errors:
        loss = [_plus_minus(figures["loss"][name], 2, 100) for name in ("dense", "longer")]
        parts.append(
            f"{loss[0]} points below the dense net, {loss[1]} below the one trained as long in all"
        )
        parts.append(f"multiply-adds {figures['multiply_adds_share']['mean']:.2f}x")
        parts.append(f"batch-64 latency {_plus_minus(figures['latency_share'], 2)}x")
    else:
        parts.append(f"{100 * kept:.2f} % of the parameters kept")
    parts.append(f"dense {errors['dense']} %")
    parts += [f"{text} {errors[name]} %" for name, text in CONTROLS.items() if name in errors]
    seconds = figures["seconds_share"]["mean"]
    return "; ".join([*parts, f"pruning and fine-tuning {seconds:.1f}x the dense training's time"])


def _quantized(scheme: str) -> Callable[[Record], str]:
    def told(results: Record) -> str:
        figures = results["figures"]["schemes"][scheme]
        parts = [
            f"{_plus_minus(figures['loss'], 2, 100)} points lost ({figures['loss']['n']} seeds), "
            f"error {_error(figures['accuracy'])} %",
            f"file {figures['file_share']['mean']:.1%} of float32",
        ]
        if "agreement" in figures:
            share = f"{figures['agreement']['min']:.2%}"
            parts.append(f"{share} or more of the engine's answers as simulated")
        if "longer" in results["figures"]:
            parts.append(f"dense for as long {_error(results['figures']['longer'])} %")
        return "; ".join(parts)

    return told


def _packed(size: str) -> Callable[[Record], str]:
    def told(results: Record) -> str:
        figures = results["figures"]["sizes"][size]
        parts = [
            f"error {_error(figures['accuracy'])} % ({figures['accuracy']['n']} seeds; dense "
            f"{_error(results['figures']['dense'])} %)",
            f"file {figures['file_bytes']['mean']:,.0f} bytes "
            f"(at most {figures['largest_file_bytes']:,}), {figures['ratio']['mean']:.0f}x smaller",
        ]
        if not figures["answers_equal"]:
            parts.append("**other answers than before it was saved**")
        return "; ".join(parts)

    return told


def _transferred(results: Record) -> str:
    """Errors of the transferred network and its controls, in percent, and the time it saves."""
    figures = results["figures"]
    errors = {name: _plus_minus(figures["error"][name], 2) for name in figures["error"]}
    parts = [
        f"error {errors.pop('transferred')} % ({figures['error']['scratch']['n']} seeds); "
        f"that from scratch, {errors.pop('scratch')} %, divided by "
        f"{figures['error_divided_by']:.1f}; {figures['points_over_scratch']:.1f} points more, and "
        f"{figures['points_over_plain']:.1f} more than without augmentation",
        *(f"{LESSONS[name]} {error} %" for name, error in errors.items()),
    ]
    share, n_reached = figures["seconds_share"], figures["n_reached"]
    if share is not None:
        parts.append(
            f"as good as from scratch after {share['mean']:.3f}x its seconds "
            f"({n_reached} of {figures['error']['scratch']['n']} seeds)"
        )
    return "; ".join(parts)


def _unlabelled(results: Record) -> str:
    accuracy = results["figures"]["accuracy"]
    with_unlabelled, alone, spread_labels = (
        _plus_minus(accuracy[name], 2, 100)
        for name in ("with unlabelled", "teacher", "spread labels")
    )
    n_seeds = accuracy["teacher"]["n"]
    return (
        f"{with_unlabelled} % ({n_seeds} seeds); without the unlabelled images {alone} %, "
        f"scikit-learn's label spreading alone {spread_labels} %"
    )


def _distilled(results: Record) -> str:
    """Share of the gap that teaching closed, and the accuracies it is a share of."""
    figures = results["figures"]
    accuracy = {name: _plus_minus(figures["accuracy"][name], 2, 100) for name in LEARNERS}
    share = figures["n_parameters"]["student"] / figures["n_parameters"]["teacher"]
    return (
        f"{figures['gap_closed']:.2f} of the gap ({figures['accuracy']['student']['n']} seeds): "
        f"teacher {accuracy['teacher']} %, student alone {accuracy['student']} %, "
        f"taught {accuracy['distilled']} %, with {share:.3f}x the parameters"
    )


def _search_epochs(results: Record) -> str:
    """Epochs until random search's final score, as shares of what random search trained."""
    figures = results["figures"]
    n_seeds = figures["random"]["accuracy"]["n"]

    def told(name: str) -> str:
        share = figures[name]["until_random_any"]
        missed = n_seeds - share["n_reached"]
        never = f", {missed} of {n_seeds} seeds never" if missed else ""
        mean = f"{share['mean_share_of_budget']:.2f}x in the mean"
        return f"{name} {share['median_share_of_budget']:.2f}x ({mean}{never})"

    return "; ".join(told(name) for name in _searches(figures) if name != "random")


def _search_accuracy(results: Record) -> str:
    figures = results["figures"]
    told = (f"{n} {_plus_minus(figures[n]['accuracy'], 2, 100)} %" for n in _searches(figures))
    return "; ".join(told)


def _search_overhead(results: Record) -> str:
    figures = results["figures"]
    names = [name for name in _searches(figures) if name in (*OURS, "optuna", "skopt")]
    return "; ".join(f"{n} {_plus_minus(figures[n]['overhead'], 1, 100)} %" for n in names)


def _searches(figures: Record) -> list[str]:
    """Ours first, then the peers."""
    return [name for name in (*OURS, *PEERS) if name in figures]


def _search_resumed(results: Record) -> str:
    return "; ".join(
        f"{name}: {f['n_same_best']} of {f['n_kills']} with the same best candidate, "
        f"{f['n_finished_again']} finished trainings repeated"
        for name, f in results["figures"].items()
    )


def _search_failures(results: Record) -> str:
    return "; ".join(
        f"{name}: {f['n_results']} results and {f['n_named_reasons']} named reasons of "
        f"{f['n_candidates']}"
        for name, f in results["figures"].items()
    )


def _optimized(results: Record) -> str:
    figures = results["figures"]
    before, after = figures["baseline"], figures["optimized"]
    return (
        f"file {figures['file_bytes_ratio']['mean']:.0f}x smaller "
        f"({figures['file_bytes_ratio']['min']:.0f}x at least), latency "
        f"{figures['latency_ms_ratio']['mean']:.1f}x lower "
        f"({figures['latency_ms_ratio']['min']:.1f}x at least), "
        f"{_plus_minus(figures['points_lost'], 2)} points lost "
        f"({figures['points_lost']['max']:.2f} at most, {after['accuracy']['n']} seeds); "
        f"error {_error(before['accuracy'])} before, {_error(after['accuracy'])} after; "
        f"{after['seconds']['mean']:.0f} s"
    )


def _speedups(results: Record) -> str:
    kinds = results["kinds"]
    return "; ".join(f"{kind} {_plus_minus(f['speedup'], 2)}x" for kind, f in kinds.items())


def _against_archives(results: Record) -> str:
    shares = {
        form: file["file_bytes"] / min(file["lzma_9e_bytes"], file["zstandard_22_bytes"])
        for form, file in results.items()
    }
    return ", ".join(f"{form} {share:.3f}x" for form, share in shares.items())


def _over_entropy(results: Record) -> str:
    more = {form: file["file_bytes"] - file["entropy_bytes"] for form, file in results.items()}
    most = max(more, key=lambda form: more[form] / results[form]["entropy_bytes"])
    return (
        f"at most {more[most] / results[most]['entropy_bytes']:.1%} more ({most}: "
        f"{more[most]:,.0f} bytes over {results[most]['entropy_bytes']:,.0f})"
    )


def _milliseconds(key: str) -> Callable[[Record], str]:
    return lambda results: ", ".join(f"{form} {file[key]:.0f} ms" for form, file in results.items())


def _engine_latency(results: Record) -> str:
    shapes = list(results["shares"].values())
    in_engine = _span(shape["onnxruntime"]["median"] for shape in shapes)
    count = f" ({len(shapes)} shapes)" if len(shapes) > 1 else ""
    eager = _span(shape["torch"] for shape in shapes)
    return f"{in_engine} in ONNX Runtime, {eager} in torch{count}"


def _span(ratios: Iterable[float]) -> str:
    found = list(ratios)
    low, high = min(found), max(found)
    return f"{low:.2f}x" if high - low < 0.005 else f"{low:.2f}x to {high:.2f}x"


def _latency(size: str) -> Callable[[Record], str]:
    def told(results: Record) -> str:
        figures = results["latency"][size]
        ratios, ours = figures["times_eager"], "onnxruntime, int8"
        parts = [
            f"{_quartiles(ratios[ours], 'x')} of {figures['faster_eager']}",
            f"{_quartiles(figures['times_float'], 'x')} of float32 in ONNX Runtime",
        ]
        others = [name for name in ratios if name not in (ours, figures["faster_eager"])]
        parts += [f"{name} {ratios[name]['median']:.2f}x" for name in others]
        return "; ".join(parts)

    return told


def _overhead(results: Record) -> str:
    added = results["predict_proba_overhead"]
    return (
        f"{added['median_us']:.0f} microseconds ({added['q25_us']:.0f} to {added['q75_us']:.0f}) "
        f"over {added['bare_us']:.0f}"
    )


def _error(accuracy: Record) -> str:
    return _plus_minus({"mean": 1 - accuracy["mean"], "std": accuracy["std"]}, 2, 100)


def _quartiles(ratio: Record, unit: str, digits: int = 2) -> str:
    middle, low, high = (f"{ratio[key]:.{digits}f}" for key in ("median", "q25", "q75"))
    return f"{middle}{unit} ({low} to {high}, {ratio['n']} rounds)"


def _plus_minus(values: Record, digits: int, factor: float = 1.0) -> str:
    mean = f"{values['mean'] * factor:z.{digits}f}"
    return mean if values["std"] is None else f"{mean} ± {values['std'] * factor:.{digits}f}"


MNIST = "MNIST, one thread: seconds of `fit` until {} %, against the usual tutorial recipe in torch"
RATE = "samples a second of training, {}, against skorch's {}"
PREDICT = "`predict_proba` of 10,000 images against the bare module in one batch loop, {}"
OURS = ("hyperband", "bayes", "hyperband random", "hyperband asynchronous")
PEERS = ("random", "random twice", "optuna", "optuna from defaults", "skopt", "halving")
SEARCHED = (("digits", "digits"), ("mnist-6000", "6,000 MNIST images"))
OPTIMIZED = (
    (
        "mnist",
        "MNIST from a LeNet-5",
        "100x and 3.5x within 0.2 points, 20 minutes",
        "300x and 6x within 0.1 points",
    ),
    ("digits", "digits", "20x smaller, accuracy not lower, 2 minutes", ""),
)
SEARCH = (
    "search, {}, 12 dimensions: epochs until random search's final validation score, of its own"
)
SKORCH = (("skorch_defaults", "defaults", "1.8x", "2.5x"), ("skorch_fast", "fastest settings"))
NETS = (("lenet5", "LeNet-5"), ("compact", "compact CNN"))
CONTROLS = {
    "longer": "dense for as long in all",
    "random": "random criterion",
    "small": "small dense net from scratch",
    "by_hand": "cut by hand with torch-pruning",
}
LESSONS = {
    "as many steps": "from scratch for as many steps",
    "as many seconds": "for as many seconds",
    "plain": "defaults without augmentation",
    "logistic regression": "logistic regression on pixels",
    "support vectors": "support vectors on pixels",
}
TRANSFERRED = (
    ("digits-5", "digits, 5 labels a class, from `mnist-compact`", "2.5, +10, 1/4", "4, +15, 1/20"),
    ("digits-10", "digits, 10 labels a class, from `mnist-compact`", "1.8", "3"),
    ("mnist-10", "MNIST, 10 labels a class, from the digits alone", "1.3", "2"),
    (
        "cifar10-50",
        "CIFAR-10, five classes from the other five, 50 labels a class",
        "+5 points",
        "+15",
    ),
)
LEARNERS = ("teacher", "student", "distilled")
DISTILLED = (
    ("mnist-1000", "1,000 labels and the other training images without theirs"),
    ("mnist-ensemble", "all labels, ten networks as the teacher"),
)
QUARTER = "MNIST, channels of the {}, multiply-adds cut to a quarter"
WITHIN = ("within 0.15 points of the dense net, latency 0.5x", "0.05 points, 0.35x")
PRUNING = (
    ("lenet300-5", "MNIST, LeNet-300-100, 5 % of the parameters kept", "error 1.60 %", "1.45 %"),
    ("lenet300-2", "MNIST, LeNet-300-100, 2 % kept", "error 2.0 %", "1.75 %"),
    ("lenet5-1", "MNIST, LeNet-5, 1 % kept", "error 0.85 %", "0.70 %"),
    ("lenet5-0.36", "MNIST, LeNet-5, 0.36 % kept", "error 1.0 %", "0.75 %"),
    ("channels-lenet5", QUARTER.format("LeNet-5"), *WITHIN),
    ("channels-compact", QUARTER.format("compact CNN"), *WITHIN),
    (
        "channels-residual",
        "CIFAR-10, channels of the residual CNN, multiply-adds halved",
        "within 0.5 points of the dense net trained as long in all",
        "no loss",
    ),
)
QUANTIZED = (
    ("lenet5", "MNIST, LeNet-5", "int8", "0.05 points, file 27 %", "0, 25.5 %"),
    ("lenet5", "MNIST, LeNet-5", "int4", "0.10 points, file 15 %", "0.03, 13 %"),
    ("lenet5", "MNIST, LeNet-5", "ternary", "0.15 points", "0.05"),
    ("lenet5", "MNIST, LeNet-5", "binary", "0.30 points, file 5 %", "0.10, 3.5 %"),
    ("binary-mlp", "MNIST, pixels in any order, MLP", "binary", "error 1.35 %", "1.29 %"),
    ("residual", "CIFAR-10, residual CNN", "int8", "0.3 points", "0.1"),
    ("residual", "CIFAR-10, residual CNN", "int4", "0.8 points", "0.3"),
)
PACKED = (
    ("lenet5", "LeNet-5, error at most 0.7 %", "9000", "11.5 KB", "6 KB"),
    ("lenet5", "LeNet-5, error at most 0.85 %", "3000", "6 KB", "3 KB"),
    ("lenet5", "LeNet-5, error at most 1.0 %", "3000", "4.1 KB", "1.5 KB"),
    ("lenet300", "LeNet-300-100, error at most 1.95 %", "6000", "16.7 KB", "8.5 KB"),
    ("any", "any network, error at most 0.45 %", "11000", "11.0 KB", "6 KB"),
    ("lenet5", "any network, error at most 0.94 %", "3000", "5.4 KB", "1.5 KB"),
)
SPEED = (
    (
        "lenet5",
        "LeNet-5",
        {"1": ("3.5x", "4.7x"), "64": ("1.3x", "3.7x"), "1024": ("1.7x", "5.9x")},
    ),
    ("residual", "residual CNN", {"1": ("4x", "6x"), "64": ("2x", "6x"), "1024": ("3.5x", "14x")}),
)
FIGURES = (
    Figure(
        "`check_estimator` of every public estimator, array API checks on, and this package's laws",
        "conformance",
        _conformance,
        "all pass, no expected failure",
    ),
    Figure(MNIST.format("99.0"), "time_to_accuracy", _over_seeds("99.0"), "1/50", "1/100"),
    Figure(MNIST.format("99.4"), "time_to_accuracy", _over_seeds("99.4"), "1/8", "1/15"),
    *(
        Figure(RATE.format(title, words), "throughput", _throughput(net, peer), *goals)
        for peer, words, *goals in (*SKORCH[:1], (*SKORCH[1], ""))
        for net, title in NETS
    ),
    Figure(
        "`fit` against a hand-written torch loop with the same tricks",
        "fit_overhead",
        lambda results: _quartiles(results["ratio"], "x its time", 3),
        "at most 1.05x",
        "1.02x",
    ),
    *(
        Figure(
            PREDICT.format(title),
            "predict_overhead",
            lambda results, net=net: _quartiles(results[net]["ratio"], "x its time", 3),
            "at most 1.10x",
        )
        for net, title in NETS
    ),
    Figure("`import skdeepopt`", "import_time", _import_time, "under 0.3 s, torch not imported"),
    Figure(
        "peak memory added by fitting 60,000 uint8 images",
        "peak_memory",
        _peak_memory,
        "under 400 MB",
        "250 MB",
    ),
    *(Figure(text, f"pruning-{name}", _pruned, must, aim) for name, text, must, aim in PRUNING),
    *(
        Figure(f"{text}, {scheme} weights", f"quantization-{row}", _quantized(scheme), must, aim)
        for row, text, scheme, must, aim in QUANTIZED
    ),
    *(
        Figure(f"MNIST, packed {text}", f"packing-{row}", _packed(size), must, aim)
        for row, text, size, must, aim in PACKED
    ),
    *(
        Figure(f"transferred: {text}", f"transfer-{row}", _transferred, must, aim)
        for row, text, must, aim in TRANSFERRED
    ),
    *(
        Figure(
            f"distilled: MNIST, {text}", f"distillation-{row}", _distilled, "half", "all of the gap"
        )
        for row, text in DISTILLED
    ),
    Figure(
        "MNIST, 10 labels a class, the other training images without theirs",
        "distillation-mnist-unlabelled",
        _unlabelled,
        "98 %",
        "99.0 %",
    ),
    Figure(
        "features only: second and later fits of a search over heads, against the first",
        "feature_search",
        lambda results: (
            f"{results['share']['mean']:.3f}x (at most {results['share']['max']:.3f}x of "
            f"{results['first_s']:.1f} s)"
        ),
        "1/20",
        "",
    ),
    *(
        figure
        for name, data in SEARCHED
        for figure in (
            Figure(SEARCH.format(data), f"search-{name}", _search_epochs, "1/4", "1/10"),
            Figure(
                f"the same: test accuracy of what was found at equal epochs, {data}",
                f"search-{name}",
                _search_accuracy,
                "not below any peer beyond the deviation",
                "above all",
            ),
            Figure(
                f"the same: share of the seconds outside training and scoring, {data}",
                f"search-{name}",
                _search_overhead,
                "under 5 %",
                "2 %",
            ),
        )
    ),
    Figure(
        "searches killed (`kill -9`) at random moments and resumed",
        "search_resume",
        _search_resumed,
        "same best candidate, no finished one trained again",
    ),
    Figure(
        "searches of 100 candidates of which 30 fail in every way",
        "search_failures",
        _search_failures,
        "70 results, 30 named reasons",
    ),
    *(
        Figure(f"`AutoOptimizer`, {text}", f"auto-{name}", _optimized, must, aim)
        for name, text, must, aim in OPTIMIZED
    ),
    Figure(
        "candidates on two local workers against one, times as fast",
        "scaling",
        _speedups,
        "1.7x on dask and ray",
        "1.9x",
    ),
    *(
        Figure(
            f"int8 {title}, batch {size}, times as fast as eager torch in its faster layout",
            f"quantization-speed-{net}",
            _latency(size),
            *goals,
        )
        for net, title, sizes in SPEED
        for size, goals in sizes.items()
    ),
    *(
        Figure(
            f"`predict_proba` of one image over the engine's bare call, int8 {title}",
            f"quantization-speed-{net}",
            _overhead,
            "60 microseconds",
            "25",
        )
        for net, title, _ in SPEED
    ),
    *(
        Figure(
            f"`QuantizedEstimator.fit` around a frozen {title}, all training images",
            f"quantization-speed-{net}",
            lambda results: f"{_plus_minus(results['quantizing_s'], 2)} s",
            *goals,
        )
        for net, title, goals in (("lenet5", "LeNet-5", ("3 s", "1 s")),)
    ),
    *(
        Figure(
            f"the same channels of the {title}, batch-64 latency over the dense net's",
            "pruning_latency",
            lambda results, net=net: _engine_latency(results[net]),
            "0.5x",
            "0.35x",
        )
        for net, title in NETS
    ),
    Figure(
        "model file of LeNet-5 over its safetensors under lzma or zstandard, the smaller one",
        "model_file",
        _against_archives,
        "smaller in every case",
        "by a fifth",
    ),
    Figure(
        "whole model file over the entropy of its own model",
        "model_file",
        _over_entropy,
        "3 % plus 200 bytes",
        "1 %",
    ),
    Figure(
        "model file of LeNet-5: load and first prediction",
        "model_file",
        _milliseconds("load_and_predict_ms"),
        "under 50 ms",
        "10 ms",
    ),
    Figure("the same: save", "model_file", _milliseconds("save_ms"), "under 1 s", "0.2 s"),
    Figure(
        "damaged and hostile model files: refused or loaded, within a second",
        "damage",
        _damage,
        "0 failures, under 1 s",
    ),
)


def read_records(folder: Path) -> dict[str, Record]:
    """The records that are there, of those that the table needs."""
    paths = {figure.record: folder / f"{figure.record}.json" for figure in FIGURES}
    return {
        name: json.loads(path.read_text(encoding="utf-8"))
        for name, path in paths.items()
        if path.exists()
    }


def table(records: dict[str, Record]) -> str:
    """The table in Markdown, and what it was measured on."""
    lines = ["| figure | measured | must | aim |", "|---|---|---|---|"]
    lines += [
        f"| {f.text} | {_measured(f, records.get(f.record))} | {f.must} | {f.aim} |"
        for f in FIGURES
    ]
    lines += ["", "Means ± standard deviation; of ratios and import times the median (quartiles)."]
    return "\n".join(lines + _machines(records))


def _measured(figure: Figure, record: Record | None) -> str:
    if record is None:
        return UNMEASURED
    try:
        return figure.told(record["results"])
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"readme_tables: the record {figure.record!r} does not have the shape that its "
            f"script writes now ({error!r}). Did you forget to run it again?"
        ) from error


def _machines(records: dict[str, Record]) -> list[str]:
    """A line for each machine and set of versions; the figures are named where there are many."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name, record in records.items():
        groups.setdefault(_ran_on(record), []).append(name)
    lines = []
    for (machine, versions), names in groups.items():
        threads = {records[name]["config"].get("threads") for name in names} - {None}
        count = "/".join(map(str, sorted(threads)))
        clocks = f"threads: {count}, " if threads else ""
        figures = f": {', '.join(names)}" if len(groups) > 1 else ""
        lines.append(f"Measured on {machine}, {clocks}with {versions}{figures}.")
    return lines


def _ran_on(record: Record) -> tuple[str, str]:
    machine, versions = record["machine"], record["versions"]
    named = (f"{package} {versions[package]}" for package in PACKAGES if package in versions)
    return f"{machine['cpu']} ({', '.join(machine['instructions'])})", ", ".join(named)


def updated(readme: str, content: str) -> str:
    """`readme` with `content` between the markers."""
    counts = readme.count(BEGIN), readme.count(END)
    if counts != (1, 1) or readme.index(BEGIN) > readme.index(END):
        raise ValueError(
            f"readme_tables: README.md holds the markers {BEGIN} and {END} once each, in this "
            f"order, not {counts[0]} and {counts[1]} times."
        )
    before, after = readme.partition(BEGIN)[0], readme.partition(END)[2]
    return f"{before}{BEGIN}\n{content}\n{END}{after}"


def main(arguments: list[str] | None = None) -> int:
    """Write the table or check it; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 if out of date")
    parser.add_argument("--quick", action="store_true", help="print the table, write nothing")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--records", type=Path, default=ROOT / "benchmarks" / "records")
    asked = parser.parse_args(arguments)
    content = table(read_records(asked.records))
    if asked.quick:
        print(content)
        return 0
    if not asked.readme.exists():
        print(f"readme_tables: there is no {asked.readme.name} to put the table into.")
        return 1
    before = asked.readme.read_text(encoding="utf-8")
    try:
        after = updated(before, content)
    except ValueError as error:
        print(error)
        return 1
    if not asked.check:
        asked.readme.write_text(after, encoding="utf-8")
        return 0
    if before != after:
        print("README.md is out of date: run python benchmarks/readme_tables.py")
    return int(before != after)


if __name__ == "__main__":
    sys.exit(main())
