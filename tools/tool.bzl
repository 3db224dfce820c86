"""kl_tools: the program's subcommands, one line each."""

load("//third_party/bazel:kinglet.bzl", "kl_cc_library", "kl_cc_test")

_HEADER = """#include "tools/common/command.h"
namespace kinglet::tools {
"""

def kl_tools(name, tools):
    """Declares a library for each tool, its tests, and the table of commands.

    The tool <tool> is the folder <tool>/: <tool>.cc defines kinglet::tools::kCommand_<tool>; every
    *_test.cc becomes the test <tool>_<its name>.

    Args:
      name: the library that holds the table and all tools.
      tools: {"chat": [what chat needs besides tools/common]}.
    """
    for tool, deps in tools.items():
        tests = native.glob([tool + "/*_test.cc"])
        common = deps + [
            "//core/capi",
            "//third_party:absl",
            "//third_party:nlohmann_json",
            "//tools/common",
        ]
        kl_cc_library(
            name = tool + "_tool",
            srcs = native.glob([tool + "/*.cc"], exclude = tests),
            hdrs = native.glob([tool + "/*.h"]),
            deps = common,
        )
        for test in tests:
            kl_cc_test(
                name = tool + "_" + test.split("/")[-1][:-len(".cc")],
                srcs = [test],
                deps = common + [":" + tool + "_tool", "//plugins/common"],
            )
    lines = ["extern const Command kCommand_%s;" % tool for tool in tools]
    entries = ["&kCommand_%s," % tool for tool in tools]
    text = _HEADER + "\n".join(lines) + "\nextern const Command* const kCommands[];" + \
           "\nconst Command* const kCommands[] = {" + "".join(entries) + "nullptr};\n}\n"
    native.genrule(
        name = name + "_source",
        outs = [name + ".cc"],
        cmd = "cat > $@ <<'KL_END'\n" + text + "KL_END",
    )
    kl_cc_library(
        name = name,
        srcs = [name + ".cc"],
        deps = ["//tools/common"] + [":%s_tool" % tool for tool in tools],
    )
