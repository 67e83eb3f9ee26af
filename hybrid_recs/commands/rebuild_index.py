"""Rebuild the index from a dataset and publish it: python -m jobs.rebuild_index --dataset dataset.toml."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
from rich.markup import escape

from hybrid_recs import wiring
from hybrid_recs.commands.error_messages import print_errors
from hybrid_recs.errors import DatasetError, GateRefusedError
from hybrid_recs.generation.generation import Generation
from hybrid_recs.generation.manifest import DatasetInfo, IndexInfo, Manifest, ScoringInfo, new_id
from hybrid_recs.generation.store import GenerationStore
from hybrid_recs.generation.table_values import Hashes
from hybrid_recs.items.item_change import ItemChange
from hybrid_recs.offline.build import gate, summaries, writer
from hybrid_recs.offline.build.bounds import DataBounds, judge
from hybrid_recs.offline.build.description import description_of
from hybrid_recs.offline.build.hot_set import HotSet, choose_hot_set
from hybrid_recs.offline.build.options import BuildOptions
from hybrid_recs.offline.check.report import Suspicion
from hybrid_recs.offline.check.suspicions import suspicions
from hybrid_recs.offline.data.dataset import InputStats, read_dataset
from hybrid_recs.offline.data.encoding import encode
from hybrid_recs.offline.data.item_changes import last_sequence_number, with_changes
from hybrid_recs.offline.data.pair_counts import count_pairs, count_users
from hybrid_recs.offline.progress import Steps
from hybrid_recs.offline.sources.dataset_config import DatasetConfig, fingerprint
from hybrid_recs.offline.training import content_fit
from hybrid_recs.offline.training.content_vectors import CompleteModel, add_content_vectors
from hybrid_recs.offline.training.model import fit_covisits, fit_with_covisits
from hybrid_recs.offline.training.tuning import ROUNDS, choose_scoring
from hybrid_recs.settings import Settings


@click.command(help=__doc__)
@click.option("--dataset", required=True, type=click.Path(path_type=Path), help="path of the dataset.toml")
@click.option("--data-dir", type=click.Path(path_type=Path), help="folder that its relative paths start from")
@click.option(
    "--keep",
    type=click.IntRange(0),
    default=2,
    show_default=True,
    help="older generations to keep for a rollback",
)
@click.option("--force", is_flag=True, help="publish even if the gate refuses (recorded in the manifest)")
@click.option("--dry-run", is_flag=True, help="go up to the verdict of the gate, and publish nothing")
@click.option("--new-dataset", is_flag=True, help="replace the serving generation without comparing with it")
def main(
    dataset: Path, data_dir: Path | None, keep: int, force: bool, dry_run: bool, new_dataset: bool
) -> None:
    """Run the steps in order; a failure leaves the serving generation as it was."""
    settings, steps = Settings(), Steps()
    with print_errors(steps.console):
        if dry_run:
            try_rebuild(dataset, data_dir, settings, steps, force, new_dataset)
        else:
            rebuild(dataset, data_dir, settings, steps, keep, force, new_dataset)


def rebuild(
    dataset: Path,
    data_dir: Path | None,
    settings: Settings,
    steps: Steps,
    keep: int = 2,
    force: bool = False,
    new_dataset: bool = False,
) -> Generation:
    """The whole job; returns the generation that serves afterwards."""
    config = DatasetConfig.load(dataset, data_dir)
    store = wiring.store(settings)
    with store.writer():
        store.clean()
        changes = wiring.item_changes(settings).all()
        options = BuildOptions.from_settings(settings)
        manifest = stage(store, config, changes, options, steps, force, new_dataset)
        publish(store, manifest, settings, steps, keep)
    summaries.print_end(steps, manifest)
    return store.open(manifest.id)


def try_rebuild(
    dataset: Path,
    data_dir: Path | None,
    settings: Settings,
    steps: Steps,
    force: bool = False,
    new_dataset: bool = False,
) -> None:
    """Everything up to the gate's verdict; nothing is published or left behind.

    Raises GateRefusedError when a rebuild would be refused.
    """
    config = DatasetConfig.load(dataset, data_dir)
    store = wiring.store(settings)
    with store.writer():
        store.clean()
        changes = wiring.item_changes(settings).all()
        options = BuildOptions.from_settings(settings)
        try:
            manifest = stage(store, config, changes, options, steps, force, new_dataset)
            reasons = gate.reasons_to_refuse(store, manifest, _bounds(settings))
        finally:
            store.clean()
    summaries.print_verdicts(judge(manifest.quality, _bounds(settings)), steps.console)
    if reasons and not force:
        raise GateRefusedError(manifest.id, reasons)
    _show_overruled(reasons, steps)
    steps.console.print(
        f"[bold]A dry run[/]: the build would be published{' (forced)' if reasons else ''}; "
        f"{steps.total_seconds():.1f} s, peak memory {steps.peak_mb():,.0f} MB",
        soft_wrap=True,
    )


def _show_overruled(reasons: Sequence[str], steps: Steps) -> None:
    for reason in reasons:
        steps.console.print(f"  [yellow]forced[/]  {escape(reason)}", soft_wrap=True)


def _bounds(settings: Settings) -> DataBounds:
    return DataBounds(settings.gate_max_fall, settings.gate_min_surviving, settings.gate_max_days_back)


def stage(
    store: GenerationStore,
    config: DatasetConfig,
    changes: Sequence[ItemChange],
    options: BuildOptions,
    steps: Steps,
    force: bool,
    new_dataset: bool = False,
) -> Manifest:
    """Everything up to a sealed generation, none of which the service sees."""
    generation, parent = new_id(), store.current()
    folder = store.stage(generation)
    learned = learn(config, changes, options, steps, force)
    index, hot = write(folder, learned, options, steps)
    with steps("Measure the build") as step:
        source = DatasetInfo(
            name=config.name,
            fingerprint=fingerprint(config),
            account=asdict(learned.stats),
            ids=config.id_rules,
            stock=config.items is not None and config.items.available is not None,
            description=description_of(config),
        )
        manifest = writer.describe(
            generation, parent, source, learned.model, index, learned.scoring, hot, options
        )
        serving = None if new_dataset else gate.serving_generation(store)
        quality = gate.measure(Generation.open(folder, manifest), serving)
        manifest = manifest.model_copy(update={"quality": quality, "new_dataset": new_dataset})
        step.done(summaries.quality(quality))
    for remark in gate.remarks_on(store, manifest):
        steps.console.print(f"  {escape(remark)}", soft_wrap=True)
    with steps("Seal the generation") as step:
        update = {
            "forced": force,
            "steps": steps.finished,
            "changes": last_sequence_number(changes),
        }
        store.seal(manifest.model_copy(update=update))
        step.done(generation)
    return Manifest.read(store.path(generation))


@dataclass(frozen=True, slots=True)
class Learned:
    """A model that is ready to be written, how it was tuned, what it was learned from, and hashes of what the
    items table says of edited items."""

    model: CompleteModel
    scoring: ScoringInfo
    stats: InputStats
    table_hashes: Mapping[str, Hashes]


def learn(
    config: DatasetConfig,
    changes: Sequence[ItemChange],
    options: BuildOptions,
    steps: Steps,
    force: bool = False,
) -> Learned:
    """From files to a model in memory."""
    with steps("Read interactions") as step:
        edited = with_changes(read_dataset(config, options.max_history), changes)
        dataset, stats, table_hashes = edited.dataset, edited.dataset.stats, edited.table_hashes
        step.done("; ".join(filter(None, (summaries.input_stats(stats), edited.summary))))
        del edited
    users = count_users(dataset.pairs)
    found = suspicions(config, stats, count_pairs(dataset.pairs, users), dataset.items["item"])
    _show_suspicions(found, steps, force)
    with steps("Choose the weights") as step:
        step.expect(ROUNDS)
        scoring = choose_scoring(dataset, options.dimensions, options.seed, options.pinned, step.advance)
        parameters = scoring.parameters
        step.done(summaries.scoring(scoring))
    with steps("Count co-visits") as step:
        data = encode(dataset)
        del dataset  # gigabytes of text for a large catalogue; the rest needs only numbers
        counts = fit_covisits(data, parameters)
        step.done(summaries.covisits(counts))
    with steps("Learn item vectors") as step:
        fitted = fit_with_covisits(data, counts, options.dimensions, options.seed, parameters)
        scorer = fitted.scorer(parameters)
        del fitted, counts
        step.done(summaries.vectors(data, scorer))
    with steps("Fit content encoder") as step:
        step.expect(content_fit.ROUNDS)
        model = add_content_vectors(data, scorer, options.seed, step.advance)
        step.done(summaries.content(model))
    return Learned(model, scoring, stats, table_hashes)


def _show_suspicions(found: Sequence[Suspicion], steps: Steps, force: bool) -> None:
    """Print them; raise DatasetError, unless forced, for what cannot be right."""
    for suspicion in found:
        steps.console.print(
            f"  [yellow]odd[/]  {escape(suspicion.text)}; {escape(suspicion.remedy)}", soft_wrap=True
        )
    wrong = [f"{one.text}; {one.remedy}" for one in found if one.cannot_be_right]
    if wrong and not force:
        raise DatasetError(f"{' '.join(wrong)}; learn from it all the same with FORCE=1 (--force)")


def write(folder: Path, learned: Learned, options: BuildOptions, steps: Steps) -> tuple[IndexInfo, HotSet]:
    """The files of a generation but its manifest."""
    model = learned.model
    with steps("Build FAISS index") as step:
        writer.write_items(folder, model, learned.table_hashes)
        index = writer.write_model(folder, model, options)
        step.done(summaries.index(index))
    with steps("Choose the hot set") as step:
        data = model.data
        hot = choose_hot_set(
            data.requests,
            data.n_vectors,
            options.hot_share,
            options.hot_max_items,
            options.hot_max_bytes,
        )
        step.done(summaries.hot_set(hot, data))
    with steps("Precompute hot lists") as step:
        step.expect(len(hot.rows))
        writer.write_hot_lists(folder, model.scorer, index, hot, data.unlisted, step.advance)
        step.done(f"{len(hot.rows):,} lists")
    return index, hot


def publish(store: GenerationStore, manifest: Manifest, settings: Settings, steps: Steps, keep: int) -> None:
    """Pass the gate, load the lists into Redis, and flip the pointer last."""
    _show_overruled(gate.check(store, manifest, _bounds(settings)), steps)
    with steps("Load into Redis") as step:
        build = store.open(manifest.id)
        step.expect(len(build.hot))
        step.done(wiring.load_into_redis(settings, build, step.advance))
    with steps("Publish") as step:
        wiring.switch(settings, store, manifest.id)
        store.prune(keep)
        step.done(manifest.id)
