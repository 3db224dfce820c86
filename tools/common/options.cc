#include "tools/common/options.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tools/common/exit_codes.h"
#include "tools/common/option_values.h"

namespace kinglet::tools {
namespace {

constexpr size_t kHelpColumn = 30;
constexpr size_t kHelpWidth = 98;

// Breaks `text` into lines of at most `width` characters, words unbroken.
std::vector<std::string> Wrap(const std::string& text, size_t width) {
  std::vector<std::string> lines(1);
  for (absl::string_view word : absl::StrSplit(text, ' ')) {
    if (!lines.back().empty() && lines.back().size() + 1 + word.size() > width) {
      lines.emplace_back();
    }
    absl::StrAppend(&lines.back(), lines.back().empty() ? "" : " ", word);
  }
  return lines;
}

void AppendHelpRow(const std::string& left, const std::string& help, std::string* out) {
  absl::StrAppend(out, "  ", left);
  size_t column = left.size() + 2;
  if (column + 2 > kHelpColumn) {
    out->push_back('\n');
    column = 0;
  }
  for (const std::string& line : Wrap(help, kHelpWidth - kHelpColumn)) {
    absl::StrAppend(out, std::string(kHelpColumn - column, ' '), line, "\n");
    column = 0;
  }
}

}  // namespace

std::string EnvironmentName(const OptionTable::Names& names) {
  for (const std::string& name : names) {
    if (name.compare(0, 2, "--") != 0) continue;
    std::string upper = absl::AsciiStrToUpper(name.substr(2));
    std::replace(upper.begin(), upper.end(), '-', '_');
    return "KINGLET_" + upper;
  }
  return "";
}

OptionTable::OptionTable(std::string command, std::string summary)
    : command_(std::move(command)), summary_(std::move(summary)) {}

void OptionTable::Example(std::string line) { examples_.push_back(std::move(line)); }
void OptionTable::Group(std::string title) { group_ = std::move(title); }
void OptionTable::Note(std::string text) { notes_.push_back(std::move(text)); }

void OptionTable::Positional(std::string value_name, std::vector<std::string>* target, size_t least,
                             size_t most, std::string help) {
  positional_name_ = std::move(value_name);
  positional_help_ = std::move(help);
  positional_ = target;
  positional_least_ = least;
  positional_most_ = most;
}

OptionTable::Row* OptionTable::Add(Names names, std::string value_name, std::string default_text,
                                   std::string help) {
  Row row;
  row.names = std::move(names);
  row.value_name = std::move(value_name);
  row.default_text = std::move(default_text);
  row.help = std::move(help);
  row.group = group_;
  rows_.push_back(std::move(row));
  return &rows_.back();
}

void OptionTable::Flag(Names names, bool* target, std::string help) {
  Add(std::move(names), "", "", std::move(help))->set = [target](const std::string& text) {
    const std::string lower = absl::AsciiStrToLower(text);
    for (const char* yes : {"1", "true", "yes", "on"}) {
      if (lower == yes) return *target = true, std::string();
    }
    for (const char* no : {"0", "false", "no", "off", ""}) {
      if (lower == no) return *target = false, std::string();
    }
    return absl::StrCat("is neither true nor false: '", text, "'");
  };
}

void OptionTable::Text(Names names, std::string value_name, std::string* target, std::string help) {
  Add(std::move(names), std::move(value_name), *target, std::move(help))->set =
      [target](const std::string& text) {
        *target = text;
        return std::string();
      };
}

void OptionTable::Choice(Names names, std::vector<std::string> choices, std::string* target,
                         std::string help) {
  const std::string value_name = absl::StrJoin(choices, "|");
  Add(std::move(names), value_name, *target, std::move(help))->set =
      [target, choices](const std::string& text) {
        if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
          return absl::StrCat("is not one of ", absl::StrJoin(choices, ", "), ": '", text, "'");
        }
        *target = text;
        return std::string();
      };
}

