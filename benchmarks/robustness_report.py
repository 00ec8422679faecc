"""Tables of the robustness benchmark, and what the acceptance lines make of the results."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from robustness_data import SWEPT, levels_of
from robustness_methods import NAMES, TIMED

__all__ = [
    "Verdict",
    "against_table",
    "cross_table",
    "level_table",
    "read_results",
    "sweep_table",
    "time_table",
    "verdicts",
]

NOTHING = "-"
HARD = 1.3  # PGD's error over the oracle's above which a corruption counts
LIMITS = {"exact": 1.05, "other": 1.10, "combined": 1.2}
CLEAN_LIMIT, FLAT_LIMIT = 1.03, 1.15
MOST_DEGREES, MOST_ZOOM, LEAST_MASK = 3.0, 0.05, 0.95
RIVALS = ("pgd", "pgd_paper", "perceptual", "igan", "bigan")
MOST_TIME = 1.5
SWEEP_NEAR, SWEEP_PAIR, SWEEP_SHARE = 1.10, 1.20, 2 / 3


@dataclass(frozen=True)
class Verdict:
    """An acceptance line: what it says, the number found, and whether it holds; None where it was not run."""

    line: str
    value: str = NOTHING
    holds: bool | None = None

    def __str__(self):
        """Write a row of the table."""
        return _line(self.line, self.value, {True: "pass", False: "FAIL", None: "not run"}[self.holds])


def read_results(folder):
    """Read all results of a folder.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    list of dict
    """
    return [json.loads(path.read_text()) for path in sorted(Path(folder).glob("*.json"))]


def _line(*cells):
    return "| " + " | ".join(cells) + " |"


def _head(*cells):
    return [_line(*cells), "|" + "---|" * len(cells)]


def _spread(values, form="{:.2f}"):
    """Write numbers: one, or the mean with the lowest and the highest."""
    if not len(values):
        return NOTHING
    mean, low, high = (form.format(value) for value in (np.mean(values), min(values), max(values)))
    return mean if len(values) == 1 else f"{mean} ({low} to {high})"


def _whole(result):
    return result["d_proj"]["mean"]


def _at_40_degrees(result):
    """Error on the pixels that are seen at 40 degrees; None where it was not measured."""
    return result.get("d_proj_in_sight", {}).get("rotation_40")


def _errors(results, level, method, error=_whole):
    """Mean error by seed."""
    found = [result for result in results if (result["level"], result["method"]) == (level, method)]
    return {result["seed"]: error(result) for result in found if error(result) is not None}


def _ratios(results, level, method, reference):
    """Ratio of two methods' errors for each seed that both have."""
    upper, lower = _errors(results, level, method), _errors(results, level, reference)
    return [upper[seed] / lower[seed] for seed in sorted(upper.keys() & lower.keys())]


def _at_most(line, values, limit):
    """Judge the mean of some numbers; the spread is shown with it."""
    return Verdict(line, _spread(values), bool(np.mean(values) <= limit) if len(values) else None)


def _near_oracle(results, data):
    """Judge every level at which PGD is clearly worse than the oracle."""
    for name, level in levels_of(data).items():
        if level.limit == "clean":
            continue
        pgd, ours = _ratios(results, name, "pgd", "known"), _ratios(results, name, "ours", "known")
        limit = LIMITS["other" if level.limit == "exact" and data != "mnist" else level.limit]
        if not len(pgd) or np.mean(pgd) > HARD:
            yield _at_most(f"{name}: ours over known at most {limit:.2f}", ours if len(pgd) else [], limit)


def _flat(results, error=_whole):
    """Ratio of ours at 40 degrees to ours at 0, by seed."""
    turned, upright = (_errors(results, level, "ours", error) for level in ("rotation_40", "none"))
    return [turned[seed] / upright[seed] for seed in sorted(turned.keys() & upright.keys())]


def _in_sight(results, data):
    """Judge flatness on what a crop leaves of faces: nobody can tell the rest."""
    if data == "mnist":
        return
    line = f"flat in sight: the same on the pixels that the crop of 40 degrees leaves, at most {FLAT_LIMIT}"
    yield _at_most(line, _flat(results, _at_40_degrees), FLAT_LIMIT)


