// One subcommand of the program.
//
// The file tools/<folder>/<folder>.cc defines
//   const kinglet::Command kinglet::kCommand_<folder> = {"name", "what it does, in one line", Run};
// and a line in tools/BUILD.bazel puts it into the table that `kinglet help` prints.
#ifndef KINGLET_TOOLS_COMMON_COMMAND_H_
#define KINGLET_TOOLS_COMMON_COMMAND_H_

namespace kinglet {

struct Command {
  const char* name;
  const char* summary;
  // argv[0] is the subcommand's name. Returns the exit status.
  int (*run)(int argc, char** argv);
};

}  // namespace kinglet

#endif  // KINGLET_TOOLS_COMMON_COMMAND_H_
