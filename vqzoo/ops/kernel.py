"""Fused product and arg-max on a CPU, compiled by LLVM for the processor at hand on first use."""

import ctypes
import platform
from collections.abc import Callable, Sequence
from functools import cache, reduce
from typing import Any, NamedTuple

import llvmlite.binding as llvm
from llvmlite import ir

_F32, _I32, _I64, _POINTER = ir.FloatType(), ir.IntType(32), ir.IntType(64), ir.PointerType()
_ARGUMENTS = {
    **{name: _POINTER for name in ("latents", "codebook", "bias", "values", "indices", "next_run", "scratch")},
    **{name: _I64 for name in ("n", "k", "d", "start", "part", "run")},
}
_VECTORS = 3  # vectors of latents in a block: each loaded number of the codebook serves three products
_SETTLED = 4  # times block x rows: after so many codevectors few latents still find a better one


class Registers(NamedTuple):
    """Use of a processor's registers by the search."""

    lanes: int  # numbers in a vector
    rows: int  # codevectors at a time: registers hold three sums of each, three vectors of latents and one number
    fused: bool  # multiply-add with one rounding


class Kernel(NamedTuple):
    """The compiled search and its sizes.

    `search(latents, codebook, bias, values, indices, next_run, scratch, n, k, d, start, part, run)`; the first seven
    are addresses. latents (n, d), codebook (k >= `rows`, d) and bias (k,) are float32; values (float32) and indices
    (int64) have room for whole blocks of `block` latents.

    A call processes runs of `run` blocks until none is left; the int64 counter at `next_run` hands them out. Any number
    of threads may call it with the same arguments except `scratch`, which is room for `block` x d numbers. A run is
    compared with `part` codevectors at a time, which stay in the cache. Codevectors are numbered from `start`; where
    `start` is not 0, values and indices hold the best of the codevectors before it.
    """

    search: Callable[..., None]
    block: int
    rows: int
    engine: Any  # owns the memory of the compiled code


@cache
def kernel(registers: Registers | None = None) -> Kernel:
    """Return the compiled search, by default for this processor; compiling takes about a tenth of a second."""
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
    """Return the use of registers for an x86 processor: it has 32 with AVX-512, else 16."""
    if features.get("avx512f"):
        return Registers(16, 8, True)
    return Registers(8, 4, True) if features.get("fma") else Registers(4, 4, False)