def _beats_rivals(results, data):
    """Compare ours with the baselines at every level of Figure 4 but the mildest."""
    for group in SWEPT:
        names = [name for name, level in levels_of(data).items() if level.group == group][1:]
        found = [
            (f"{name} {rival}", _ratios(results, name, "ours", rival))
            for name in names
            for rival in RIVALS
            if _ratios(results, name, "ours", rival)
        ]
        worst = max(found, key=lambda pair: np.mean(pair[1]), default=None)
        line = f"{group}: ours below PGD, features, iGAN, BiGAN above the mildest level"
        if worst is None:
            yield Verdict(line)
        else:
            number = f"{len(found)} comparisons, closest {worst[0]} {np.mean(worst[1]):.2f}"
            yield Verdict(line, number, bool(np.mean(worst[1]) < 1))


def _worst(results, level, read):
    """Largest of a number of ours over the seeds."""
    found = [result for result in results if (result["level"], result["method"]) == (level, "ours")]
    return max((read(result["surrogate"], result) for result in found), default=None)


def _degrees_off(truth):
    """Angle between the rotation that was found and the true one."""
    return lambda found, _: abs((found.get("rotation_deg", 0) - truth + 180) % 360 - 180)


def _zoom_off(truth):
    """Relative error of the mean zoom of both axes."""
    return lambda found, _: abs(np.mean(found.get("scale", (1, 1))) / truth - 1)


def _parameters(results, data):
    """Judge rotation, zoom and mask; the worst seed counts."""
    for name, level in levels_of(data).items():
        if "rotation_deg" in level.truth:
            off = _worst(results, name, _degrees_off(level.truth["rotation_deg"]))
            yield _judged(f"{name}: rotation within 3 degrees", off, "{:.1f} degrees off", MOST_DEGREES)
            off = _worst(results, name, _zoom_off(level.truth["scale"]))
            yield _judged(f"{name}: zoom within 5 %", off, "{:.1%} off", MOST_ZOOM)
        if level.unmasked is not None:
            off = _worst(results, name, lambda _, result: 1 - result["mask_right"])
            yield _judged(f"{name}: 95 % of the mask right", off, "{:.1%} of the pixels wrong", 1 - LEAST_MASK)


def _judged(line, off, form, limit):
    return Verdict(line) if off is None else Verdict(line, form.format(off), bool(off <= limit))


def verdicts(results, data):
    """Judge the results of Figure 4.

    Parameters
    ----------
    results : list of dict
    data : {"mnist", "celeba", "lfw"}

    Returns
    -------
    list of Verdict
    """
    return [
        *_near_oracle(results, data),
        _at_most(f"none: ours over PGD at most {CLEAN_LIMIT}", _ratios(results, "none", "ours", "pgd"), CLEAN_LIMIT),
        _at_most(f"flat: ours at 40 degrees over ours at 0 at most {FLAT_LIMIT}", _flat(results), FLAT_LIMIT),
        *_in_sight(results, data),
        *_beats_rivals(results, data),
        *_parameters(results, data),
    ]


def _verdict_table(found):
    """Write what was judged, and count what was not run."""
    judged = [verdict for verdict in found if verdict.holds is not None]
    passed = sum(verdict.holds for verdict in judged)
    summary = f"{passed} of {len(judged)} lines pass; {len(found) - len(judged)} were not run."
    return [*_head("acceptance line", "found", "verdict"), *map(str, judged), "", summary]


def _methods(results):
    found = {result["method"] for result in results}
    return [method for method in TIMED if method in found]


def _rows(results, data, cell):
    """Write a line for each level that was run, a cell for each method."""
    methods, run = _methods(results), {result["level"] for result in results}
    for name in [name for name in levels_of(data) if name in run]:
        yield name, [cell(name, method) for method in methods]


def _of_method(results, key):
    """Make the cell of a table: a number of the results, over the seeds."""

    def cell(level, method):
        found = [result for result in results if (result["level"], result["method"]) == (level, method)]
        return _spread([result[key] for result in found if result[key] is not None], FORMS[key])

    return cell


FORMS = {"psnr": "{:.1f}", "accuracy": "{:.0%}", "seconds": "{:.0f}"}
TITLES = {
    "psnr": "Peak signal-to-noise ratio, dB",
    "accuracy": "Accuracy of 1-NN among the 60,000 training digits",
    "seconds": "Seconds a batch, fit and transform",
}


