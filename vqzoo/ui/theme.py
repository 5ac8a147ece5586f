"""The colours and fonts of the app."""

import re

import gradio as gr


def theme() -> gr.themes.Base:
    """Return Gradio's default theme in violet, with secondary text of sufficient contrast (WCAG AA, 4.5 to 1)."""
    return gr.themes.Default(
        primary_hue="violet",
        neutral_hue="slate",
        radius_size="md",
        font=("ui-sans-serif", "system-ui", "sans-serif"),
        font_mono=("ui-monospace", "monospace"),
    ).set(
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_700",
        button_primary_text_color="white",
        button_primary_text_color_dark="white",
    )


def variables(used_in: str) -> str:
    """Return the theme's CSS variables that a style sheet uses, for a page without Gradio.

    They are light or dark by the system's setting, or by the class of the root element.
    """
    css = theme()._get_theme_css()
    light, dark = (_values(css, selector) for selector in (":root", ".dark"))
    wanted = set(re.findall(r"var\((--[\w-]+)", used_in))
    while more := {name for key in wanted for name in re.findall(r"var\((--[\w-]+)", _both(light, dark, key))} - wanted:
        wanted |= more
    rules = [" ".join(f"{key}: {values[key]};" for key in sorted(wanted & values.keys())) for values in (light, dark)]
    light_rules, dark_rules = rules
    return (
        f":root {{ {light_rules} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark_rules} }} }}\n"
        f":root.light {{ {light_rules} }}\n:root.dark {{ {dark_rules} }}\n"
    )


def _values(css: str, selector: str) -> dict[str, str]:
    body = css[css.index(selector) :].partition("{")[2].partition("}")[0]
    return dict(re.findall(r"(--[\w-]+):\s*([^;]+);", body))


def _both(light: dict[str, str], dark: dict[str, str], key: str) -> str:
    return light.get(key, "") + dark.get(key, "")