class _Code:
    """LLVM code of the search.

    The lanes of a vector are latents, so that comparing needs no exchange between lanes. A score is the sum of products
    in the order of the dimensions, plus the bias. All codevectors are computed alike, so equal ones have equal scores,
    and the first of them wins.
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
        self.arguments = dict(zip(_ARGUMENTS, function.args, strict=True))
        self.build = ir.IRBuilder(function.append_basic_block())
        self._runs()

    def _runs(self) -> None:
        build, arguments = self.build, self.arguments
        again, work, done = (build.append_basic_block() for _ in range(3))
        build.branch(again)
        build.position_at_end(again)
        number = build.atomic_rmw("add", arguments["next_run"], _I64(1), "monotonic")
        first = build.mul(number, build.mul(arguments["run"], self.width))
        build.cbranch(build.icmp_signed("<", first, arguments["n"]), work, done)
        build.position_at_end(work)
        end = self._smaller(build.add(first, build.mul(arguments["run"], self.width)), arguments["n"])

        def part(start: Any, _: Sequence[Any]) -> list[Any]:
            return self._loop(first, end, self.width, [], lambda block, _: self._block(block, start))

        self._loop(_I64(0), arguments["k"], arguments["part"], [], part)
        build.branch(again)
        build.position_at_end(done)
        build.ret_void()

    def _block(self, first: Any, start: Any) -> list[Any]:
        """Compare a block of latents with the part of the codebook that begins at `start`."""
        build = self.build
        self._gather(first)
        offsets = [build.add(first, _I64(vector * self.lanes)) for vector in range(_VECTORS)]
        end = self._smaller(build.add(start, self.arguments["part"]), self.arguments["k"])
        best = self._loop(start, end, _I64(self.rows), self._best_before(offsets, start), self._compare)
        for offset, value, index in zip(offsets, best[:_VECTORS], best[_VECTORS:], strict=True):
            build.store(value, self._at("values", offset), 4)
            build.store(build.sext(index, ir.VectorType(_I64, self.lanes)), self._at("indices", offset, _I64), 8)
        return []

    def _gather(self, first: Any) -> None:
        """Copy the block's latents into `scratch`, dimension by dimension, the last one again past the end."""
        build, dims = self.build, self.arguments["d"]
        last = build.sub(self.arguments["n"], _I64(1))

        def latent(lane: Any, _: Sequence[Any]) -> list[Any]:
            row = build.mul(self._smaller(build.add(first, lane), last), dims)

            def number(dim: Any, _: Sequence[Any]) -> list[Any]:
                value = build.load(self._at("latents", build.add(row, dim)), typ=_F32)
                build.store(value, self._at("scratch", build.add(build.mul(dim, self.width), lane)))
                return []

            return self._loop(_I64(0), dims, _I64(1), [], number)

        self._loop(_I64(0), self.width, _I64(1), [], latent)

    def _best_before(self, offsets: list[Any], start: Any) -> list[Any]:
        """Return the values, then indices, at `offsets`: minus infinity and 0 for the first part of all."""
        build, wide = self.build, ir.VectorType(_I64, self.lanes)
        fresh = build.icmp_signed("==", build.add(start, self.arguments["start"]), _I64(0))
        lowest = ir.Constant(self.floats, [float("-inf")] * self.lanes)
        values = [build.load(self._at("values", offset), typ=self.floats, align=4) for offset in offsets]
        indices = [build.load(self._at("indices", offset, _I64), typ=wide, align=8) for offset in offsets]
        narrow = [build.trunc(index, self.ints) for index in indices]
        zeros = ir.Constant(self.ints, None)
        return [build.select(fresh, lowest, value) for value in values] + [
            build.select(fresh, zeros, index) for index in narrow
        ]

    def _compare(self, row: Any, best: Sequence[Any]) -> list[Any]:
        """Return the best values and indices after `rows` more codevectors; the last step may repeat some."""
        build = self.build
        row = self._smaller(row, build.sub(self.arguments["k"], _I64(self.rows)))
        scores = self._scores(row)
        check, update, after = (build.append_basic_block() for _ in range(3))
        seen = build.add(row, self.arguments["start"])
        settled = build.icmp_signed(">=", seen, build.mul(self.width, _I64(self.rows * _SETTLED)))
        build.cbranch(settled, check, update)
        build.position_at_end(check)
        build.cbranch(self._any_better(scores, best[:_VECTORS]), update, after)
        build.position_at_end(update)
        updated = self._update(seen, scores, best)
        build.branch(after)
        build.position_at_end(after)
        results = [build.phi(value.type) for value in best]
        for phi, old, new in zip(results, best, updated, strict=True):
            phi.add_incoming(old, check)
            phi.add_incoming(new, update)
        return results

    def _scores(self, row: Any) -> list[list[Any]]:
        """Return the scores of `rows` codevectors from `row` on, `_VECTORS` vectors each."""
        build, products, scores = self.build, self._products(row), []
        for each in range(self.rows):
            bias = self._spread(build.load(self._at("bias", build.add(row, _I64(each))), typ=_F32))
            scores.append([build.fadd(products[each * _VECTORS + vector], bias) for vector in range(_VECTORS)])
        return scores

    def _any_better(self, scores: list[list[Any]], values: Sequence[Any]) -> Any:
        """Return whether any latent has a better score: late in a search few do.

        This is a third of the work of `_update`.
        """
        build, better = self.build, []
        for vector, value in enumerate(values):
            top = value
            for row in scores:
                top = build.select(build.fcmp_ordered(">", row[vector], top), row[vector], top)
            better.append(build.bitcast(build.fcmp_ordered(">", top, value), ir.IntType(self.lanes)))
        return build.icmp_unsigned("!=", reduce(build.or_, better), better[0].type(0))

    def _update(self, first: Any, scores: list[list[Any]], best: Sequence[Any]) -> list[Any]:
        """Return `best` after the scores of codevectors from index `first` on."""
        build, values, indices = self.build, list(best[:_VECTORS]), list(best[_VECTORS:])
        for each, vectors in enumerate(scores):
            number = self._spread(build.trunc(build.add(first, _I64(each)), _I32))
            for vector, score in enumerate(vectors):
                better = build.fcmp_ordered(">", score, values[vector])
                values[vector] = build.select(better, score, values[vector])
                indices[vector] = build.select(better, number, indices[vector])
        return values + indices

    def _products(self, row: Any) -> list[Any]:
        """Return the products of `rows` codevectors from `row` on with the block, `_VECTORS` vectors each."""
        build, dims = self.build, self.arguments["d"]
        starts = [build.mul(build.add(row, _I64(each)), dims) for each in range(self.rows)]

        def dimension(dim: Any, sums: Sequence[Any]) -> list[Any]:
            column = build.mul(dim, self.width)
            offsets = [build.add(column, _I64(vector * self.lanes)) for vector in range(_VECTORS)]
            latents = [build.load(self._at("scratch", offset), typ=self.floats, align=4) for offset in offsets]
            added = []
            for each, start in enumerate(starts):
                number = self._spread(build.load(self._at("codebook", build.add(start, dim)), typ=_F32))
                added += [self._add(number, z, sums[each * _VECTORS + v]) for v, z in enumerate(latents)]
            return added

        zeros = [ir.Constant(self.floats, None)] * (self.rows * _VECTORS)
        return self._loop(_I64(0), dims, _I64(1), zeros, dimension)

    def _add(self, one: Any, other: Any, total: Any) -> Any:
        if self.fused:
            return self.build.call(self.fma, [one, other, total])
        return self.build.fadd(self.build.fmul(one, other), total)

    def _loop(
        self, start: Any, end: Any, step: Any, values: Sequence[Any], body: Callable[[Any, Sequence[Any]], list[Any]]
    ) -> list[Any]:
        """Repeat `values = body(i, values)` for i from `start` to below `end`, at least once; return the values."""
        build = self.build
        before, inside, after = build.block, build.append_basic_block(), build.append_basic_block()
        build.branch(inside)
        build.position_at_end(inside)
        index, carried = build.phi(_I64), [build.phi(value.type) for value in values]
        results = body(index, carried)
        following = build.add(index, step)
        for phi, first, later in zip([index, *carried], [start, *values], [following, *results], strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(later, build.block)
        build.cbranch(build.icmp_signed("<", following, end), inside, after)
        build.position_at_end(after)
        return results

    def _at(self, argument: str, offset: Any, kind: Any = _F32) -> Any:
        return self.build.gep(self.arguments[argument], [offset], source_etype=kind)

    def _spread(self, scalar: Any) -> Any:
        """Return a vector with `scalar` in every lane."""
        anything = ir.Constant(ir.VectorType(scalar.type, self.lanes), ir.Undefined)
        first = self.build.insert_element(anything, scalar, _I32(0))
        return self.build.shuffle_vector(first, anything, ir.Constant(self.ints, None))

    def _smaller(self, one: Any, other: Any) -> Any:
        return self.build.select(self.build.icmp_signed("<", one, other), one, other)
