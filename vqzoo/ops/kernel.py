"""A product and its arg-max in one, compiled by LLVM for the processor at hand when it is first needed."""

import ctypes
import platform
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import llvmlite.binding as llvm
from llvmlite import ir

_F32, _I32, _I64, _POINTER = ir.FloatType(), ir.IntType(32), ir.IntType(64), ir.PointerType()
_ARGUMENTS = {
    **{name: _POINTER for name in ("latents", "codebook", "bias", "values", "indices", "next_block", "scratch")},
    **{name: _I64 for name in ("n", "k", "d", "start")},
}
_VECTORS = 3  # of latents in a block: a number of the codebook that was loaded serves three products


class Registers(NamedTuple):
    """How the search uses a processor's registers."""

    lanes: int  # numbers in a vector
    rows: int  # codevectors at a time: three sums of each, three vectors of latents and one number have a register
    fused: bool  # product and sum are rounded once


class Kernel(NamedTuple):
    """`search(latents, codebook, bias, values, indices, next_block, scratch, n, k, d, start)`: addresses, then numbers.

    latents (n, d), codebook (k >= `rows`, d) and bias (k,) are float32. A call takes one block of `block` latents after
    the other, as the int64 counter at `next_block` tells, until there are none: any number of threads can call it with
    the same arguments but for `scratch`, room for `block` x d numbers. values (float32) and indices (int64) have whole
    blocks of room. The codevectors are numbered from `start`; where that is not 0, values and indices hold the best of
    those before.
    """

    search: Callable[..., None]
    block: int
    rows: int
    engine: Any  # whose memory holds the code


