#include "tools/chat/line_reader.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "tools/common/interrupt.h"

namespace kinglet::tools {
namespace {

constexpr char kQuotes[] = "\"\"\"";
constexpr size_t kQuotesLength = 3;

class PipeReader : public LineReader {
 public:
  Line Read(const std::string&) override {
    for (;;) {
      const size_t end = buffer_.find('\n');
      if (end != std::string::npos) {
        Line line = {LineKind::kText, buffer_.substr(0, end)};
        buffer_.erase(0, end + 1);
        if (!line.text.empty() && line.text.back() == '\r') line.text.pop_back();
        return line;
      }
      if (ended_) break;
      // read() would be restarted after a signal; poll() never is.
      pollfd input = {STDIN_FILENO, POLLIN, 0};
      if (poll(&input, 1, -1) < 0 && errno == EINTR) {
        if (Interrupt::CurrentCount() > 0) return {LineKind::kInterrupt, ""};
        continue;
      }
      char bytes[4096];
      const ssize_t count = read(STDIN_FILENO, bytes, sizeof bytes);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) ended_ = true;
      if (count > 0) buffer_.append(bytes, static_cast<size_t>(count));
    }
    if (buffer_.empty()) return {LineKind::kEnd, ""};
    Line line = {LineKind::kText, buffer_};  // the last line may lack its end
    buffer_.clear();
    return line;
  }

 private:
  std::string buffer_;
  bool ended_ = false;
};

bool StartsWithQuotes(const std::string& text) {
  return text.compare(0, kQuotesLength, kQuotes) == 0;
}

bool EndsWithQuotes(const std::string& text) {
  return text.size() >= kQuotesLength &&
         text.compare(text.size() - kQuotesLength, kQuotesLength, kQuotes) == 0;
}

}  // namespace

std::unique_ptr<LineReader> MakePipeReader() { return std::make_unique<PipeReader>(); }

std::string HistoryPath() {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  std::string folder;
  if (state != nullptr && state[0] == '/') {  // relative paths are to be ignored, says XDG
    folder = state;
  } else if (home != nullptr && home[0] == '/') {
    folder = std::string(home) + "/.local";
    mkdir(folder.c_str(), 0700);
    folder += "/state";
  } else {
    return "";
  }
  mkdir(folder.c_str(), 0700);
  folder += "/kinglet";
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return "";
  return folder + "/chat_history";
}

Line ReadMessage(LineReader* reader, const std::string& prompt) {
  Line line = reader->Read(prompt);
  if (line.kind != LineKind::kText || !StartsWithQuotes(line.text)) return line;
  std::string text = line.text.substr(kQuotesLength);
  while (!EndsWithQuotes(text)) {
    line = reader->Read("... ");
    if (line.kind == LineKind::kInterrupt) return line;
    if (line.kind == LineKind::kEnd) return {LineKind::kText, text};
    text += text.empty() ? line.text : "\n" + line.text;
  }
  text.resize(text.size() - kQuotesLength);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return {LineKind::kText, text};
}

}  // namespace kinglet::tools
