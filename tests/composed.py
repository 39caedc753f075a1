"""Write every composed template, its parameters filled in, into a folder: what checkov reads.

python -m tests.composed FOLDER
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from ops.stack.resolve import resolved
from tests.unit.stack_fleets import ACCOUNT, everything


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, plan in everything():
        document = {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Resources": resolved(plan, ACCOUNT),
        }
        file = folder / f"{re.sub(r'[^a-z0-9-]+', '-', name)}.json"
        file.write_text(json.dumps(document, indent=2))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