void OptionTable::Integer(Names names, std::string value_name, int64_t* target, IntegerRange range,
                          std::string help) {
  Add(std::move(names), std::move(value_name), absl::StrCat(*target), std::move(help))->set =
      [target, range](const std::string& text) { return ParseInteger(text, range, target); };
}

void OptionTable::Real(Names names, std::string value_name, double* target, RealRange range,
                       std::string help) {
  Add(std::move(names), std::move(value_name), absl::StrCat(*target), std::move(help))->set =
      [target, range](const std::string& text) {
        double value = 0;
        if (!absl::SimpleAtod(text, &value) || !std::isfinite(value)) {
          return absl::StrCat("is no number: '", text, "'");
        }
        if (value < range.least || value > range.most) {
          return absl::StrCat("must lie in ", range.least, " .. ", range.most, ", not ", text);
        }
        *target = value;
        return std::string();
      };
}

void OptionTable::Bytes(Names names, std::string value_name, uint64_t* target, std::string help) {
  Add(std::move(names), std::move(value_name), absl::StrCat(*target), std::move(help))->set =
      [target](const std::string& text) { return ParseByteCount(text, target); };
}

void OptionTable::Texts(Names names, std::string value_name, std::vector<std::string>* target,
                        std::string help) {
  Row* row = Add(std::move(names), std::move(value_name), "", std::move(help));
  row->repeatable = true;
  row->set = [target](const std::string& text) {
    target->push_back(text);
    return std::string();
  };
}

void OptionTable::Integers(Names names, std::string value_name, std::vector<int64_t>* target,
                           IntegerRange range, std::string help) {
  Row* row =
      Add(std::move(names), std::move(value_name), absl::StrJoin(*target, ","), std::move(help));
  row->repeatable = true;
  row->set = [target, range, fresh = true](const std::string& text) mutable {
    if (fresh) target->clear();  // the default goes when the first value comes
    fresh = false;
    return ParseIntegerList(text, range, target);
  };
}

OptionTable::Row* OptionTable::Find(const std::string& name) {
  for (Row& row : rows_) {
    if (std::find(row.names.begin(), row.names.end(), name) != row.names.end()) return &row;
  }
  return nullptr;
}

bool OptionTable::Given(const std::string& name) const {
  const Row* row = const_cast<OptionTable*>(this)->Find(name);
  return row != nullptr && row->given;
}

std::string OptionTable::UnknownFlag(const std::string& name) const {
  std::vector<std::string> known = {"--help"};
  for (const Row& row : rows_) known.insert(known.end(), row.names.begin(), row.names.end());
  const std::vector<std::string> near = NearMisses(name, known);
  return absl::StrCat(
      "unknown flag '", name, "'",
      near.empty() ? "" : absl::StrCat("; did you mean ", absl::StrJoin(near, " or "), "?"));
}

