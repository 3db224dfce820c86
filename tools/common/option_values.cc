#include "tools/common/option_values.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace kinglet::tools {
namespace {

// Insertions, deletions, substitutions and swaps of neighbours that turn a into b.
size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, substituted});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

std::string WithoutDashes(const std::string& name) {
  const size_t start = name.find_first_not_of('-');
  return start == std::string::npos ? name : name.substr(start);
}

}  // namespace

std::vector<std::string> NearMisses(const std::string& word,
                                    const std::vector<std::string>& known) {
  std::vector<std::pair<size_t, std::string>> scored;
  const std::string bare = WithoutDashes(word);
  for (const std::string& candidate : known) {
    const std::string other = WithoutDashes(candidate);
    size_t distance = EditDistance(bare, other);
    // A beginning of a name, or a name with more behind it (--temperature), is a likely other
    // spelling.
    if (bare.size() >= 3 && other.compare(0, bare.size(), bare) == 0) distance = 1;
    if (other.size() >= 3 && bare.compare(0, other.size(), other) == 0) distance = 1;
    if (distance <= std::max<size_t>(1, bare.size() / 3) && distance < other.size()) {
      scored.emplace_back(distance, candidate);
    }
  }
  std::stable_sort(scored.begin(), scored.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> names;
  for (size_t i = 0; i < scored.size() && i < 3; ++i) names.push_back(scored[i].second);
  return names;
}

std::string ParseInteger(const std::string& text, IntegerRange range, int64_t* value) {
  if (!absl::SimpleAtoi(text, value)) return absl::StrCat("is no whole number: '", text, "'");
  if (*value < range.least || *value > range.most) {
    return absl::StrCat("must lie in ", range.least, " .. ", range.most, ", not ", text);
  }
  return "";
}

std::string ParseIntegerList(const std::string& text, IntegerRange range,
                             std::vector<int64_t>* list) {
  constexpr size_t kMostElements = 4096;
  for (absl::string_view part_view : absl::StrSplit(text, ',')) {
    const std::string part(absl::StripAsciiWhitespace(part_view));
    const size_t dash = part.find('-', 1);  // a leading dash is a sign
    int64_t first = 0;
    if (dash == std::string::npos) {
      std::string problem = ParseInteger(part, range, &first);
      if (!problem.empty()) return problem;
      list->push_back(first);
      continue;
    }
    const size_t operation = part.find_first_of("+*", dash);
    int64_t last = 0;
    int64_t step = 1;
    const std::string last_text =
        part.substr(dash + 1, operation == std::string::npos ? operation : operation - dash - 1);
    const bool multiply = operation != std::string::npos && part[operation] == '*';
    std::string problem = ParseInteger(part.substr(0, dash), range, &first);
    if (problem.empty()) problem = ParseInteger(last_text, range, &last);
    if (problem.empty() && operation != std::string::npos) {
      problem = ParseInteger(part.substr(operation + 1), {multiply ? 2 : 1, 1 << 30}, &step);
    }
    if (problem.empty() && (last < first || (multiply && first < 1))) {
      problem = absl::StrCat("is no range: '", part, "'; a range rises, like 1-4, 1-7+2 or 1-64*2");
    }
    if (!problem.empty()) return problem;
    for (int64_t value = first; value <= last; value = multiply ? value * step : value + step) {
      if (list->size() >= kMostElements) return "has more than 4096 elements";
      list->push_back(value);
    }
  }
  return "";
}

std::string ParseByteCount(const std::string& text, uint64_t* bytes) {
  constexpr struct {
    const char* name;
    double factor;
  } kUnits[] = {{"", 1},
                {"b", 1},
                {"k", 1 << 10},
                {"m", 1 << 20},
                {"g", 1 << 30},
                {"kb", 1e3},
                {"mb", 1e6},
                {"gb", 1e9},
                {"tb", 1e12},
                {"kib", 1 << 10},
                {"mib", 1 << 20},
                {"gib", 1 << 30},
                {"tib", 1099511627776.0}};
  const size_t end = text.find_first_not_of("0123456789.");
  const std::string number = text.substr(0, end);
  const std::string unit =
      end == std::string::npos
          ? ""
          : absl::AsciiStrToLower(absl::StripAsciiWhitespace(text.substr(end)));
  double value = 0;
  for (const auto& known : kUnits) {
    if (unit != known.name || !absl::SimpleAtod(number, &value)) continue;
    if (value * known.factor > 1e18) break;
    *bytes = static_cast<uint64_t>(value * known.factor);
    return "";
  }
  return absl::StrCat("is no size: '", text, "'; write it like 512MiB, 1.5GiB or 2GB");
}

}  // namespace kinglet::tools
