// Command line options, declared as a table: one row a flag.
//
//   OptionTable options("chat", "Talks to a model.");
//   options.Example("kinglet chat -m FILE -p 'Hello'");
//   options.Text({"-m", "--model"}, "FILE", &model, "the model file");
//   options.Integer({"-n", "--predict"}, "N", &count, {-1, INT32_MAX}, "tokens to answer with");
//   if (int status; !options.Parse(argc, argv, &status)) return status;
//
// The variable's value when its row is declared is the default that --help shows. `--flag value`
// and
// `--flag=value` are the same; `--` ends the flags. A flag that is not on the command line is taken
// from the environment: --top-k from KINGLET_TOP_K (the first name with two dashes). --help comes
// by itself. Targets must outlive the table. Not thread safe.
#ifndef KINGLET_TOOLS_COMMON_OPTIONS_H_
#define KINGLET_TOOLS_COMMON_OPTIONS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tools/common/option_values.h"

namespace kinglet::tools {

class OptionTable {
 public:
  using Names = std::vector<std::string>;
  using IntegerRange = kinglet::tools::IntegerRange;
  struct RealRange {
    double least, most;
  };

  OptionTable(std::string command, std::string summary);

  // Lines at the top of --help, in order.
  void Example(std::string line);
  // A heading for the rows that follow.
  void Group(std::string title);
  // Paragraphs at the end of --help.
  void Note(std::string text);

  // Arguments without a flag; `least` and `most` bound their number.
  void Positional(std::string value_name, std::vector<std::string>* target, size_t least,
                  size_t most, std::string help);

  void Flag(Names names, bool* target, std::string help);
  void Text(Names names, std::string value_name, std::string* target, std::string help);
  void Choice(Names names, std::vector<std::string> choices, std::string* target, std::string help);
  void Integer(Names names, std::string value_name, int64_t* target, IntegerRange range,
               std::string help);
  void Real(Names names, std::string value_name, double* target, RealRange range, std::string help);
  // 1500000, 512MiB, 1.5GiB, 2GB.
  void Bytes(Names names, std::string value_name, uint64_t* target, std::string help);
  // May be given several times; in the environment the values are separated by commas.
  void Texts(Names names, std::string value_name, std::vector<std::string>* target,
             std::string help);
  // Comma lists with ranges: 1,2,8-10 or 1-7+2 (step) or 1-64*2 (factor). A repeated flag adds.
  void Integers(Names names, std::string value_name, std::vector<int64_t>* target,
                IntegerRange range, std::string help);

  // Fills the targets. False when the command is over: --help was printed (*exit_status 0), or the
  // arguments are wrong and stderr says why (*exit_status 64).
  bool Parse(int argc, char** argv, int* exit_status);
  // The same without printing: returns what is wrong, or an empty string. --help sets *help_wanted.
  std::string ParseArguments(const std::vector<std::string>& arguments,
                             const std::function<const char*(const char*)>& environment,
                             bool* help_wanted);

  // Whether the flag came from the command line or the environment.
  bool Given(const std::string& name) const;

  std::string Help() const;

 private:
  struct Row {
    Names names;
    std::string value_name;    // empty: takes no value
    std::string default_text;  // empty: none to show
    std::string help;
    std::string group;
    std::function<std::string(const std::string&)> set;  // returns what is wrong, or ""
    bool repeatable = false;
    bool given = false;
  };

  Row* Add(Names names, std::string value_name, std::string default_text, std::string help);
  Row* Find(const std::string& name);
  std::string UnknownFlag(const std::string& name) const;

  std::string command_;
  std::string summary_;
  std::vector<std::string> examples_;
  std::vector<std::string> notes_;
  std::vector<Row> rows_;
  std::string group_;
  std::string positional_name_;
  std::string positional_help_;
  std::vector<std::string>* positional_ = nullptr;
  size_t positional_least_ = 0;
  size_t positional_most_ = 0;
};

// KINGLET_TOP_K for {"--top-k"}; empty when no name has two dashes.
std::string EnvironmentName(const OptionTable::Names& names);

}  // namespace kinglet::tools

#endif  // KINGLET_TOOLS_COMMON_OPTIONS_H_