std::string OptionTable::ParseArguments(const std::vector<std::string>& arguments,
                                        const std::function<const char*(const char*)>& environment,
                                        bool* help_wanted) {
  *help_wanted = false;
  bool flags_over = false;
  std::vector<std::string> positional;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (flags_over || argument.size() < 2 || argument[0] != '-') {
      positional.push_back(argument);
      continue;
    }
    if (argument == "--") {
      flags_over = true;
      continue;
    }
    if (argument == "--help" || argument == "-h") {
      *help_wanted = true;
      return "";
    }
    std::string name = argument;
    std::string value;
    bool has_value = false;
    Row* row = Find(name);
    const size_t equals = argument.find('=');
    if (row == nullptr && equals != std::string::npos) {
      name = argument.substr(0, equals);
      value = argument.substr(equals + 1);
      has_value = true;
      row = Find(name);
    }
    if (row == nullptr) return UnknownFlag(name);
    if (row->given && !row->repeatable) return absl::StrCat(name, " is given twice");
    row->given = true;
    if (row->value_name.empty()) {
      if (!has_value) value = "true";
    } else if (!has_value) {
      if (i + 1 >= arguments.size() || Find(arguments[i + 1]) != nullptr) {
        return absl::StrCat(name, " needs a value: ", name, " ", row->value_name);
      }
      value = arguments[++i];
    }
    const std::string problem = row->set(value);
    if (!problem.empty()) return absl::StrCat("the value of ", name, " ", problem);
  }
  for (Row& row : rows_) {
    const std::string variable = EnvironmentName(row.names);
    const char* value = row.given || variable.empty() ? nullptr : environment(variable.c_str());
    if (value == nullptr) continue;
    row.given = true;
    std::vector<std::string> values = {value};
    if (row.repeatable) values = absl::StrSplit(value, ',', absl::SkipEmpty());
    for (const std::string& one : values) {
      const std::string problem = row.set(one);
      if (!problem.empty())
        return absl::StrCat("the environment variable ", variable, " ", problem);
    }
  }
  if (positional_ == nullptr && !positional.empty()) {
    return absl::StrCat("unexpected argument '", positional[0], "': every value follows a flag");
  }
  if (positional.size() < positional_least_) {
    return absl::StrCat(positional_name_, " is missing: ", positional_help_);
  }
  if (positional.size() > positional_most_) {
    return absl::StrCat("unexpected argument '", positional[positional_most_], "'");
  }
  if (positional_ != nullptr) *positional_ = std::move(positional);
  return "";
}

bool OptionTable::Parse(int argc, char** argv, int* exit_status) {
  bool help_wanted = false;
  const std::string problem = ParseArguments(
      {argv + 1, argv + argc}, [](const char* name) { return std::getenv(name); }, &help_wanted);
  *exit_status = kExitOk;
  if (help_wanted) {
    std::fputs(Help().c_str(), stdout);
    return false;
  }
  if (problem.empty()) return true;
  std::fprintf(stderr, "kinglet %s: %s\nkinglet %s --help lists its flags.\n", command_.c_str(),
               problem.c_str(), command_.c_str());
  *exit_status = kExitUsage;
  return false;
}

std::string OptionTable::Help() const {
  std::string out;
  for (const std::string& example : examples_) absl::StrAppend(&out, "  ", example, "\n");
  if (!examples_.empty()) out.insert(0, examples_.size() == 1 ? "Example:\n" : "Examples:\n");
  absl::StrAppend(&out, out.empty() ? "" : "\n", absl::StrJoin(Wrap(summary_, kHelpWidth), "\n"),
                  "\n");
  absl::StrAppend(&out, "\nUsage: kinglet ", command_, rows_.empty() ? "" : " [flags]");
  if (positional_ != nullptr) {
    absl::StrAppend(&out, positional_least_ == 0 ? " [" : " ", positional_name_,
                    positional_least_ == 0 ? "]" : "", positional_most_ > 1 ? " ..." : "", "\n\n");
    AppendHelpRow(positional_name_, positional_help_, &out);
  } else {
    out.push_back('\n');
  }
  std::string group = "-";  // no heading is called so: the first row always prints one
  for (const Row& row : rows_) {
    if (row.group != group) {
      group = row.group;
      absl::StrAppend(&out, "\n", group.empty() ? "Flags" : group, ":\n");
    }
    std::string help = row.help;
    std::vector<std::string> facts;
    if (!row.default_text.empty()) facts.push_back("default " + row.default_text);
    const std::string variable = EnvironmentName(row.names);
    if (!variable.empty()) facts.push_back(variable);
    if (!facts.empty()) absl::StrAppend(&help, " [", absl::StrJoin(facts, "; "), "]");
    AppendHelpRow(absl::StrCat(absl::StrJoin(row.names, ", "), row.value_name.empty() ? "" : " ",
                               row.value_name),
                  help, &out);
  }
  AppendHelpRow("-h, --help", "prints this", &out);
  for (const std::string& note : notes_) {
    absl::StrAppend(&out, "\n", absl::StrJoin(Wrap(note, kHelpWidth), "\n"), "\n");
  }
  return out;
}

}  // namespace kinglet::tools