def level_table(results, data):
    """Write Figure 4 as markdown: ratios to the oracle, errors, other measures, and the verdicts.

    Parameters
    ----------
    results : list of dict
        Of this data set.
    data : {"mnist", "celeba", "lfw"}

    Returns
    -------
    str
    """
    names = [NAMES[method] for method in _methods(results)]
    lines = ["Mean d_proj; with several seeds the mean (lowest to highest).", ""]
    lines += _head("level", "ours / known", "PGD / known", *names)
    for name, cells in _rows(results, data, lambda level, method: _spread([*_errors(results, level, method).values()])):
        ratios = [_spread(_ratios(results, name, method, "known")) for method in ("ours", "pgd")]
        lines.append(_line(name, *ratios, *cells))
    lines += ["", *_verdict_table(verdicts(results, data))]
    for key, title in TITLES.items():
        if any(result[key] is not None for result in results):
            lines += ["", title + ".", "", *_head("level", *names)]
            lines += [_line(name, *cells) for name, cells in _rows(results, data, _of_method(results, key))]
    return "\n".join(lines) + "\n"


def _by_row(result):
    return dict(zip(result["rows"], result["d_proj"]["values"], strict=True))


def sweep_ratios(results):
    """Compare the errors with few images to those of the same images among all of them.

    Parameters
    ----------
    results : list of dict

    Returns
    -------
    dict of int to list of float
        By the number of images, a ratio for each draw.
    """
    ours = [result for result in results if result["method"] == "ours"]
    most = max((result["size"] for result in ours), default=0)
    full = next((_by_row(result) for result in ours if result["size"] == most), {})
    ratios = {}
    for result in ours:
        if full.keys() >= set(result["rows"]):
            reference = np.mean([full[row] for row in result["rows"]])
            ratios.setdefault(result["size"], []).append(result["d_proj"]["mean"] / reference)
    return dict(sorted(ratios.items()))


def _identified(results, size):
    return [bool(result["identifiable"]) for result in results if (result["method"], result["size"]) == ("ours", size)]


def _sweep_verdicts(ratios, results):
    several = {size: values for size, values in ratios.items() if size >= 8}
    worst = max((float(np.mean(values)) for values in several.values()), default=None)
    yield _judged("from N = 8 within 10 % of all images", worst, "{:.2f} at the worst N", SWEEP_NEAR)
    near = np.mean(np.array(ratios[2]) <= SWEEP_PAIR) if 2 in ratios else None
    line = "N = 2: two thirds of the draws within 20 %"
    yield Verdict(line) if near is None else Verdict(line, f"{near:.0%}", bool(near >= SWEEP_SHARE))
    alone = _identified(results, 1)
    line = "N = 1: never called identifiable"
    yield Verdict(line, f"{sum(alone)} of {len(alone)} called so", not any(alone)) if alone else Verdict(line)


def against_table(results, earlier):
    """Compare skmimic's defaults with earlier results at the same levels and seeds.

    Parameters
    ----------
    results, earlier : list of dict
        As `read_results` gives them.

    Returns
    -------
    str
        A table of the mean d_proj of both and their ratio, and a line with the lowest and the highest ratio.
    """
    before = {_unit(result): result["d_proj"]["mean"] for result in earlier if result["method"] == "ours"}
    pairs = [
        (result["level"], result["seed"], before[_unit(result)], result["d_proj"]["mean"])
        for result in results
        if result["method"] == "ours" and _unit(result) in before
    ]
    if not pairs:
        return ""
    ratios = [now / then for *_, then, now in pairs]
    rows = [
        _line(level, str(seed), f"{then:.3f}", f"{now:.3f}", f"{now / then:.3f}") for level, seed, then, now in pairs
    ]
    told = f"{len(pairs)} levels and seeds: {min(ratios):.3f} to {max(ratios):.3f} of the earlier d_proj."
    return "\n".join([*_head("level", "seed", "d_proj before", "now", "ratio"), *rows, "", told, ""])


def _unit(result):
    return result["data"], result["level"], result["seed"]


