"""Write docs/api.md, what the app answers to programs, from the app's own description: `python docs/make_api.py`."""

import inspect
import json
import re
from pathlib import Path
from typing import Any

from vqzoo.ui.app import build_app

_EXAMPLES: dict[str, Any] = {
    "dataset": "cifar10",
    "quality": 30.0,
    "models": ["cifar10-vq-1024x128", "cifar10-looc-256x4"],
    "folder": "runs/cifar10-looc-256x4",
    "study": "looc",
    "table": "1",
    "source": "cifar10-looc-256x4",
}
"""Default of a parameter that has none."""

TARGET = Path(__file__).with_name("api.md")
_HEAD = """# The app as an API

Everything that a page of the app computes can be called by a program: from Python with
[gradio_client](https://www.gradio.app/guides/getting-started-with-the-python-client), or over HTTP. The link at the
foot of the app's page shows the same calls for curl and JavaScript.

```python
from gradio_client import Client, handle_file

client = Client("http://127.0.0.1:7860")
```

**Sessions.** Calls of one client share a session. "The last comparison" is the last `/compare` of the same client, or
the example that the app opens on if there was none.

**Start.** While the app starts, which takes some seconds, every call is answered with status 503 and `Retry-After: 1`,
and `Client` raises a ValueError, "Could not fetch config": try again a second later.

**Errors.** A request that is wrong gets one sentence that says what would be right. On a Space, one that has to wait
too long or asks for more than visitors may have gets such a sentence as well.

**Language models.** With `pip install -e ".[mcp]"` and `GRADIO_MCP_SERVER=True python app.py` the same calls are
tools of an MCP server at `/gradio_api/mcp/`. That extra keeps pydantic at the version that Gradio asks for.

`python docs/make_api.py` generates this page.
"""


def api_text() -> str:
    """docs/api.md."""
    app, _ = build_app()
    endpoints = app.get_api_info()["named_endpoints"]
    functions = {f"/{fn.api_name}": fn.fn for fn in app.fns.values() if fn.api_name}
    return _HEAD + "".join(_endpoint(name, endpoints[name], functions.get(name)) for name in endpoints)


def _endpoint(name: str, info: dict[str, Any], function: Any) -> str:
    text = inspect.getdoc(function) or ""
    about, *sections = re.split(r"\n(?=Args:|Returns:)", text)
    assert about, f"{name} has no docstring"
    returned = [inspect.cleandoc(part.removeprefix("Returns:")) for part in sections if part.startswith("Returns:")]
    parameters = [_parameter(each) for each in info["parameters"]]
    given = "".join(f"    {each['parameter_name']}={_example(each)},\n" for each in info["parameters"])
    returns = [f"{number}. `{_type_of(each)}`\n" for number, each in enumerate(info["returns"], 1)]
    return (
        f"\n## {name}\n\n{about.strip()}\n"
        + (f"\n| takes | type | default |\n|---|---|---|\n{''.join(parameters)}" if parameters else "")
        + f"\nGives {' '.join(returned[0].split()) if returned else ''}\n\n{''.join(returns)}"
        + f'\n```python\nclient.predict(\n{given}    api_name="{name}",\n)\n```\n'
    )


def _parameter(each: dict[str, Any]) -> str:
    default = json.dumps(each["parameter_default"], ensure_ascii=False) if each["parameter_has_default"] else "needed"
    if len(default) > 120 or "/" in default and "path" in default:
        default = "that of the page"
    kind = each["python_type"]["type"].replace("|", "\\|")
    kind = kind if len(kind) <= 120 else kind[:110] + "..."
    return f"| `{each['parameter_name']}`{_label(each)} | `{kind}` | `{default}` |\n"


def _type_of(result: dict[str, Any]) -> str:
    """Return the Python type of a result; Gradio spells the fields of pictures out."""
    kind: str = result["python_type"]["type"]
    return "list[dict(image: filepath, caption: str)]" if result["component"] == "Gallery" else kind


def _label(each: dict[str, Any]) -> str:
    """Return the parameter's label on the page; Gradio numbers the parameters of calls that the page does not show."""
    return "" if re.fullmatch(r"\d+(st|nd|rd|th)", each["label"]) else f": {each['label']}"


def _example(each: dict[str, Any]) -> str:
    if "filepath" in each["python_type"]["type"]:
        return 'handle_file("photograph.png")'
    if each["parameter_has_default"]:
        return _literal(each["parameter_default"])
    return _literal(_EXAMPLES[each["parameter_name"]])


def _literal(value: Any) -> str:
    """As a formatter would have it written: texts in double quotation marks."""
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


if __name__ == "__main__":
    TARGET.write_text(api_text(), encoding="utf-8")
    print(TARGET.name)
