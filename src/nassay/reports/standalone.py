"""Pages in one file that open without a network, plotly.js inside.

A Content-Security-Policy lets only the page's own two scripts run, by their hashes, and nothing be loaded: even a text
that slipped past escaping could do no harm.
"""

import base64
import hashlib
import json
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from nassay.reports import formats


def standalone_page(template: str, plots: dict[str, Any], **context: Any) -> str:
    """A template rendered to a page.

    Args:
        template: a file of the folder `templates`; it is given the style, the scripts and their hashes.
        plots: by name, plotly figures as plain data; each is drawn in the element `plot-NAME`.
        context: what else the template reads.
    """
    environment = Environment(loader=PackageLoader("nassay.reports"), autoescape=True, trim_blocks=True)
    environment.filters |= {
        "digits": formats.digits,
        "duration": formats.duration,
        "percent": formats.percent,
    }
    scripts = {
        "library": get_plotlyjs(),
        "drawing": files("nassay.reports").joinpath("templates/draw.js").read_text(),
    }
    return environment.get_template(template).render(
        style=Markup(files("nassay.reports").joinpath("templates/style.css").read_text()),
        scripts={name: Markup(source) for name, source in scripts.items()},
        hashes=[_hash(source) for source in scripts.values()],
        plots=set(plots),
        plots_json=Markup(_script_json(plots)),
        **context,
    )


def _script_json(value: Any) -> str:
    """JSON that can stand inside a script element: no `<`, `>` or `&` in it."""
    text = json.dumps(value, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(source: str) -> str:
    """A script's source expression for the Content-Security-Policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"
