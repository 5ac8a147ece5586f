"""Gradio's Blocks, for pages that hold large values."""

import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import wraps
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.state_holder import SessionState
from pydantic import ConfigDict, ValidationError, validate_call

from vqzoo.ops.text import plain
from vqzoo.ui.limits import Limits
from vqzoo.ui.log import LOG, wrong
from vqzoo.ui.queue import FairQueue


class Blocks(gr.Blocks):
    """gr.Blocks with typed endpoints, fair queueing, logged faults and less work for unchanged values."""

    def show_progress_on(self, line: gr.HTML) -> None:
        """Show the progress of all existing events on one line, unless an event hides it.

        By default Gradio shows it on every output, and for each message copies the values of all components that ever
        were an output, including figures and pictures: that took half a second per change of tab.
        """
        for function in self.fns.values():
            function.show_progress_on = [] if function.show_progress == "hidden" else [line]

    def name_tools(self) -> None:
        """Check the argument types of all public functions, and name their MCP tools after their endpoints.

        By default Gradio names a tool after its Python function, here often a method of a part of a page.
        """
        for function in self.fns.values():
            if function.api_visibility == "public" and function.fn and function.api_name:
                function.fn = _typed(function.fn, function.api_name)

    def limit(self, limits: Limits | None) -> None:
        """Replace Gradio's queue with a fair one, with `limits` if given; call it after `queue`."""
        old = self._queue
        self._queue = FairQueue(
            old.live_updates,
            old.max_thread_count,
            old.update_intervals,
            old.max_size,
            self,
            old.default_concurrency_limit,
            waiting=None if limits is None else limits.waiting,
        )
        for function in self.fns.values():
            if limits is not None and inspect.isgeneratorfunction(function.fn):
                function.fn = _in_time(function.fn, limits.seconds)

    async def preprocess_data(
        self, block_fn: BlockFunction, inputs: list[Any], state: SessionState | None, explicit_call: bool = False
    ) -> list[Any]:
        """Convert the values of a request to arguments; raises gr.Error for values that do not fit the function."""
        try:
            arguments: list[Any] = await super().preprocess_data(block_fn, inputs, state, explicit_call)
            return arguments
        except Exception as error:
            name = block_fn.api_name or block_fn.name
            wrong(f"values for {name}", error)
            text = error.message if isinstance(error, gr.Error) else f"These are no values for {name}."
            raise gr.Error(text, print_exception=False) from None

    async def call_function(self, block_fn: BlockFunction | int, *arguments: Any, **more: Any) -> Any:
        """Run a function; log any exception but gr.Error with its traceback, and show a general message instead."""
        function = self.fns[block_fn] if isinstance(block_fn, int) else block_fn
        if function.fn is None:
            raise gr.Error("This runs in a browser alone.", print_exception=False)
        try:
            return await super().call_function(block_fn, *arguments, **more)
        except (gr.Error, StopAsyncIteration):
            raise
        except Exception:
            LOG.exception("a fault in %s", function.api_name or function.name)
            text = "Something went wrong here; the app's log tells its owner what."
            raise gr.Error(text, print_exception=False) from None

    async def postprocess_data(
        self, block_fn: BlockFunction, predictions: list[Any] | dict[Any, Any], state: SessionState | None
    ) -> list[Any]:
        """Convert the results of a function to what the browser gets, without leaking memory in `state`.

        For an update Gradio creates a component with a new id in place of the old one and stores later values under
        both ids, so that the memory of a session would grow with every update; here the old id is kept.
        """
        data = await super().postprocess_data(block_fn, predictions, state)
        if state is not None:
            for output in block_fn.outputs:
                state.blocks_config.blocks[output._id]._id = output._id
        return data

    def handle_streaming_diffs(
        self,
        block_fn: BlockFunction,
        data: list[Any],
        session_hash: str | None,
        run: str | None,
        final: bool,
        simple_format: bool = False,
    ) -> list[Any]:
        """Return the differences between successive values of a generator, with updates sent whole.

        The browser applies differences to the object that a component holds, so that a gr.skip() after a file would
        remove the file's path; updates, of which gr.skip() is one, are therefore not sent as differences.
        """
        yielded = list(data)
        changes = super().handle_streaming_diffs(block_fn, data, session_hash, run, final, simple_format)
        if final or simple_format:
            return changes
        return [
            [["replace", [], value]] if _is_update(value) and isinstance(change, list) else change
            for value, change in zip(yielded, changes, strict=True)
        ]


def _typed(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Wrap a function under a name; the wrapper raises gr.Error for arguments that do not fit its annotations."""
    checked = validate_call(config=ConfigDict(arbitrary_types_allowed=True))(function)
    names = list(inspect.signature(function).parameters)

    def called(*arguments: Any, **more: Any) -> Any:
        try:
            return checked(*arguments, **more)
        except ValidationError as error:
            wrong(f"values for {name}", error)
            first = error.errors(include_url=False, include_input=False)[0]
            at = first["loc"][0]
            argument = names[at] if isinstance(at, int) else at
            raise gr.Error(plain(f"{argument}: {first['msg']}."), print_exception=False) from None

    @wraps(function)
    def steps(*arguments: Any, **more: Any) -> Iterator[Any]:
        yield from called(*arguments, **more)

    tool = steps if inspect.isgeneratorfunction(function) else wraps(function)(called)
    tool.__name__ = name
    return tool


def _in_time(function: Callable[..., Any], seconds: float) -> Callable[..., Iterator[Any]]:
    """Wrap a generator function; the wrapper throws gr.Error into it at the first step after `seconds`."""
    late = (
        f"Ended after {seconds:.0f} s, which is what a job may take here: ask for less at a time, or run it on a "
        "machine of your own."
    )

    @wraps(function)
    def within(*arguments: Any, **more: Any) -> Iterator[Any]:
        end = time.monotonic() + seconds
        with closing(function(*arguments, **more)) as steps:
            for step in steps:
                yield step
                if time.monotonic() > end:
                    yield steps.throw(gr.Error(late, print_exception=False))

    return within


def _is_update(value: Any) -> bool:
    return isinstance(value, dict) and value.get("__type__") == "update"
