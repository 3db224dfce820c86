// kinglet bank: files of hierarchical memories.
#include <cstdio>
#include <string>

#include "tools/bank/actions.h"
#include "tools/common/command.h"

namespace kinglet::tools {
namespace {

struct Action {
  const char* name;
  const char* summary;
  int (*run)(int argc, char** argv);
};

constexpr Action kActions[] = {
    {"create", "an untrained bank for a model: every block contributes nothing", CreateBank},
    {"inspect", "what is in a bank, level by level", InspectBank},
    {"verify", "reads every block and says which are damaged", VerifyBank},
    {"deny", "blocks that must never be read, or may be again", DenyBlocks},
    {"merge", "one bank of the parts of several", MergeBanks},
};

void PrintHelp(FILE* out) {
  std::fputs(
      "Examples:\n"
      "  kinglet bank create -m model.gguf --encoder encoder.gguf --rows 32,4 -o facts.klbank\n"
      "  kinglet bank inspect facts.klbank\n"
      "  kinglet bank deny facts.klbank --block 1:3 --block 2:200\n"
      "\nMakes, shows, checks and edits memory banks (.klbank).\n"
      "\nUsage: kinglet bank ACTION [flags]\n\nActions:\n",
      out);
  for (const Action& action : kActions)
    std::fprintf(out, "  %-12s %s\n", action.name, action.summary);
  std::fputs("\nkinglet bank ACTION --help lists an action's flags.\n", out);
}

int Run(int argc, char** argv) {
  const std::string word = argc < 2 ? "" : argv[1];
  if (word == "-h" || word == "--help") {
    PrintHelp(stdout);
    return kExitOk;
  }
  for (const Action& action : kActions) {
    if (word == action.name) return action.run(argc - 1, argv + 1);
  }
  if (!word.empty()) std::fprintf(stderr, "kinglet bank: unknown action '%s'\n\n", word.c_str());
  PrintHelp(stderr);
  return kExitUsage;
}

}  // namespace

extern const Command kCommand_bank;
const Command kCommand_bank = {"bank", "memory banks: make, show, check, edit", Run};

}  // namespace kinglet::tools
