// Numbers for people.
#ifndef KINGLET_TOOLS_COMMON_FORMAT_H_
#define KINGLET_TOOLS_COMMON_FORMAT_H_

#include <cstdint>
#include <string>

namespace kinglet::tools {

std::string FormatBytes(uint64_t bytes);         // "2.12 GiB"
std::string FormatCount(uint64_t count);         // "4.27 B", "656.32 K": parameters
std::string FormatSeconds(int64_t nanoseconds);  // "1.24 s", "35 ms"

// `name` with every character that a file name should not have replaced by '_'; never empty, never
// hidden, at most 200 bytes.
std::string SafeFileName(const std::string& name);

// The text between double quotes with JSON's escapes; bytes that are no UTF-8 become U+FFFD.
std::string JsonQuote(const std::string& text);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_FORMAT_H_
