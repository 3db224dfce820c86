// Running the program as people do: with pipes, or on a terminal.
#ifndef TESTS_CLI_PROGRAM_H_
#define TESTS_CLI_PROGRAM_H_

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace kinglet {

struct ProgramResult {
  int status = -1;  // exit status; 128 + the signal's number when one ended the program
  std::string out;
  std::string err;
};

using Environment = std::map<std::string, std::string>;

// Runs `kinglet ARGUMENTS`, `input` on its standard input. The environment is this process's with
// `extra` on top.
ProgramResult RunKinglet(const std::vector<std::string>& arguments, const std::string& input = "",
                         const Environment& extra = {});

// The program on a pseudo terminal.
class TerminalSession {
 public:
  TerminalSession(const std::vector<std::string>& arguments, const Environment& extra);
  ~TerminalSession();

  void Send(const std::string& keys);
  // Waits until the text shows up behind what earlier calls waited for; false after a minute or
  // at the end.
  bool WaitFor(const std::string& text);
  // Waits for a prompt that ends in `text` and for the line editor behind it: it shows the prompt
  // before it takes over the keys, and a key that comes between the two is the terminal's.
  bool WaitForPrompt(const std::string& text);
  // The same as WaitFor for that many bytes of anything.
  bool WaitForBytes(size_t count);
  // Waits for the end; the status as in ProgramResult, or -1 after a minute.
  int Wait();
  // All that was shown.
  const std::string& shown() const { return shown_; }

 private:
  bool ReadSome(int timeout_ms);

  pid_t child_ = -1;
  int terminal_ = -1;
  std::string shown_;
  size_t seen_ = 0;
};

}  // namespace kinglet

#endif  // TESTS_CLI_PROGRAM_H_
