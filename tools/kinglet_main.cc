// The program `kinglet`: picks a subcommand and hands over. Started under a subcommand's name (as
// bazel-bin/chat is), it is that subcommand.
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "core/capi/kinglet.h"
#include "tools/common/command.h"
#include "tools/common/exit_codes.h"
#include "tools/common/options.h"

namespace kinglet::tools {

// Generated from the tools of tools/BUILD.bazel; ends with NULL.
extern const Command* const kCommands[];

namespace {

const Command* Find(const std::string& name) {
  for (const Command* const* command = kCommands; *command != nullptr; ++command) {
    if (name == (*command)->name) return *command;
  }
  return nullptr;
}

int PrintHelp() {
  std::fputs(
      "Examples:\n"
      "  kinglet chat                    talk to the model that ships with Kinglet\n"
      "  kinglet bench -m model.gguf     how fast a model runs here\n"
      "  kinglet help chat               the flags of a command\n"
      "\nKinglet runs language models and neural networks on CPUs.\n"
      "\nUsage: kinglet COMMAND [flags]\n\nCommands:\n",
      stdout);
  for (const Command* const* command = kCommands; *command != nullptr; ++command) {
    std::printf("  %-12s %s\n", (*command)->name, (*command)->summary);
  }
  std::printf("  %-12s this text, or the flags of a command: kinglet help chat\n", "help");
  std::printf("  %-12s the version\n", "--version");
  return kExitOk;
}

int UnknownCommand(const std::string& name) {
  std::vector<std::string> names = {"help", "--help", "--version"};
  for (const Command* const* command = kCommands; *command != nullptr; ++command) {
    names.push_back((*command)->name);
  }
  const std::vector<std::string> near = NearMisses(name, names);
  std::fprintf(stderr, "kinglet: unknown command '%s'", name.c_str());
  if (!near.empty())
    std::fprintf(stderr, "; did you mean %s?", absl::StrJoin(near, " or ").c_str());
  std::fputs("\nkinglet help lists the commands.\n", stderr);
  return kExitUsage;
}

int Help(int argc, char** argv) {
  if (argc < 3) return PrintHelp();
  const Command* command = Find(argv[2]);
  if (command == nullptr) return UnknownCommand(argv[2]);
  std::string name = command->name;
  std::string flag = "--help";
  char* arguments[] = {&name[0], &flag[0], nullptr};
  return command->run(2, arguments);
}

int Main(int argc, char** argv) {
  // A reader that closes the pipe early (kinglet inspect FILE | head) is no accident.
  std::signal(SIGPIPE, SIG_DFL);
  // `bazel run` starts programs elsewhere; paths mean what they mean to the person who types them.
  const char* typed_in = std::getenv("BUILD_WORKING_DIRECTORY");
  if (typed_in != nullptr && chdir(typed_in) != 0) {
    std::fprintf(stderr, "kinglet: cannot go to %s: %s\n", typed_in, std::strerror(errno));
    return kExitIo;
  }
  const std::string program = argc > 0 ? argv[0] : "kinglet";
  const Command* own = Find(program.substr(program.rfind('/') + 1));
  if (own != nullptr) return own->run(argc, argv);
  if (argc < 2) {
    PrintHelp();
    return kExitUsage;
  }
  const std::string word = argv[1];
  if (word == "help" || word == "--help" || word == "-h") return Help(argc, argv);
  if (word == "--version" || word == "version") {
    std::printf("kinglet %s\n", kl_version());
    return kExitOk;
  }
  const Command* command = Find(word);
  return command == nullptr ? UnknownCommand(word) : command->run(argc - 1, argv + 1);
}

}  // namespace
}  // namespace kinglet::tools

int main(int argc, char** argv) { return kinglet::tools::Main(argc, argv); }
