// Lines that somebody types or pipes in.
#ifndef KINGLET_TOOLS_CHAT_LINE_READER_H_
#define KINGLET_TOOLS_CHAT_LINE_READER_H_

#include <memory>
#include <string>

namespace kinglet::tools {

enum class LineKind {
  kText,
  kEnd,        // Ctrl-D, or the end of the pipe
  kInterrupt,  // Ctrl-C
};

struct Line {
  LineKind kind = LineKind::kEnd;
  std::string text;  // without the line end
};

class LineReader {
 public:
  virtual ~LineReader() = default;
  // `prompt` is shown on a terminal only.
  virtual Line Read(const std::string& prompt) = 0;
};

// Editing, and history in `history_path` (empty: none is kept).
std::unique_ptr<LineReader> MakeTerminalReader(const std::string& history_path);

// Plain lines of standard input.
std::unique_ptr<LineReader> MakePipeReader();

// kinglet/chat_history under XDG_STATE_HOME or ~/.local/state; the folder is made. Empty when there
// is no place.
std::string HistoryPath();

// One message: a line, or several between """ and """.
Line ReadMessage(LineReader* reader, const std::string& prompt);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_CHAT_LINE_READER_H_
