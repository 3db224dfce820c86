#include "tools/common/options.h"

#include <map>

#include "gtest/gtest.h"

namespace kinglet::tools {
namespace {

class OptionsTest : public testing::Test {
 protected:
  OptionsTest() : table_("chat", "Talks to a model.") {
    table_.Example("kinglet chat -m FILE");
    table_.Text({"-m", "--model"}, "FILE", &model_, "the model");
    table_.Integer({"-n", "--predict"}, "N", &count_, {-1, 1000}, "tokens");
    table_.Real({"--temp"}, "T", &temperature_, {0, 2}, "temperature");
    table_.Integer({"--top-k"}, "N", &top_k_, {0, 100}, "top");
    table_.Flag({"-v", "--verbose"}, &verbose_, "talk more");
    table_.Texts({"--plugin"}, "FILE", &plugins_, "a plugin");
    table_.Integers({"-t", "--threads"}, "N", &threads_, {0, 64}, "threads");
    table_.Choice({"-o"}, {"md", "csv"}, &format_, "how to print");
    table_.Bytes({"--memory"}, "SIZE", &memory_, "budget");
  }

  std::string Parse(std::vector<std::string> arguments) {
    const auto environment = [this](const char* name) {
      const auto entry = environment_.find(name);
      return entry == environment_.end() ? nullptr : entry->second.c_str();
    };
    return table_.ParseArguments(arguments, environment, &help_);
  }

