#include "tests/cli/program.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <thread>

namespace kinglet {
namespace {

constexpr char kProgram[] = "./kinglet";  // a test's working directory is the runfiles' root
constexpr int kPatienceMs = 60000;        // slow machines and sanitizers

// Never returns.
void Execute(const std::vector<std::string>& arguments, const Environment& extra) {
  for (const auto& [name, value] : extra) setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> argv = {const_cast<char*>(kProgram)};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(kProgram, argv.data());
  _exit(127);
}

int StatusOf(int wait_status) {
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

std::string ReadAll(int descriptor) {
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t count = read(descriptor, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.append(buffer, static_cast<size_t>(count));
  }
  close(descriptor);
  return text;
}

int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

ProgramResult RunKinglet(const std::vector<std::string>& arguments, const std::string& input,
                         const Environment& extra) {
  int in[2];
  int out[2];
  int err[2];
  ProgramResult result;
  if (pipe(in) != 0 || pipe(out) != 0 || pipe(err) != 0) return result;
  const pid_t child = fork();
  if (child == 0) {
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    for (const int descriptor : {in[0], in[1], out[0], out[1], err[0], err[1]}) close(descriptor);
    Execute(arguments, extra);
  }
  close(in[0]);
  close(out[1]);
  close(err[1]);
  signal(SIGPIPE, SIG_IGN);
  if (write(in[1], input.data(), input.size()) < 0) {
    // The program may end before it reads.
  }
  close(in[1]);
  std::thread reader([&] { result.err = ReadAll(err[0]); });
  result.out = ReadAll(out[0]);
  reader.join();
  int status = 0;
  waitpid(child, &status, 0);
  result.status = StatusOf(status);
  return result;
}

TerminalSession::TerminalSession(const std::vector<std::string>& arguments,
                                 const Environment& extra) {
  struct winsize size = {};
  size.ws_row = 24;
  size.ws_col = 200;
  child_ = forkpty(&terminal_, nullptr, nullptr, &size);
  if (child_ == 0) Execute(arguments, extra);
}

TerminalSession::~TerminalSession() {
  if (child_ > 0) {
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
  }
  close(terminal_);
}

void TerminalSession::Send(const std::string& keys) {
  if (write(terminal_, keys.data(), keys.size()) < 0) shown_ += "[cannot type]";
}

bool TerminalSession::ReadSome(int timeout_ms) {
  pollfd input = {terminal_, POLLIN, 0};
  if (poll(&input, 1, timeout_ms) <= 0) return false;
  char buffer[4096];
  const ssize_t count = read(terminal_, buffer, sizeof buffer);
  if (count <= 0) return false;  // the other side is gone
  shown_.append(buffer, static_cast<size_t>(count));
  return true;
}

bool TerminalSession::WaitFor(const std::string& text) {
  const int64_t end = NowMs() + kPatienceMs;
  for (;;) {
    const size_t at = shown_.find(text, seen_);
    if (at != std::string::npos) {
      seen_ = at + text.size();
      return true;
    }
    const int64_t left = end - NowMs();
    if (left <= 0 || !ReadSome(static_cast<int>(left))) return false;
  }
}

bool TerminalSession::WaitForPrompt(const std::string& text) {
  if (!WaitFor(text)) return false;
  const int64_t end = NowMs() + kPatienceMs;
  while (NowMs() < end) {
    struct termios settings = {};
    if (tcgetattr(terminal_, &settings) == 0 && (settings.c_lflag & ICANON) == 0) return true;
    ReadSome(5);
  }
  return false;
}

bool TerminalSession::WaitForBytes(size_t count) {
  while (shown_.size() < seen_ + count) {
    if (!ReadSome(kPatienceMs)) return false;
  }
  seen_ = shown_.size();
  return true;
}

int TerminalSession::Wait() {
  const int64_t end = NowMs() + kPatienceMs;
  while (NowMs() < end) {
    ReadSome(20);
    int status = 0;
    if (waitpid(child_, &status, WNOHANG) == child_) {
      child_ = -1;
      while (ReadSome(0)) {
      }
      return StatusOf(status);
    }
  }
  return -1;
}

}  // namespace kinglet
