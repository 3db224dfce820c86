// A conversation as a JSON file that people can read:
//   {"format": "kinglet-chat", "version": 1, "messages": [{"role": "user", "content": "Hello"}]}
#ifndef KINGLET_TOOLS_CHAT_TRANSCRIPT_H_
#define KINGLET_TOOLS_CHAT_TRANSCRIPT_H_

#include <string>
#include <vector>

#include "tools/chat/conversation.h"
#include "tools/common/report.h"

namespace kinglet::tools {

std::string FormatTranscript(const std::vector<Message>& messages);

// `path` is for messages of errors. Roles other than system (in front), user and assistant are
// refused.
Failure ParseTranscript(const std::string& path, const std::string& text,
                        std::vector<Message>* messages);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_CHAT_TRANSCRIPT_H_
