// Recorded routing: which experts each token chose in each layer. Written by `chat` and `bench`
// (--record-routing FILE), read by `replay` and `inspect --experts`.
//
// The file: one line of JSON that ends with '\n', then rows of little-endian uint16, nothing
// between:
//
//   {"kinglet_routing": 1, "model": "name", "fingerprint": "hex", "layers": L, "experts": E,
//    "top_k": K}
//   row of a token: flags, then the expert numbers [L][K], in router order (heaviest first)
//
// L counts the layers that have experts. flags: kRoutingPrompt. An expert number kNoExpert fills a
// place that the router left empty. The number of tokens follows from the file's length, so a copy
// that was cut off is read up to its last whole row.
#ifndef KINGLET_TOOLS_COMMON_ROUTING_FILE_H_
#define KINGLET_TOOLS_COMMON_ROUTING_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tools/common/files.h"
#include "tools/common/report.h"

namespace kinglet::tools {

inline constexpr uint16_t kRoutingPrompt = 1;  // computed with others, as part of a prompt
inline constexpr uint16_t kRoutingFirst = 2;   // the first token of a session
inline constexpr uint16_t kNoExpert = 0xFFFF;

struct RoutingHeader {
  std::string model;        // its name, for people
  std::string fingerprint;  // what tells models apart; may be empty
  uint32_t layers = 0;      // 1..65536
  uint32_t experts = 0;     // of a layer, 1..65535
  uint32_t top_k = 0;       // 1..experts

  size_t ids_per_token() const { return static_cast<size_t>(layers) * top_k; }
};

// Appends rows to a file that appears, whole, with Close(); a writer that is destroyed before that
// leaves nothing behind, and an older file as it was. One thread at a time.
class RoutingWriter {
 public:
  RoutingWriter() = default;
  RoutingWriter(const RoutingWriter&) = delete;
  RoutingWriter& operator=(const RoutingWriter&) = delete;

  // Error: a file that cannot be written.
  Failure Open(const std::string& path);
  // Once, before the first row. Error: a header out of range.
  Failure Begin(const RoutingHeader& header);
  // experts: header.ids_per_token() numbers, [layers][top_k].
  Failure Add(uint16_t flags, const uint16_t* experts);
  Failure Close();

 private:
  Failure Write(const void* data, size_t bytes);
  Failure Flush();

  std::string path_;
  RoutingHeader header_;
  AtomicFile file_;
  bool begun_ = false;
  std::string buffer_;  // rows are short, and a system call for each would show in a measurement
};

struct Routing {
  RoutingHeader header;
  std::vector<uint16_t> flags;    // one a token
  std::vector<uint16_t> experts;  // [tokens][layers][top_k]

  size_t token_count() const { return flags.size(); }
};

// Error (kExitBadData): not such a file, a number out of range; says where.
Failure ReadRouting(const std::string& path, Routing* routing);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_ROUTING_FILE_H_
