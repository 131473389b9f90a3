"""``python -m dita.spec.published``: write the schema's page anew."""

from pathlib import Path

from dita.spec.published import schema_text

PAGE = Path(__file__).parents[3] / "docs" / "published.txt"

if __name__ == "__main__":
    PAGE.write_text(schema_text())
