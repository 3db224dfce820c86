"""kl_cc_test_on_arm_cpus: one test for each kind of 64-bit ARM processor, run by qemu."""

load("//third_party/bazel:kinglet.bzl", "kl_cc_test")

# What qemu stands for: NEON only (Raspberry Pi 3 and 4), dotprod as well (Raspberry Pi 5, RK3588's
# big cores), everything (i8mm, SVE).
ARM_CPUS = [
    "cortex-a53",
    "cortex-a76",
    "max",
]

# The level of kernels (plugins/sparse_arm) that each is the first to have.
_LEVELS = {
    "cortex-a53": "neon",
    "cortex-a76": "dotprod",
    "max": "i8mm",
}

def _filter(patterns, cpu):
    others = ["*_%s*" % level for other, level in _LEVELS.items() if other != cpu]
    return ["--gtest_filter=%s-%s" % (patterns, ":".join(others))]

def kl_cc_test_on_arm_cpus(name, and_x86_64 = False, kernels_once = None, arm_shards = None, **kwargs):
    """Declares <name>_cortex_a53_test, <name>_cortex_a76_test and <name>_max_test.

    Builds for other processors skip them. Where the tests run on an ARM machine, not under qemu,
    all three see its own processor.

    Args:
      name: the stem of the targets' names.
      and_x86_64: declares <name>_test for x86-64, too.
      kernels_once: which tests, as --gtest_filter says it ("*": all). A test with the name of a
        kernel in its own then runs on the first processor that has the kernel's level only: the
        next ones would execute the same instructions.
      arm_shards: into how many processes each test is divided.
      **kwargs: passed on to kl_cc_test.
    """
    if and_x86_64:
        kl_cc_test(
            name = name + "_test",
            target_compatible_with = ["@platforms//cpu:x86_64"],
            **kwargs
        )
    for cpu in ARM_CPUS:
        kl_cc_test(
            name = "%s_%s_test" % (name, cpu.replace("-", "_")),
            args = _filter(kernels_once, cpu) if kernels_once else [],
            env = {"QEMU_AARCH64_CPU": cpu},
            shard_count = arm_shards,
            target_compatible_with = ["@platforms//cpu:aarch64"],
            **kwargs
        )