  std::string model_ = "default.gguf";
  int64_t count_ = -1;
  double temperature_ = 0.8;
  int64_t top_k_ = 40;
  bool verbose_ = false;
  std::vector<std::string> plugins_;
  std::vector<int64_t> threads_ = {1};
  std::string format_ = "md";
  uint64_t memory_ = 0;
  bool help_ = false;
  std::map<std::string, std::string> environment_;
  OptionTable table_;
};

TEST_F(OptionsTest, DefaultsStayWhenNothingIsGiven) {
  EXPECT_EQ(Parse({}), "");
  EXPECT_EQ(model_, "default.gguf");
  EXPECT_EQ(threads_, std::vector<int64_t>({1}));
  EXPECT_FALSE(table_.Given("-m"));
}

TEST_F(OptionsTest, ValuesFollowTheFlagOrAnEqualsSign) {
  EXPECT_EQ(Parse({"-m", "a.gguf", "--predict=12", "--temp", "0", "-v"}), "");
  EXPECT_EQ(model_, "a.gguf");
  EXPECT_EQ(count_, 12);
  EXPECT_EQ(temperature_, 0);
  EXPECT_TRUE(verbose_);
  EXPECT_TRUE(table_.Given("--model"));
}

TEST_F(OptionsTest, NegativeNumbersAndDashesAreValues) {
  EXPECT_EQ(Parse({"-n", "-1", "-m", "-odd-name"}), "");
  EXPECT_EQ(count_, -1);
  EXPECT_EQ(model_, "-odd-name");
}

TEST_F(OptionsTest, UnknownFlagNamesNearMisses) {
  EXPECT_EQ(Parse({"--predct", "3"}), "unknown flag '--predct'; did you mean --predict?");
  EXPECT_EQ(Parse({"--temperature", "3"}), "unknown flag '--temperature'; did you mean --temp?");
  EXPECT_EQ(Parse({"--xyzzy"}), "unknown flag '--xyzzy'");
}

TEST_F(OptionsTest, AFlagWithoutItsValueIsRefused) {
  EXPECT_EQ(Parse({"-m"}), "-m needs a value: -m FILE");
  EXPECT_EQ(Parse({"--temp", "-v"}), "--temp needs a value: --temp T");
}

TEST_F(OptionsTest, WrongValuesSayWhatWasExpected) {
  EXPECT_EQ(Parse({"-n", "many"}), "the value of -n is no whole number: 'many'");
  EXPECT_EQ(Parse({"-n", "1001"}), "-n is given twice");  // the first one counted as given
  EXPECT_EQ(Parse({"--top-k", "101"}), "the value of --top-k must lie in 0 .. 100, not 101");
  EXPECT_EQ(Parse({"--temp", "nan"}), "the value of --temp is no number: 'nan'");
  EXPECT_EQ(Parse({"-o", "xml"}), "the value of -o is not one of md, csv: 'xml'");
  EXPECT_EQ(Parse({"--memory", "lots"}),
            "the value of --memory is no size: 'lots'; write it like 512MiB, 1.5GiB or 2GB");
}

TEST_F(OptionsTest, StrayArgumentsAreRefused) {
  EXPECT_EQ(Parse({"model.gguf"}), "unexpected argument 'model.gguf': every value follows a flag");
}

TEST_F(OptionsTest, EnvironmentFillsWhatTheCommandLineLeavesOut) {
  environment_ = {{"KINGLET_MODEL", "env.gguf"},
                  {"KINGLET_TOP_K", "7"},
                  {"KINGLET_VERBOSE", "1"},
                  {"KINGLET_PLUGIN", "a.so,b.so"}};
  EXPECT_EQ(Parse({"-m", "line.gguf"}), "");
  EXPECT_EQ(model_, "line.gguf");
  EXPECT_EQ(top_k_, 7);
  EXPECT_TRUE(verbose_);
  EXPECT_EQ(plugins_, std::vector<std::string>({"a.so", "b.so"}));
}

TEST_F(OptionsTest, AWrongEnvironmentVariableIsNamed) {
  environment_ = {{"KINGLET_TOP_K", "x"}};
  EXPECT_EQ(Parse({}), "the environment variable KINGLET_TOP_K is no whole number: 'x'");
}

TEST_F(OptionsTest, RepeatableFlagsCollect) {
  EXPECT_EQ(Parse({"--plugin", "a", "--plugin", "b", "-t", "1-3", "-t", "8"}), "");
  EXPECT_EQ(plugins_, std::vector<std::string>({"a", "b"}));
  EXPECT_EQ(threads_, std::vector<int64_t>({1, 2, 3, 8}));
}

TEST_F(OptionsTest, HelpShowsExampleDefaultAndVariable) {
  EXPECT_EQ(Parse({"--help", "--nonsense"}), "");
  EXPECT_TRUE(help_);
  const std::string help = table_.Help();
  EXPECT_EQ(help.find("Example:\n  kinglet chat -m FILE\n"), 0u);
  EXPECT_NE(help.find("-m, --model FILE"), std::string::npos);
  EXPECT_NE(help.find("[default 0.8; KINGLET_TEMP]"), std::string::npos);
}

TEST(OptionTableTest, PositionalsAreCounted) {
  std::vector<std::string> files;
  OptionTable table("inspect", "Looks.");
  table.Positional("FILE", &files, 1, 1, "a file");
  bool help = false;
  const auto none = [](const char*) -> const char* { return nullptr; };
  EXPECT_EQ(table.ParseArguments({}, none, &help), "FILE is missing: a file");
  EXPECT_EQ(table.ParseArguments({"a", "b"}, none, &help), "unexpected argument 'b'");
  EXPECT_EQ(table.ParseArguments({"--", "-a"}, none, &help), "");
  EXPECT_EQ(files, std::vector<std::string>({"-a"}));
}

TEST(IntegerListTest, ReadsCommasRangesStepsAndFactors) {
  std::vector<int64_t> list;
  EXPECT_EQ(ParseIntegerList("4, 1-3,1-7+3,1-9*2", {0, 100}, &list), "");
  EXPECT_EQ(list, std::vector<int64_t>({4, 1, 2, 3, 1, 4, 7, 1, 2, 4, 8}));
}

TEST(IntegerListTest, RefusesWhatIsNoListOrTooLong) {
  std::vector<int64_t> list;
  EXPECT_NE(ParseIntegerList("1,,2", {0, 100}, &list), "");
  EXPECT_NE(ParseIntegerList("3-1", {0, 100}, &list), "");
  EXPECT_NE(ParseIntegerList("0-8*2", {0, 100}, &list), "");
  EXPECT_NE(ParseIntegerList("1-8*1", {0, 100}, &list), "");
  EXPECT_NE(ParseIntegerList("200", {0, 100}, &list), "");
  EXPECT_NE(ParseIntegerList("0-1000000", {0, 1000000}, &list), "");
}

TEST(ByteCountTest, KnowsBinaryAndDecimalUnits) {
  uint64_t bytes = 0;
  EXPECT_EQ(ParseByteCount("1.5GiB", &bytes), "");
  EXPECT_EQ(bytes, 1610612736u);
  EXPECT_EQ(ParseByteCount("2GB", &bytes), "");
  EXPECT_EQ(bytes, 2000000000u);
  EXPECT_EQ(ParseByteCount("512 MiB", &bytes), "");
  EXPECT_EQ(bytes, 536870912u);
  EXPECT_EQ(ParseByteCount("42", &bytes), "");
  EXPECT_EQ(bytes, 42u);
  EXPECT_NE(ParseByteCount("-1", &bytes), "");
  EXPECT_NE(ParseByteCount("1e30", &bytes), "");
  EXPECT_NE(ParseByteCount("", &bytes), "");
}

}  // namespace
}  // namespace kinglet::tools
