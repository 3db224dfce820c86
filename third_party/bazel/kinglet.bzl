"""The rules that Kinglet's own code is declared with."""

load("//third_party/bazel:copts.bzl", "KL_COPTS", "KL_MALLOC")
load("//third_party/bazel:isa.bzl", "isa_cpu", "isa_library")

def kl_cc_library(name, copts = [], **kwargs):
    """cc_library compiled without exceptions."""
    native.cc_library(
        name = name,
        copts = KL_COPTS + ["-fno-exceptions"] + copts,
        **kwargs
    )

def kl_cc_binary(name, copts = [], **kwargs):
    """cc_binary whose allocator is mimalloc.

    A shared library (linkshared) brings no allocator: that is its program's choice.
    """
    if not kwargs.get("linkshared"):
        kwargs["malloc"] = KL_MALLOC
    native.cc_binary(
        name = name,
        copts = KL_COPTS + copts,
        **kwargs
    )

def kl_cc_test(name, size = "small", copts = [], deps = [], **kwargs):
    """GoogleTest test: its main() takes --testdata=FOLDER, its allocator is mimalloc."""
    native.cc_test(
        name = name,
        size = size,
        copts = KL_COPTS + copts,
        malloc = KL_MALLOC,
        deps = deps + ["//tests/support:test_main"],
        **kwargs
    )

def kl_benchmark(name, size = "medium", copts = [], deps = [], tags = [], **kwargs):
    """Google Benchmark program that --config=bench runs as a test; takes --testdata=FOLDER."""
    native.cc_test(
        name = name,
        size = size,
        copts = KL_COPTS + copts,
        malloc = KL_MALLOC,
        tags = tags + ["benchmark"],
        deps = deps + ["//tests/support:benchmark_main"],
        **kwargs
    )

def kl_plugin(name, srcs, hdrs = [], deps = [], isa = {}, copts = [], linkopts = [], data = [], **kwargs):
    """Declares a plugin: //package:<name> is the file libkinglet_<name>.so.

    The file exports kl_plugin_query_v1 and nothing else, and leaves no symbol for its host to
    fill in.

    Args:
      name: the plugin's name.
      srcs: sources compiled for the baseline of the processor, without exceptions; a plugin that
        wraps a C++ library which throws asks for "-fexceptions" in copts.
      hdrs: headers shared by srcs and the kernel sources.
      deps: libraries.
      isa: kernel sources by instruction set: {"avx2": ["matmul_q8_0_avx2.cc"]}. See isa.bzl for
        the names; all belong to one processor, and builds for another skip the plugin.
      copts: further compiler flags, for srcs and kernel sources.
      linkopts: further linker flags.
      data: files it needs at run time.
      **kwargs: passed on to each target.
    """
    visibility = kwargs.pop("visibility", ["//visibility:public"])
    compatible_with = kwargs.pop("target_compatible_with", [])
    kernel_libraries = []
    for level in isa:
        compatible = ["@platforms//cpu:" + isa_cpu(level)]
        if compatible_with not in ([], compatible):
            fail("plugin '%s' has kernels for two processors: split it" % name)
        compatible_with = compatible
    if isa or hdrs:
        native.cc_library(
            name = name + "_headers",
            hdrs = hdrs,
            deps = deps,
            **kwargs
        )
    for level, sources in isa.items():
        isa_library(
            name = name + "_" + level,
            srcs = sources,
            copts = copts,
            isa = level,
            visibility = visibility,
            deps = [":" + name + "_headers"],
            **kwargs
        )
        kernel_libraries.append(":%s_%s" % (name, level))
    unstamped = "lib%s_unstamped.so" % name
    native.cc_binary(
        name = unstamped,
        srcs = srcs,
        additional_linker_inputs = ["//third_party/bazel:plugin_exports.lds"],
        copts = KL_COPTS + ["-fno-exceptions", "-fvisibility=hidden"] + copts,
        data = data,
        linkopts = [
            "-Wl,--exclude-libs,ALL",
            "-Wl,--version-script=$(location //third_party/bazel:plugin_exports.lds)",
        ] + select({
            # clang leaves the sanitizers' run-time to the program, so symbols stay open there.
            "//third_party/bazel:with_libfuzzer": [],
            "//conditions:default": ["-Wl,--no-undefined"],
        }) + linkopts,
        linkshared = True,
        target_compatible_with = compatible_with,
        visibility = visibility,
        deps = deps + kernel_libraries + ([":" + name + "_headers"] if isa or hdrs else []),
        **kwargs
    )

    # The step between linking and use: writes the file's checksum into its manifest.
    native.genrule(
        name = name,
        srcs = [unstamped],
        outs = ["libkinglet_%s.so" % name],
        cmd = "$(location //core/plugin:stamp_plugin) $< $@",
        tools = ["//core/plugin:stamp_plugin"],
        target_compatible_with = compatible_with,
        visibility = visibility,
        **kwargs
    )
