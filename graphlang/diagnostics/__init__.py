"""What is said about a file: values, a catalogue of codes, and how they are shown."""

from graphlang.diagnostics.diagnostic import (
    Diagnostic,
    GraphlangError,
    Label,
    Outcome,
    Problems,
    Severity,
)

__all__ = ["Diagnostic", "GraphlangError", "Label", "Outcome", "Problems", "Severity"]
