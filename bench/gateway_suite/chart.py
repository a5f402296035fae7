"""The chart of docs/performance.md: ratios to nginx, as an SVG that needs nothing."""
from xml.sax.saxutils import escape

TITLES = {"requests": "1 KB POST, 64 connections", "requests512": "1 KB POST, 512 connections",
          "body16k": "16 KiB prompts", "body400k": "400 KiB prompts", "http2": "HTTP/2 in clear text",
          "tls": "HTTP/1.1 over TLS 1.3", "http2tls": "HTTP/2 over TLS 1.3"}
COLOURS = {"gateway": "#1f6feb", "nginx": "#8c959f", "haproxy": "#bf8700", "envoy": "#8250df"}
WIDTH, LEFT, BAR, GAP, SCALE_TOP = 760, 210, 14, 16, 34


def text(x, y, words, anchor="start", size=12, weight="normal"):
    return (f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" '
            f'fill="#24292f">{escape(words)}</text>')


def draw(figures):
    """`figures`: what bench/gateway.py prints. Only scenarios that have a rate are drawn."""
    shown = [name for name in TITLES if name in figures]
    ratios = [row.get("ratio", 0) for name in shown for row in figures[name].values()]
    scale = (WIDTH - LEFT - 60) / max([1.0, *ratios])
    parts, y = [], SCALE_TOP
    for name in shown:
        rows = [(peer, figures[name][peer]["ratio"]) for peer in COLOURS
                if "ratio" in figures[name].get(peer, figures[name].get(f"{peer}-tls", {}))]
        parts.append(text(LEFT - 10, y + BAR * len(rows) / 2 + 4, TITLES[name], "end"))
        for peer, ratio in rows:
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{ratio * scale:.1f}" height="{BAR - 2}" '
                         f'fill="{COLOURS[peer]}"/>')
            parts.append(text(LEFT + ratio * scale + 6, y + BAR - 4, f"{ratio:.2f}", size=11))
            y += BAR
        y += GAP
    legend, x = [], LEFT
    for peer, colour in COLOURS.items():
        legend.append(f'<rect x="{x}" y="10" width="10" height="10" fill="{colour}"/>')
        legend.append(text(x + 14, 19, peer))
        x += 90
    line = f'<line x1="{LEFT + scale:.1f}" y1="{SCALE_TOP - 6}" x2="{LEFT + scale:.1f}" y2="{y - GAP}" ' \
           'stroke="#57606a" stroke-dasharray="3 3"/>'
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 24}" '
            f'font-family="system-ui, sans-serif"><rect width="100%" height="100%" fill="#ffffff"/>'
            + "".join(legend) + "".join(parts) + line
            + text(LEFT, y + 10, "requests per second of half a core; nginx = 1", size=11) + "</svg>\n")
