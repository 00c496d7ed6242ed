"""The textual form of kernels and programs: `parse(print(x)) == x` for all that verifies.

    program double dims(n) arena(n*4) {
      message "x must be finite"
      slot feed x: float32[n] in
      slot fetch y: float32[n] out
      slot arena t: float32[n] inout arena align(64) at(0)
      kernel scale(a: float32[n] in, b: float32[n] out strides(2) alias) dims(n) {
        alloc sum: float32[] local register
        sum[] = 0.0:float32
        for i < n parallel {
          let v = a[min(i, n - 1)]
          check lt(v, inf:float32) else 0
          if ge(v, 0.0:float32) {
            b[i] = mul(v, cast<float32>(@(2*i + 1)))
          } else {
            b[i] = nan:float32
          }
          sum[] add= v
        }
      }
      run scale(x, t) dims(n)
      run scale(t, y) dims(n)
    }

A kind `serial` and a space `arg` are not written, nor is a grain of 1: `for i < n parallel grain(64) private(t) {`.
`barrier` stands alone. `@( )` is an index as an int64 value, a bare name is what `let` bound. `#` starts a comment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from .errors import ParseError
from .expr import PRIMITIVES, At, Const, Expr, Load, Name, Number, Prim, prim
from .index import FUNCTIONS, Dim, Index
from .kernel import (
    COMBINERS,
    KINDS,
    ROLES,
    SLOT_KINDS,
    SPACES,
    Accumulate,
    Alloc,
    Barrier,
    Body,
    Buffer,
    Check,
    For,
    If,
    Kernel,
    Launch,
    Let,
    Program,
    Slot,
    Stmt,
    Store,
)
from .lexer import Lexer, quote
from .types import DTYPES, DType, Shape

Result = TypeVar("Result")

KEYWORDS = frozenset(("alloc", "barrier", "check", "for", "if", "let", "else", "nan", "inf", "true", "false"))
"""Names that nothing may have."""

WIDTH = 100
"""A kernel's buffers are written one to a line beyond this many columns."""

_GIVEN = frozenset(p.name for p in PRIMITIVES.values() if p.result == "given")
MAX_TERMS = 4096
"""The most terms that a product in an index may have: a short text can ask for exponentially many."""


def print_kernel(kernel: Kernel) -> str:
    """A kernel as text, with a newline at its end."""
    return "\n".join(_kernel_lines(kernel)) + "\n"


def print_program(program: Program) -> str:
    """A program as text, with a newline at its end."""
    lines = [f"program {program.name}{_dims(program.dims)}{_option('arena', program.arena)} {{"]
    lines += [f"  message {quote(m)}" for m in program.messages]
    lines += [f"  slot {s.kind} {_buffer(s.buffer)}{_option('at', s.offset)}" for s in program.slots]
    lines += [f"  {line}" for k in program.kernels for line in _kernel_lines(k)]
    lines += [f"  run {s.kernel}({', '.join(s.args)}){_dims(s.dims)}" for s in program.steps]
    return "\n".join((*lines, "}")) + "\n"


def print_expr(e: Expr) -> str:
    """A scalar expression as text."""
    match e:
        case Const(dtype, value):
            return f"{repr(value).lower()}:{dtype}"
        case At(index=index):
            return f"@({index})"
        case Name(name=name):
            return name
        case Load(buffer=buffer, index=index):
            return f"{buffer}[{_join(index)}]"
        case Prim(dtype, op, args):
            given = f"<{dtype}>" if op in _GIVEN else ""
            return f"{op}{given}({', '.join(map(print_expr, args))})"
    raise TypeError(f"not an expression: {e!r}")


def print_stmt(s: Stmt) -> str:
    """A statement as text, its body included."""
    return "\n".join(_stmt_lines(s))


