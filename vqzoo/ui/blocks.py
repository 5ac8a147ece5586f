"""Gradio's Blocks, for pages that hold large values."""

from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.state_holder import SessionState


class Blocks(gr.Blocks):
    """Those of Gradio, which do less where nothing changes."""

    def show_progress_on(self, line: gr.HTML) -> None:
        """Let every event of now tell its progress on one line, and those that tell none say nothing at all.

        Gradio would tell it on every output, and for each word of it copies the values of all components that ever
        were one, figures and pictures too: a change of tab took half a second of that.
        """
        for function in self.fns.values():
            function.show_progress_on = [] if function.show_progress == "hidden" else [line]

    def name_tools(self) -> None:
        """Let language models call every public function of now by the name that programs call it by.

        Gradio offers them a Python function's own name, which here may be that of a part of a page.
        """
        for function in self.fns.values():
            if function.api_visibility == "public" and function.fn and function.api_name:
                function.fn.__name__ = function.api_name

    async def postprocess_data(
        self, block_fn: BlockFunction, predictions: list[Any] | dict[Any, Any], state: SessionState | None
    ) -> list[Any]:
        """What a function returns, as what the browser gets; `state` remembers it for the visitor.

        For an update Gradio makes a component anew, under the place of the old one but with a number of its own; values
        that come later are then kept under that number too, so that a visit's memory would grow with every update.
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
        """What a generator yields, as changes of what it yielded before.

        The browser makes these in place, in the very object that a component was given: "nothing new" after a file
        would take the file's path out of it. So an update, which is what "nothing new" is, comes whole.
        """
        yielded = list(data)
        changes = super().handle_streaming_diffs(block_fn, data, session_hash, run, final, simple_format)
        if final or simple_format:
            return changes
        return [
            [["replace", [], value]] if _is_update(value) and isinstance(change, list) else change
            for value, change in zip(yielded, changes, strict=True)
        ]


def _is_update(value: Any) -> bool:
    return isinstance(value, dict) and value.get("__type__") == "update"
