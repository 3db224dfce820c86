// Line editing by libedit.
#include <histedit.h>
#include <langinfo.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <cwchar>

#include "tools/chat/line_reader.h"

namespace kinglet::tools {
namespace {

constexpr int kHistoryLines = 1000;

class TerminalReader : public LineReader {
 public:
  explicit TerminalReader(const std::string& history_path) : history_path_(history_path) {
    // libedit wants to know how wide characters are; a terminal of today is UTF-8 whatever LANG
    // says.
    std::setlocale(LC_CTYPE, "");
    if (std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0) std::setlocale(LC_CTYPE, "C.UTF-8");
    editor_ = el_init("kinglet", stdin, stdout, stderr);
    el_set(editor_, EL_CLIENTDATA, this);
    el_set(editor_, EL_PROMPT, &TerminalReader::Prompt);
    el_set(editor_, EL_EDITOR, "emacs");
    el_set(editor_, EL_SIGNAL, 1);  // puts the terminal right when the program is suspended
    history_ = history_init();
    HistEvent event;
    history(history_, &event, H_SETSIZE, kHistoryLines);
    history(history_, &event, H_SETUNIQUE, 1);
    if (!history_path_.empty()) history(history_, &event, H_LOAD, history_path_.c_str());
    el_set(editor_, EL_HIST, history, history_);
    el_set(editor_, EL_BIND, "^R", "em-inc-search-prev", nullptr);
    // While a line is edited Ctrl-C and Ctrl-Z are keys; while an answer runs they are signals.
    el_set(editor_, EL_SETTY, "-d", "-isig", nullptr);
    el_set(editor_, EL_GETCFN, &TerminalReader::ReadKey);
  }

  ~TerminalReader() override {
    history_end(history_);
    el_end(editor_);
  }

  Line Read(const std::string& prompt) override {
    prompt_ = prompt;
    interrupted_ = false;
    int count = 0;
    const char* text = el_gets(editor_, &count);
    if (interrupted_) {
      std::fputs("^C\n", stdout);
      std::fflush(stdout);
      return {LineKind::kInterrupt, ""};
    }
    if (text == nullptr || count <= 0) {
      std::fputs("\n", stdout);
      std::fflush(stdout);
      return {LineKind::kEnd, ""};
    }
    std::string line(text, static_cast<size_t>(count));
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
    if (!line.empty()) Remember(line);
    return {LineKind::kText, line};
  }

 private:
  static TerminalReader* Self(EditLine* editor) {
    void* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    return static_cast<TerminalReader*>(self);
  }

  static char* Prompt(EditLine* editor) { return &Self(editor)->prompt_[0]; }

  // libedit's source of keys: 1 with a character, 0 at the end of input or of patience, -1 on
  // errors.
  static int ReadKey(EditLine* editor, wchar_t* key) {
    constexpr wchar_t kControlC = 3;
    constexpr wchar_t kControlZ = 26;
    std::mbstate_t state = {};
    for (;;) {
      char byte;
      const ssize_t count = read(STDIN_FILENO, &byte, 1);
      if (count < 0 && errno == EINTR) continue;  // a suspended program has come back
      if (count <= 0) return static_cast<int>(count);
      const size_t length = std::mbrtowc(key, &byte, 1, &state);
      if (length == static_cast<size_t>(-2)) continue;  // the character has more bytes
      if (length == static_cast<size_t>(-1)) {
        *key = L'?';
        return 1;
      }
      if (*key == kControlZ) {
        raise(SIGTSTP);
        continue;
      }
      if (*key != kControlC) return 1;
      Self(editor)->interrupted_ = true;
      return 0;
    }
  }

  void Remember(const std::string& line) {
    HistEvent event;
    history(history_, &event, H_ENTER, line.c_str());
    // At once: a chat may end in any way.
    if (!history_path_.empty()) history(history_, &event, H_SAVE, history_path_.c_str());
  }

  const std::string history_path_;
  EditLine* editor_;
  History* history_;
  std::string prompt_;
  bool interrupted_ = false;
};

}  // namespace

std::unique_ptr<LineReader> MakeTerminalReader(const std::string& history_path) {
  return std::make_unique<TerminalReader>(history_path);
}

}  // namespace kinglet::tools
