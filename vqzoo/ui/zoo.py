"""The page of the registry: every model that is known, filters, model cards, loading from the Hub, and the disk."""

from collections.abc import Iterator
from html import escape
from typing import Any

import gradio as gr

from vqzoo.ui.context import Context
from vqzoo.ui.limits import hub_allowed
from vqzoo.ui.tell import told
from vqzoo.views.facts import NOTHING_CHOSEN, card_html, facts_html
from vqzoo.views.zoo import COLUMNS, ORIGINS, Filters, Loading, Zoo, hub_line, megabytes

NAME = "Zoo"
BITS = (256, 1024, 4096, 16384, 65536, 262144)
MEGABYTES = (1, 2, 5, 20, 100, 500)

_QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
_AT_ONCE: dict[str, Any] = {**_QUIET, "queue": False}


def build(context: Context) -> None:
    """Lay the page out around what is known without asking anybody."""
    own = context.limits is None  # a machine of one's own: its folders may be read and its disk be cleared
    zoo = Zoo(context.engine, hub_allowed(), None if context.limits is None else context.limits.loaded)
    choices = zoo.choices()

    with gr.Row(elem_id="zoo-head"):
        state = gr.HTML(_state(zoo), elem_id="zoo-state")
        ask_button = gr.Button(
            "Ask the Hub again", size="sm", scale=0, min_width=160, visible=zoo.hub, elem_id="zoo-ask"
        )
    with gr.Row(elem_id="zoo-filters"):
        text = gr.Textbox(label="Search", placeholder="looc, sinusoidal ...", elem_id="zoo-search", min_width=180)
        quantizer = _filter("quantizer", choices)
        dataset = _filter("dataset", choices, "Data set")
        max_bits = _limit("True bits at most", BITS, "zoo-bits")
        max_megabytes = _limit("MB at most", MEGABYTES, "zoo-megabytes")
        author = _filter("author", choices)
        origin = gr.Dropdown(list(ORIGINS.values()), value=None, label="Where", min_width=130, elem_id="zoo-origin")
        clear_button = gr.Button("Clear", scale=0, min_width=80, elem_id="zoo-clear")
    filters: list[Any] = [text, quantizer, dataset, max_bits, max_megabytes, author, origin]
    with gr.Row(elem_id="zoo-body"):
        with gr.Column(scale=7, min_width=320):
            rows = zoo.rows(Filters())
            count = gr.HTML(_count(len(rows), len(rows)), elem_id="zoo-count")
            table = gr.Dataframe(
                rows,
                headers=list(COLUMNS),
                datatype=[kind for kind, _ in COLUMNS.values()],
                column_widths=[width for _, width in COLUMNS.values()],
                interactive=False,
                label="Models",
                show_label=False,
                elem_id="zoo-table",
                max_height=640,
                show_search="none",
                buttons=[],
                wrap=True,
            )
            disk = gr.HTML("", elem_id="zoo-disk")
            with gr.Row(visible=zoo.hub or own, elem_id="zoo-by-id"):
                source = gr.Textbox(
                    label="Load another model",
                    info="From the Hub: owner/name, or owner/name@revision."
                    + (" From this machine: a folder with config.json and model.safetensors." if own else ""),
                    placeholder="owner/name@revision",
                    elem_id="zoo-source",
                    scale=4,
                )
                source_button = gr.Button("Load it", scale=0, min_width=110, elem_id="zoo-load-source")
            if context.engine.note_on_added:
                gr.Markdown(context.engine.note_on_added, elem_classes="hint")
        with gr.Column(scale=3, min_width=320, elem_id="zoo-detail"):
            chosen = gr.Dropdown(
                list(zoo.entries), value=None, label="Model", allow_custom_value=True, elem_id="zoo-model"
            )
            with gr.Row():
                load_button = gr.Button("Load", variant="primary", interactive=False, elem_id="zoo-load")
                remove_button = gr.Button("Remove from disk", visible=False, elem_id="zoo-remove")
            with gr.Row(visible=False, elem_id="zoo-confirm") as confirm:
                question = gr.HTML("")
                yes_button = gr.Button("Remove", variant="stop", elem_id="zoo-yes", min_width=90)
                no_button = gr.Button("Keep", elem_id="zoo-no", min_width=90)
            progress = gr.HTML("", elem_id="zoo-progress")
            facts = gr.HTML(NOTHING_CHOSEN, elem_id="zoo-facts")
            with gr.Accordion("Model card", open=True, visible=False, elem_id="zoo-card") as card_of:
                card = gr.HTML("")
    drawn = gr.State(_drawn(rows))

    listed = [table, count, chosen, drawn]
    around = [state, quantizer, dataset, author, disk]
    detail = [facts, card, card_of, load_button, remove_button, confirm, progress]

    def list_rows(old: int | None, *wanted: Any) -> list[Any]:
        """Values of `listed`; the table stays as it is, sorted and scrolled, where it would show the same."""
        rows = zoo.rows(_filters(*wanted))
        new = _drawn(rows)
        same = new == old
        names = [row[0] for row in rows]
        return [
            gr.skip() if same else rows,
            gr.skip() if same else _count(len(rows), len(zoo.entries) + len(zoo.damaged)),
            gr.skip() if same else gr.update(choices=names),
            new,
        ]

    def all_of_it(asking: bool, old: int | None, *wanted: Any) -> list[Any]:
        choices = zoo.choices()
        told_here = [gr.update(choices=choices[name]) for name in ("quantizer", "dataset", "author")]
        return [*list_rows(old, *wanted), _state(zoo, asking), *told_here, _disk(zoo)]

    def on_seen(old: int | None, *wanted: Any) -> Iterator[list[Any]]:
        zoo.look()
        first = all_of_it(zoo.hub, old, *wanted)
        yield first
        if zoo.hub:
            zoo.ask()
            yield all_of_it(False, first[3], *wanted)

    def on_ask(old: int | None, *wanted: Any) -> Iterator[list[Any]]:
        yield [*[gr.skip()] * len(listed), _state(zoo, asking=True), *[gr.skip()] * 4]
        zoo.ask(again=True)
        yield all_of_it(False, old, *wanted)

    def on_chosen(name: str | None) -> Iterator[list[Any]]:
        if not name:
            yield [NOTHING_CHOSEN, "", gr.update(visible=False), _off("Load"), _gone(), _gone(), gr.skip()]
            return
        with told():
            for shown in zoo.show(name):
                offered = zoo.offered_as(zoo.entry(name).model)
                removable = own and bool(shown.entry.kept)
                yield [
                    facts_html(shown, offered),
                    card_html(shown),
                    gr.update(visible=True),
                    _off("Loaded") if offered else gr.update(value="Load", interactive=True),
                    gr.update(visible=removable),
                    _gone(),
                    gr.skip(),
                ]

    def on_load(name: str | None) -> Iterator[list[Any]]:
        with told():
            model = zoo.entry(name).model
            for step in zoo.load(model):
                yield [_progress(step, model.name), _off("Loading …") if isinstance(step, Loading) else _off("Loaded")]

    def on_load_source(text: str) -> Iterator[list[Any]]:
        with told():
            for step in zoo.load_from(text, folders=own):
                names = gr.skip() if isinstance(step, Loading) else _listed_as(zoo, step)
                yield [_progress(step, text), names]

    def on_remove(name: str | None) -> list[Any]:
        with told():
            entry = zoo.entry(name)
        said = f"Delete what was downloaded of {zoo.removable(entry)}? It can be downloaded again."
        return [f"<p>{escape(said)}</p>", gr.update(visible=True)]

    def on_yes(name: str | None) -> list[Any]:
        with told():
            if not own:
                raise ValueError("Models are removed on a machine of one's own alone.")
            said = _said(zoo.remove(str(name)))
        return [said, _gone(), gr.skip() if name in zoo.entries else None]  # one that nobody lists has no row now

    context.when_seen(on_seen, [drawn, *filters], [*listed, *around], show_progress="hidden")
    ask_button.click(on_ask, [drawn, *filters], [*listed, *around], **_QUIET)
    gr.on(
        [each.change for each in filters], list_rows, [drawn, *filters], listed, trigger_mode="always_last", **_AT_ONCE
    )
    clear_button.click(lambda: ["", None, None, None, None, None, None], None, filters, **_AT_ONCE)
    table.select(_row_name, None, chosen, **_AT_ONCE)
    chosen.change(on_chosen, chosen, detail, trigger_mode="always_last", concurrency_limit=4, **_QUIET)

    redo: dict[str, Any] = {"fn": lambda *values: all_of_it(False, *values), "inputs": [drawn, *filters], **_QUIET}
    redo["outputs"] = [*listed, *around]
    again: dict[str, Any] = {"fn": on_chosen, "inputs": chosen, "outputs": detail, **_QUIET}
    loaded = load_button.click(on_load, chosen, [progress, load_button], **_QUIET)
    loaded.success(**redo)
    loaded.then(**again)
    gr.on([source_button.click, source.submit], on_load_source, source, [progress, chosen], **_QUIET).success(**redo)
    remove_button.click(on_remove, chosen, [question, confirm], **_AT_ONCE)
    no_button.click(_gone, None, confirm, **_AT_ONCE)
    removed = yes_button.click(on_yes, chosen, [progress, confirm, chosen], **_QUIET)
    removed.success(**redo).then(**again)
    _offer_api(zoo, own)