def sweep_table(results):
    """Write Figure 6a as markdown.

    Parameters
    ----------
    results : list of dict

    Returns
    -------
    str
    """
    ratios = sweep_ratios(results)
    title = "Error with N images over that of the same images when all are seen; mean (lowest to highest) of the draws."
    lines = [title, "", *_head("N", "draws", "ratio", "within 20 %", "called identifiable")]
    for size, values in ratios.items():
        near, called = np.mean(np.array(values) <= SWEEP_PAIR), np.mean(_identified(results, size))
        lines.append(_line(str(size), str(len(values)), _spread(values), f"{near:.0%}", f"{called:.0%}"))
    full = {
        result["method"]: result["d_proj"]["mean"] for result in results if result["size"] == max(ratios, default=0)
    }
    if full.keys() >= {"ours", "known"}:
        lines += ["", f"All {max(ratios)} images: ours over the known corruption {full['ours'] / full['known']:.2f}."]
    lines += ["", *_verdict_table(list(_sweep_verdicts(ratios, results)))]
    return "\n".join(lines) + "\n"


def _seconds_to(result, misfit):
    """Tell when a method's misfit came down to a value: its fit, and the part of its steps until then."""
    steps = [step for step, found in result["path"] if found <= misfit]
    if not steps:
        return None
    whole = result["seconds_transform"] or result["seconds_fit"]  # Algorithm 1 does all in one
    return result["seconds"] - whole + whole * min(steps) / result["path"][-1][0]


def time_table(results):
    """Write Figure 6c as markdown: time per 100 images, latent steps, and time until PGD's last misfit is reached.

    Parameters
    ----------
    results : list of dict

    Returns
    -------
    str
    """
    found = {result["method"]: result for result in results}
    pgd = found.get("pgd")
    columns = ("d_proj", "seconds per 100 images", "over PGD's", "fit", "transform", "latent gradients a row")
    lines = _head("method", *columns, "seconds to PGD's misfit")
    for method in _methods(results):
        result = found[method]
        scale = 100 / result["n_images"]
        relative = NOTHING if pgd is None else f"{result['seconds'] / pgd['seconds']:.2f}"
        reached = _seconds_to(result, pgd["path"][-1][1]) if pgd and result["path"] else None
        parts = [f"{scale * result[key]:.1f}" for key in ("seconds_fit", "seconds_transform")]
        until = NOTHING if reached is None else f"{scale * reached:.1f}"
        seconds, gradients = f"{scale * result['seconds']:.1f}", f"{result['gradients']:.0f}"
        error = f"{result['d_proj']['mean']:.1f}" if "d_proj" in result else NOTHING
        lines.append(_line(NAMES[method], error, seconds, relative, *parts, gradients, until))
    device = {f"{result['device']}, {result['threads']} threads, {result['steps']} latent steps" for result in results}
    return "\n".join([*lines, "", *sorted(device), "", *_verdict_table(list(_time_verdicts(found)))]) + "\n"


def _time_verdicts(found):
    """Judge the time of ours by that of both PGDs: as it is, with as many latent steps, and after an encoder."""
    for rival in ("pgd_paper", "pgd"):
        line = f"ours at most {MOST_TIME} times the seconds of {NAMES[rival]}"
        yield _at_most_times(line, found, "ours", rival, lambda result: result["seconds"])
    line = f"ours with no more latent steps at most {MOST_TIME} times the seconds of {NAMES['pgd']}"
    yield _at_most_times(line, found, "equal", "pgd", lambda result: result["seconds"])
    line = f"these steps, latent gradients a row, at most those of {NAMES['pgd']}"
    yield _at_most_times(line, found, "equal", "pgd", lambda result: result["gradients"], 1.0)
    line = f"transform started by an encoder faster than {NAMES['pgd']}"
    yield _at_most_times(line, found, "amortized", "pgd", lambda result: result["seconds_transform"], 1.0)


def _at_most_times(line, found, method, rival, measure, limit=MOST_TIME):
    """Judge the ratio of a measure of two methods."""
    both = [measure(found[one]) for one in (method, rival) if one in found]
    return _judged(line, both[0] / both[1] if len(both) == 2 else None, "{:.2f}", limit)


def cross_table(results):
    """Write Figure 7 as markdown: what is left between faces of one set and their projections by the other's generator.

    Parameters
    ----------
    results : list of dict

    Returns
    -------
    str
    """
    lines = _head("faces", "generator", "method", "to the projection", "to the projection, corrupted again")
    keys = sorted({(result["data"], result["target"], result["method"]) for result in results})
    for key in keys:
        same = [result for result in results if (result["data"], result["target"], result["method"]) == key]
        cells = [_spread([one[name]["mean"] for one in same]) for name in ("residual", "residual_mimicked")]
        lines.append(_line(*key[:2], NAMES[key[2]], *cells))
    return "\n".join(lines) + "\n"