def _kernel_lines(kernel: Kernel) -> Iterator[str]:
    buffers = [_buffer(b) for b in kernel.buffers]
    first = f"kernel {kernel.name}({', '.join(buffers)}){_dims(kernel.dims)} {{"
    if len(first) <= WIDTH:
        yield first
    else:
        yield f"kernel {kernel.name}("
        yield from (f"  {b}{',' if k + 1 < len(buffers) else ''}" for k, b in enumerate(buffers))
        yield f"){_dims(kernel.dims)} {{"
    yield from _body_lines(kernel.body)
    yield "}"


def _body_lines(body: Body) -> Iterator[str]:
    return (f"  {line}" for s in body for line in _stmt_lines(s))


def _stmt_lines(s: Stmt) -> Iterator[str]:
    match s:
        case For(var, extent, body):
            yield f"for {var} < {extent}{_kind(s)} {{"
            yield from _body_lines(body)
            yield "}"
        case If(condition, then, orelse):
            yield f"if {print_expr(condition)} {{"
            yield from _body_lines(then)
            if orelse:
                yield "} else {"
                yield from _body_lines(orelse)
            yield "}"
        case _:
            yield _line(s)


def _kind(s: For) -> str:
    text = "" if s.kind == "serial" else f" {s.kind}"
    text += "" if s.grain == 1 else f" grain({s.grain})"
    return text + (f" private({', '.join(s.private)})" if s.private else "")


def _line(s: Stmt) -> str:
    match s:
        case Let(name, value):
            return f"let {name} = {print_expr(value)}"
        case Store(buffer, index, value):
            return f"{buffer}[{_join(index)}] = {print_expr(value)}"
        case Accumulate(buffer, index, value, combiner):
            return f"{buffer}[{_join(index)}] {combiner}= {print_expr(value)}"
        case Alloc(b):
            return f"alloc {_buffer(b)}"
        case Check(condition, message):
            return f"check {print_expr(condition)} else {message}"
        case Barrier():
            return "barrier"
    raise TypeError(f"not a statement: {s!r}")


def _buffer(b: Buffer) -> str:
    text = f"{b.name}: {b.dtype}[{_join(b.shape)}] {b.role}"
    text += "" if b.space == "arg" else f" {b.space}"
    text += "" if b.strides is None else f" strides({_join(b.strides)})"
    return text + _option("align", b.align) + (" alias" if b.alias else "")


def _join(dims: Shape) -> str:
    return ", ".join(map(str, dims))


def _dims(dims: tuple[Dim | str, ...]) -> str:
    return f" dims({', '.join(map(str, dims))})" if dims else ""


def _option(word: str, value: Dim) -> str:
    return "" if value == 0 else f" {word}({value})"


def parse_kernel(text: str) -> Kernel:
    """The kernel that `print_kernel` wrote. Raises ParseError on any other text."""
    return _parse(text, _Parser.kernel)


def parse_program(text: str) -> Program:
    """The program that `print_program` wrote. Raises ParseError on any other text."""
    return _parse(text, _Parser.program)


def _parse(text: str, rule: Callable[[_Parser], Result]) -> Result:
    parser = _Parser(Lexer(text))
    result = rule(parser)
    parser.lexer.end()
    return result