def _offer_api(zoo: Zoo, own: bool) -> None:
    """The same for programs."""

    def models(
        text: str = "",
        quantizer: str = "",
        dataset: str = "",
        max_bits: float = 0,
        max_megabytes: float = 0,
        author: str = "",
        where: str = "",
    ) -> list[dict]:
        """Every model that the app knows, those that match alone; an empty text and 0 ask for nothing.

        where: "this machine", "shipped list", "Hub" or "downloaded". Each has the table's columns, null where unknown.
        """
        wanted = _filters(text, quantizer, dataset, max_bits or None, max_megabytes or None, author, where)
        return [dict(zip(COLUMNS, row, strict=True)) for row in zoo.rows(wanted)]

    def load_model(source: str) -> str:
        """Download a model of the list by its name, or "owner/name", "owner/name@revision" from the Hub, check it, and
        offer it on every page. Returns its name there."""
        with told():
            known = zoo.entries.get(source)
            steps = zoo.load(known.model) if known else zoo.load_from(source, folders=own)
            *_, name = steps
        return str(name)

    gr.api(models, api_name="models")
    gr.api(load_model, api_name="load_model")


def _filter(name: str, choices: dict[str, list[str]], label: str | None = None) -> gr.Dropdown:
    return gr.Dropdown(
        choices[name], value=None, label=label or name.capitalize(), min_width=130, elem_id=f"zoo-{name}"
    )


