"""isa_library: sources compiled for one instruction set, and the names of instruction sets."""

load("//third_party/bazel:copts.bzl", "KL_COPTS")

# gcc 12 warns about its own headers: many 512-bit intrinsics have an operand that is meant to be
# undefined. clang does not know the name of that warning.
_AVX512 = ["-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mavx512cd", "-mfma", "-mf16c"] + [
    "-Wno-maybe-uninitialized",
    "-Wno-unknown-warning-option",
]

_X86_64 = {
    "avx2": ["-mavx2", "-mfma", "-mf16c"],
    "avxvnni": ["-mavx2", "-mfma", "-mf16c", "-mavxvnni"],
    "avx512": _AVX512,
    "avx512vnni": _AVX512 + ["-mavx512vnni"],
    "amx": ["-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mamx-tile", "-mamx-int8", "-mfma", "-mf16c"],
}

# Processors in order profit from gcc's schedule for one of them, and from two loads of a register each instead of one of two
# (llvm's model of Cortex-A55: two cycles, not six); for the others neither matters.
_ARM_SCHEDULE = ["-mtune=cortex-a55", "-fno-peephole2"]

_AARCH64 = {
    "neon": _ARM_SCHEDULE,
    "dotprod": _ARM_SCHEDULE + ["-march=armv8.2-a+dotprod"],
    "i8mm": _ARM_SCHEDULE + ["-march=armv8.2-a+dotprod+i8mm"],
    "sve": ["-march=armv8.2-a+sve"],
}

def isa_cpu(isa):
    """Returns the processor, as @platforms names it, that has the instruction set isa."""
    if isa in _X86_64:
        return "x86_64"
    if isa in _AARCH64:
        return "aarch64"
    fail("unknown instruction set '%s'; known: %s" % (isa, ", ".join(_X86_64.keys() + _AARCH64.keys())))

def isa_library(name, isa, srcs, copts = [], **kwargs):
    """Declares sources of one instruction set; builds for other processors skip them.

    Such a source keeps to an anonymous namespace and includes no inline functions or templates
    of the standard library: the linker keeps one copy of an inline function, and might keep the
    one compiled here for a processor that cannot run it.

    Args:
      name: the target's name.
      isa: "avx2", "avxvnni", "avx512", "avx512vnni", "amx", "neon", "dotprod", "i8mm" or "sve".
      srcs: the sources.
      copts: further compiler flags.
      **kwargs: passed on to cc_library.
    """
    native.cc_library(
        name = name,
        srcs = srcs,
        copts = KL_COPTS + ["-fno-exceptions", "-fvisibility=hidden"] + (_X86_64.get(isa) or _AARCH64.get(isa, [])) + copts,
        linkstatic = True,
        target_compatible_with = ["@platforms//cpu:" + isa_cpu(isa)],
        **kwargs
    )
