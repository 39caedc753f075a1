"""The rules: each a function of its own over a snapshot; `table.RULES` names them all."""