def _limit(label: str, limits: tuple[int, ...], elem_id: str) -> gr.Dropdown:
    choices = [(f"{limit:,}", limit) for limit in limits]
    return gr.Dropdown(choices, value=None, label=label, min_width=130, elem_id=elem_id)


def _filters(
    text: str,
    quantizer: str | None,
    dataset: str | None,
    max_bits: float | None,
    max_megabytes: float | None,
    author: str | None,
    origin: str | None,
) -> Filters:
    return Filters(text, quantizer or None, dataset or None, max_bits, max_megabytes, author or None, origin or None)


def _row_name(selected: gr.SelectData) -> str:
    return str(selected.row_value[0])


def _listed_as(zoo: Zoo, offered: str) -> Any:
    """The row to look at for a model that the pages offer under this name."""
    name = next((name for name, each in zoo.entries.items() if zoo.offered_as(each.model) == offered), None)
    return gr.skip() if name is None else name


def _drawn(rows: list[list[Any]]) -> int:
    return hash(repr(rows))


def _gone() -> Any:
    return gr.update(visible=False)


def _off(label: str) -> Any:
    return gr.update(value=label, interactive=False)


def _state(zoo: Zoo, asking: bool = False) -> str:
    said = hub_line(zoo.now, asking) if zoo.hub else "This app offers what it was started with; it asks no Hub."
    damaged = "".join(f"<p>Left out: {escape(each.why)}.</p>" for each in zoo.damaged)
    return f'<p role="status">{escape(said)}</p>{damaged}'


def _disk(zoo: Zoo) -> str:
    return f"<p>On disk: {escape(zoo.disk())}.</p>"


def _count(found: int, of: int) -> str:
    if not found:
        return "<p>No model is so: clear a filter, or allow more bits or megabytes.</p>"
    return f"<p>{found:,} of {of:,} models</p>"


def _said(text: str) -> str:
    return f'<p role="status">{escape(text)}</p>'


def _progress(step: Loading | str, of: str) -> str:
    if isinstance(step, str):
        return _said(f"Loaded: every page offers it as {step}.")
    if step.total is None:
        return _said(f"Asking for {of} …") + '<progress aria-label="download"></progress>'
    done = min(step.done, step.total)
    bar = f'<progress aria-label="download" max="{step.total}" value="{done}"></progress>'
    return _said(f"Loading {of}: {megabytes(done)} of {megabytes(step.total)}") + bar
