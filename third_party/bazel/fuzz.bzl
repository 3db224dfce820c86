"""kl_fuzz_test: a libFuzzer target whose corpus every other configuration replays."""

load("//third_party/bazel:copts.bzl", "KL_COPTS", "KL_MALLOC")

def kl_fuzz_test(name, srcs, deps = [], corpus = [], corpus_folder = "corpus", runs = 20000, data = [], copts = [], size = "small", tags = [], **kwargs):
    """Declares <name> (fuzzes, --config=fuzz only) and <name>_replay (replays, all others).

    Args:
      name: the target's name; by convention ends in _fuzz.
      srcs: sources that define LLVMFuzzerTestOneInput.
      deps: what they need.
      corpus: the corpus files, at least one: glob(["corpus/**"]).
      corpus_folder: the folder, inside the package, that holds them.
      runs: how many inputs <name> tries.
      data: further files that it needs when it runs.
      copts: further compiler flags.
      size: the tests' size.
      tags: further tags.
      **kwargs: passed on to cc_test.
    """
    native.cc_test(
        name = name,
        size = size,
        srcs = srcs,
        args = [
            "-runs=%d" % runs,
            "-seed=1",
            native.package_name() + "/" + corpus_folder,
        ],
        copts = KL_COPTS + copts,
        data = corpus + data,
        linkopts = ["-fsanitize=fuzzer"],
        malloc = KL_MALLOC,
        tags = tags + ["fuzz"],
        target_compatible_with = select({
            "//third_party/bazel:with_libfuzzer": [],
            "//conditions:default": ["//third_party/bazel:incompatible"],
        }),
        deps = deps,
        **kwargs
    )
    native.cc_test(
        name = name + "_replay",
        size = size,
        srcs = srcs + ["//third_party/bazel:fuzz_replay.cc"],
        args = ["$(rootpaths %s)" % file for file in corpus],
        copts = KL_COPTS + copts,
        data = corpus + data,
        malloc = KL_MALLOC,
        tags = tags,
        target_compatible_with = select({
            "//third_party/bazel:with_libfuzzer": ["//third_party/bazel:incompatible"],
            "//conditions:default": [],
        }),
        deps = deps,
        **kwargs
    )
