"""Compiled functions: traced once into a program, then run without Python's part of the work."""

from .compile import Compiled, compile
from .ir import Assign, Call, Program, Value

__all__ = ["Assign", "Call", "Compiled", "Program", "Value", "compile"]