@dataclass
class _Parser:
    """Recursive descent; `dtypes` are those of the buffers, `lets` those of the names in scope."""

    lexer: Lexer
    dtypes: dict[str, DType] = field(default_factory=dict)
    lets: dict[str, DType] = field(default_factory=dict)

    def program(self) -> Program:
        lexer = self.lexer
        lexer.expect("program")
        name, dims, arena = lexer.name(), self.names("dims"), self.option("arena")
        messages: list[str] = []
        slots: list[Slot] = []
        kernels: list[Kernel] = []
        steps: list[Launch] = []
        lexer.expect("{")
        while not lexer.accept("}"):
            if lexer.accept("message"):
                messages.append(lexer.string("a message"))
            elif lexer.at("kernel"):
                kernels.append(self.kernel())
            elif lexer.accept("run"):
                args = lexer.name("a kernel"), lexer.sequence(lexer.name, "(", ")")
                steps.append(Launch(*args, self.shape("(", ")") if lexer.accept("dims") else ()))
            else:
                if not lexer.accept("slot"):
                    raise lexer.error("message, slot, kernel, run or '}'")
                kind = lexer.one_of(SLOT_KINDS, "the kind of a slot")
                slots.append(Slot(self.buffer(), kind, self.option("at")))
        return Program(name, dims, tuple(slots), tuple(kernels), tuple(steps), arena, tuple(messages))

    def kernel(self) -> Kernel:
        self.lexer.expect("kernel")
        name = self.lexer.name()
        buffers = self.lexer.sequence(self.buffer, "(", ")")
        dims = self.names("dims")
        self.dtypes, self.lets = {b.name: b.dtype for b in buffers}, {}
        return Kernel(name, buffers, dims, self.body())

    def names(self, word: str) -> tuple[str, ...]:
        return self.lexer.sequence(self.lexer.name, "(", ")") if self.lexer.accept(word) else ()

    def option(self, word: str) -> Dim:
        """`word(dim)`, 0 where it is not there."""
        if not self.lexer.accept(word):
            return 0
        self.lexer.expect("(")
        value = self.dim()
        self.lexer.expect(")")
        return value

    def buffer(self) -> Buffer:
        lexer = self.lexer
        name = lexer.name("a buffer")
        lexer.expect(":")
        dtype = self.dtype()
        shape = self.shape("[", "]")
        role = lexer.one_of(ROLES, "a role")
        space = lexer.take().text if lexer.at(*SPACES) else "arg"
        strides = self.shape("(", ")") if lexer.accept("strides") else None
        align = 0
        if lexer.accept("align"):
            lexer.expect("(")
            align = lexer.integer("an alignment in bytes")
            lexer.expect(")")
        return Buffer(name, dtype, shape, role, space, strides, align, lexer.accept("alias"))

    def dtype(self) -> DType:
        return DTYPES[self.lexer.one_of(tuple(DTYPES), "an element type")]

    def shape(self, start: str, stop: str) -> Shape:
        return self.lexer.sequence(self.dim, start, stop)

    def body(self) -> Body:
        """Statements in braces; what they declare ends with them."""
        outer = self.dtypes, self.lets
        self.dtypes, self.lets = dict(self.dtypes), dict(self.lets)
        body: list[Stmt] = []
        with self.lexer.nested():
            self.lexer.expect("{")
            while not self.lexer.accept("}"):
                body.append(self.statement())
        self.dtypes, self.lets = outer
        return tuple(body)

    def statement(self) -> Stmt:
        rule = _STATEMENTS.get(self.lexer.token.text)
        if rule is None:
            return self.write()
        self.lexer.take()
        return rule(self)

    def loop(self) -> For:
        var = self.lexer.name("a loop variable")
        self.lexer.expect("<")
        extent = self.dim()
        kind = "serial" if self.lexer.at("{") else self.lexer.one_of(KINDS, "'{' or the kind of a loop")
        grain = self.option("grain") if self.lexer.at("grain") else 1
        private = self.names("private")
        return For(var, extent, self.body(), kind, grain, private)

    def let(self) -> Let:
        name = self.lexer.name()
        self.lexer.expect("=")
        value = self.expr()
        self.lets[name] = value.dtype
        return Let(name, value)

    def condition(self) -> If:
        condition, then = self.expr(), self.body()
        return If(condition, then, self.body() if self.lexer.accept("else") else ())

    def alloc(self) -> Alloc:
        buffer = self.buffer()
        self.dtypes[buffer.name] = buffer.dtype
        return Alloc(buffer)

    def check(self) -> Check:
        condition = self.expr()
        self.lexer.expect("else")
        return Check(condition, self.lexer.integer("the number of a message"))

    def write(self) -> Stmt:
        lexer = self.lexer
        if lexer.token.kind != "name" or lexer.after.text != "[":
            raise lexer.error("a statement")
        name = lexer.name()
        index = self.shape("[", "]")
        if lexer.accept("="):
            return Store(name, index, self.expr())
        combiner = lexer.one_of(COMBINERS, "'=' or a combiner")
        lexer.expect("=")
        return Accumulate(name, index, self.expr(), combiner)

    def expr(self) -> Expr:
        lexer = self.lexer
        with lexer.nested():
            if lexer.accept("@"):
                lexer.expect("(")
                index = self.dim()
                lexer.expect(")")
                return At(index)
            if lexer.token.kind == "number" or lexer.at("-", "inf", "nan", "true", "false"):
                return self.const()
            if lexer.token.kind != "name":
                raise lexer.error("an expression")
            if lexer.after.text == "[":
                return self.load()
            if lexer.after.text in ("(", "<"):
                return self.call()
            if lexer.token.text not in self.lets:
                raise lexer.error("a name that let has bound")
            return Name(self.lets[lexer.token.text], lexer.name())

    def const(self) -> Const:
        lexer = self.lexer
        negative = lexer.accept("-")
        value = _WORDS[lexer.take().text] if lexer.at(*_WORDS) else lexer.number()
        lexer.expect(":")
        return Const(self.dtype(), -value if negative else value)

    def load(self) -> Load:
        if self.lexer.token.text not in self.dtypes:
            raise self.lexer.error("a buffer in scope")
        name = self.lexer.name()
        return Load(self.dtypes[name], name, self.shape("[", "]"))

    def call(self) -> Expr:
        lexer = self.lexer
        start = lexer.token
        op = lexer.one_of(tuple(PRIMITIVES), "a primitive")
        given = None
        if op in _GIVEN:
            lexer.expect("<")
            given = self.dtype()
            lexer.expect(">")
        args = lexer.sequence(self.expr, "(", ")")
        try:
            return prim(op, *args, dtype=given)
        except TypeError as error:
            raise lexer.error(f"operands that fit: {error}", start) from None

    def dim(self) -> Dim:
        """Terms with + and -."""
        with self.lexer.nested():
            total = self.term() * -1 if self.lexer.accept("-") else self.term()
            while self.lexer.at("+", "-"):
                sign = -1 if self.lexer.take().text == "-" else 1
                total = total + self.term() * sign
        return total

    def term(self) -> Dim:
        """Factors with *."""
        value = self.factor()
        while self.lexer.accept("*"):
            factor = self.factor()
            if _terms(value) * _terms(factor) > MAX_TERMS:
                raise self.lexer.error(f"an index of at most {MAX_TERMS} terms")
            value = value * factor
        return value

    def factor(self) -> Dim:
        lexer = self.lexer
        if lexer.accept("("):
            value = self.dim()
            lexer.expect(")")
            return value
        if lexer.token.kind == "number":
            return lexer.integer()
        start = lexer.token
        name = lexer.name("an index expression")
        if not lexer.at("("):
            return Index.symbol(name)
        with lexer.nested():
            args = self.shape("(", ")")
        if name not in FUNCTIONS or len(args) != 2:
            raise lexer.error(f"a function of two indices ({', '.join(FUNCTIONS)})", start)
        try:
            return FUNCTIONS[name](*args)
        except ZeroDivisionError:
            raise lexer.error("a divisor that is not zero", start) from None


def _terms(x: Dim) -> int:
    return len(x.terms) if isinstance(x, Index) else 1


_WORDS: dict[str, Number] = {"inf": float("inf"), "nan": float("nan"), "true": True, "false": False}

_STATEMENTS: dict[str, Callable[[_Parser], Stmt]] = {
    "for": _Parser.loop,
    "let": _Parser.let,
    "if": _Parser.condition,
    "alloc": _Parser.alloc,
    "check": _Parser.check,
    "barrier": lambda _: Barrier(),
}

__all__ = [
    "KEYWORDS",
    "ParseError",
    "parse_kernel",
    "parse_program",
    "print_expr",
    "print_kernel",
    "print_program",
    "print_stmt",
]