@cache
def kernel(registers: Registers | None = None) -> Kernel:
    """Compile the search, which takes about a tenth of a second; `registers` are this processor's by default."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    arm = platform.machine().lower() in ("arm64", "aarch64")
    features = None if arm else llvm.get_host_cpu_features()
    registers = registers or (Registers(4, 8, True) if features is None else _registers(features))
    machine = llvm.Target.from_default_triple().create_target_machine(
        llvm.get_host_cpu_name(), features.flatten() if features else "", opt=3
    )
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(str(_Code(registers).module)), machine)
    engine.finalize_object()
    types = [ctypes.c_void_p if kind is _POINTER else ctypes.c_int64 for kind in _ARGUMENTS.values()]
    search = ctypes.CFUNCTYPE(None, *types)(engine.get_function_address("search"))
    return Kernel(search, registers.lanes * _VECTORS, registers.rows, engine)


def _registers(features: dict[str, bool]) -> Registers:
    """Of an x86 with such features: 32 registers with AVX-512, else 16."""
    if features.get("avx512f"):
        return Registers(16, 8, True)
    return Registers(8, 4, True) if features.get("fma") else Registers(4, 4, False)


class _Code:
    """Lanes of a vector are latents, so that comparing needs no exchange between lanes.

    A score is the sum of products in the order of the dimensions, plus the bias. All codevectors are computed alike, so
    equal ones have equal scores, and the first of them stays.
    """

    def __init__(self, registers: Registers):
        self.lanes, self.rows, self.fused = registers
        self.floats, self.ints = ir.VectorType(_F32, self.lanes), ir.VectorType(_I32, self.lanes)
        self.width = _I64(self.lanes * _VECTORS)
        self.module = ir.Module()
        self.module.triple = llvm.get_default_triple()
        three = ir.FunctionType(self.floats, [self.floats] * 3)
        self.fma = ir.Function(self.module, three, f"llvm.fma.v{self.lanes}f32")
        function = ir.Function(self.module, ir.FunctionType(ir.VoidType(), list(_ARGUMENTS.values())), "search")
        self.given = dict(zip(_ARGUMENTS, function.args, strict=True))
        self.build = ir.IRBuilder(function.append_basic_block())
        self._blocks()

    def _blocks(self) -> None:
        build = self.build
        again, work, done = (build.append_basic_block() for _ in range(3))
        build.branch(again)
        build.position_at_end(again)
        block = build.atomic_rmw("add", self.given["next_block"], _I64(1), "monotonic")
        first = build.mul(block, self.width)
        build.cbranch(build.icmp_signed("<", first, self.given["n"]), work, done)
        build.position_at_end(work)
        self._gather(first)
        places = [build.add(first, _I64(vector * self.lanes)) for vector in range(_VECTORS)]
        best = self._loop(self.given["k"], self.rows, self._best_before(places), self._compare)
        for place, value, index in zip(places, best[:_VECTORS], best[_VECTORS:], strict=True):
            build.store(value, self._at("values", place), 4)
            build.store(build.sext(index, ir.VectorType(_I64, self.lanes)), self._at("indices", place, _I64), 8)
        build.branch(again)
        build.position_at_end(done)
        build.ret_void()

    def _gather(self, first: Any) -> None:
        """The block's latents, one dimension after the other; past the end the last latent again."""
        build, dims = self.build, self.given["d"]
        last = build.sub(self.given["n"], _I64(1))

        def latent(lane: Any, _: Sequence) -> list:
            row = build.mul(self._smaller(build.add(first, lane), last), dims)

            def number(dim: Any, _: Sequence) -> list:
                value = build.load(self._at("latents", build.add(row, dim)), typ=_F32)
                build.store(value, self._at("scratch", build.add(build.mul(dim, self.width), lane)))
                return []

            return self._loop(dims, 1, [], number)

        self._loop(self.width, 1, [], latent)

    def _best_before(self, places: list) -> list:
        """Values, then indices of the latents at `places`: minus infinity and 0 where this is the start."""
        build, wide = self.build, ir.VectorType(_I64, self.lanes)
        fresh = build.icmp_signed("==", self.given["start"], _I64(0))
        lowest = ir.Constant(self.floats, [float("-inf")] * self.lanes)
        values = [build.load(self._at("values", place), typ=self.floats, align=4) for place in places]
        indices = [build.load(self._at("indices", place, _I64), typ=wide, align=8) for place in places]
        narrow = [build.trunc(index, self.ints) for index in indices]
        zeros = ir.Constant(self.ints, None)
        return [build.select(fresh, lowest, value) for value in values] + [
            build.select(fresh, zeros, index) for index in narrow
        ]

    def _compare(self, row: Any, best: Sequence) -> list:
        """The best values and indices after `rows` more codevectors; the last step may see some of them again."""
        build = self.build
        values, indices = list(best[:_VECTORS]), list(best[_VECTORS:])
        row = self._smaller(row, build.sub(self.given["k"], _I64(self.rows)))
        products = self._products(row)
        for each in range(self.rows):
            place = build.add(row, _I64(each))
            bias = self._spread(build.load(self._at("bias", place), typ=_F32))
            number = self._spread(build.trunc(build.add(place, self.given["start"]), _I32))
            for vector in range(_VECTORS):
                score = build.fadd(products[each * _VECTORS + vector], bias)
                better = build.fcmp_ordered(">", score, values[vector])
                values[vector] = build.select(better, score, values[vector])
                indices[vector] = build.select(better, number, indices[vector])
        return values + indices

    def _products(self, row: Any) -> list:
        """The products of `rows` codevectors from `row` on with the block: `_VECTORS` vectors of each."""
        build, dims = self.build, self.given["d"]
        starts = [build.mul(build.add(row, _I64(each)), dims) for each in range(self.rows)]

        def dimension(dim: Any, sums: Sequence) -> list:
            column = build.mul(dim, self.width)
            places = [build.add(column, _I64(vector * self.lanes)) for vector in range(_VECTORS)]
            latents = [build.load(self._at("scratch", place), typ=self.floats, align=4) for place in places]
            added = []
            for each, start in enumerate(starts):
                number = self._spread(build.load(self._at("codebook", build.add(start, dim)), typ=_F32))
                added += [self._add(number, z, sums[each * _VECTORS + v]) for v, z in enumerate(latents)]
            return added

        return self._loop(dims, 1, [ir.Constant(self.floats, None)] * (self.rows * _VECTORS), dimension)

    def _add(self, one: Any, other: Any, total: Any) -> Any:
        if self.fused:
            return self.build.call(self.fma, [one, other, total])
        return self.build.fadd(self.build.fmul(one, other), total)

    def _loop(self, end: Any, step: int, values: Sequence, body: Callable[[Any, Sequence], list]) -> list:
        """What `values` become by `values = body(i, values)` for i = 0, step, ... below `end`, which is above 0."""
        build = self.build
        before, inside, after = build.block, build.append_basic_block(), build.append_basic_block()
        build.branch(inside)
        build.position_at_end(inside)
        index, carried = build.phi(_I64), [build.phi(value.type) for value in values]
        results = body(index, carried)
        following = build.add(index, _I64(step))
        for phi, first, later in zip([index, *carried], [_I64(0), *values], [following, *results], strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(later, build.block)
        build.cbranch(build.icmp_signed("<", following, end), inside, after)
        build.position_at_end(after)
        return results

    def _at(self, argument: str, place: Any, kind: Any = _F32) -> Any:
        return self.build.gep(self.given[argument], [place], source_etype=kind)

    def _spread(self, scalar: Any) -> Any:
        """A vector with `scalar` in every lane."""
        anything = ir.Constant(ir.VectorType(scalar.type, self.lanes), ir.Undefined)
        first = self.build.insert_element(anything, scalar, _I32(0))
        return self.build.shuffle_vector(first, anything, ir.Constant(self.ints, None))

    def _smaller(self, one: Any, other: Any) -> Any:
        return self.build.select(self.build.icmp_signed("<", one, other), one, other)
