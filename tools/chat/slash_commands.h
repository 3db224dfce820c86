// The commands of a chat: lines that begin with '/'.
#ifndef KINGLET_TOOLS_CHAT_SLASH_COMMANDS_H_
#define KINGLET_TOOLS_CHAT_SLASH_COMMANDS_H_

#include <functional>
#include <string>

#include "tools/chat/conversation.h"
#include "tools/chat/sampling.h"
#include "tools/common/expert_use.h"
#include "tools/common/report.h"

namespace kinglet::tools {

// What commands work on. Everything is borrowed.
struct ChatState {
  kl_model* model = nullptr;
  kl_session* session = nullptr;
  const ExpertUse* expert_use = nullptr;  // of the session so far
  int32_t thread_count = 0;
  Conversation* conversation = nullptr;
  Sampling* sampling = nullptr;
  AnswerStats stats;       // of the last answer
  std::string attachment;  // of /read, to go in front of the next message
  bool leave = false;      // set by /exit
  std::function<Failure()> regenerate;
};

// True for a line that is a command: '/' and a letter or '?'.
bool IsSlashCommand(const std::string& line);

// Reports go to stderr: stdout has answers only.
Failure RunSlashCommand(const std::string& line, ChatState* state);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_CHAT_SLASH_COMMANDS_H_
