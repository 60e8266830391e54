"""Two published builds side by side: which values moved (`moves`), and why (`causes`). Reads only; no Polars."""
