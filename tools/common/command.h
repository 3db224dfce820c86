// One subcommand of the program.
//
// The file tools/<folder>/<folder>.cc defines
//   const Command kCommand_<folder> = {"name", "what it does, in one line", Run};
// and a line in tools/BUILD.bazel puts it into the table that `kinglet help` prints.
#ifndef KINGLET_TOOLS_COMMON_COMMAND_H_
#define KINGLET_TOOLS_COMMON_COMMAND_H_

namespace kinglet::tools {

struct Command {
  const char* name;
  const char* summary;
  // argv[0] is the subcommand's name. Returns the exit status.
  int (*run)(int argc, char** argv);
};

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_COMMAND_H_
