#include "tools/predict/time_table.h"

#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/common/files.h"

namespace kinglet::tools {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointee;

Machine TwoThreads() { return {"cpu", 2, "pool", {{"a", "1 00ff"}, {"b", "1 0001"}}}; }

class TimeTableTest : public testing::Test {
 protected:
  TimeTableTest()
      : path_(testing::TempDir() + testing::UnitTest::GetInstance()->current_test_info()->name() +
              ".json") {
    std::remove(path_.c_str());
  }
  TimeTable Read(const Machine& machine, std::vector<uint64_t> levels = {1, 2}) {
    TimeTable table(machine, std::move(levels));
    const Failure failure = table.Read(path_);
    EXPECT_TRUE(failure.ok()) << failure.message;
    return table;
  }
  void Fill(const Machine& machine) {
    TimeTable table = Read(machine);
    table.AddNode("kernel_a", "a", "conv2d f32[1]", {10, 20});
    table.AddNode("kernel_b", "b", "conv2d f32[1]", {30, 40});
    table.AddJoin("b", "", 5);
    ASSERT_TRUE(table.Write(path_).ok());
  }
  void Put(const std::string& text) { std::ofstream(path_) << text; }
  Failure Refusal() {
    TimeTable table(TwoThreads(), {1, 2});
    return table.Read(path_);
  }

  const std::string path_;
};

TEST_F(TimeTableTest, NoFileIsAnEmptyTable) {
  const TimeTable table = Read(TwoThreads());
  EXPECT_EQ(table.FindNode("kernel_a", "conv2d f32[1]"), nullptr);
  EXPECT_FALSE(table.FindJoin("", "b").has_value());
  EXPECT_FALSE(table.changed());
}

TEST_F(TimeTableTest, WhatWasWrittenIsRead) {
  Fill(TwoThreads());
  const TimeTable table = Read(TwoThreads());
  EXPECT_THAT(table.FindNode("kernel_a", "conv2d f32[1]"), Pointee(ElementsAre(10, 20)));
  EXPECT_THAT(table.FindNode("kernel_b", "conv2d f32[1]"), Pointee(ElementsAre(30, 40)));
  EXPECT_EQ(table.FindNode("kernel_a", "conv2d f32[2]"), nullptr);
  EXPECT_EQ(table.FindJoin("", "b"), 5);
  EXPECT_EQ(table.FindJoin("b", ""), 5);
  EXPECT_FALSE(table.FindJoin("a", "").has_value());
  EXPECT_FALSE(table.changed()) << "nothing that the file has not";
}

TEST_F(TimeTableTest, MachinesAreKeptApart) {
  Fill(TwoThreads());
  for (const Machine& other : {Machine{"other cpu", 2, "pool", TwoThreads().plugins},
                               Machine{"cpu", 1, "pool", TwoThreads().plugins},
                               Machine{"cpu", 2, "serial", TwoThreads().plugins}}) {
    TimeTable table = Read(other);
    EXPECT_EQ(table.FindNode("kernel_a", "conv2d f32[1]"), nullptr);
    table.AddNode("kernel_c", "a", "add f32[1]", {1, 1});
    EXPECT_TRUE(table.changed());
    ASSERT_TRUE(table.Write(path_).ok());
    EXPECT_NE(Read(other).FindNode("kernel_c", "add f32[1]"), nullptr);
    EXPECT_NE(Read(TwoThreads()).FindNode("kernel_a", "conv2d f32[1]"), nullptr);
  }
}

TEST_F(TimeTableTest, APluginThatChangedIsTimedAnew) {
  Fill(TwoThreads());
  Machine changed = TwoThreads();
  changed.plugins["b"] = "1 0002";
  const TimeTable table = Read(changed);
  EXPECT_NE(table.FindNode("kernel_a", "conv2d f32[1]"), nullptr);
  EXPECT_EQ(table.FindNode("kernel_b", "conv2d f32[1]"), nullptr);
  EXPECT_FALSE(table.FindJoin("", "b").has_value());
  changed.plugins.erase("a");
  EXPECT_EQ(Read(changed).FindNode("kernel_a", "conv2d f32[1]"), nullptr);
}

TEST_F(TimeTableTest, OtherCacheLevelsAreTimedAnew) {
  Fill(TwoThreads());
  EXPECT_EQ(Read(TwoThreads(), {1, 3}).FindNode("kernel_a", "conv2d f32[1]"), nullptr);
  EXPECT_EQ(Read(TwoThreads(), {1}).FindNode("kernel_a", "conv2d f32[1]"), nullptr);
}

TEST_F(TimeTableTest, AFileThatIsNoTableIsRefused) {
  const std::string start = R"({"kinglet_node_times":1,"machines":[{"cpu":"cpu","threads":2,)"
                            R"("scheduler":"pool","passed_bytes":[1,2],"plugins":{},)";
  const struct {
    std::string text;
    const char* problem;
  } kCases[] = {
      {"", "no table of node times"},
      {"[1]", "no table of node times"},
      {R"({"kinglet_node_times":1,"machines":[{"cpu")", "no table of node times"},
      {R"({"machines":[]})", "no table of node times"},
      {R"({"kinglet_node_times":2,"machines":[]})", "version"},
      {R"({"kinglet_node_times":1})", "no machines"},
      {R"({"kinglet_node_times":1,"machines":[3]})", "a machine in it is no object"},
      {start + R"("joins":[]}]})", "\"nodes\""},
      {start + R"("nodes":[],"joins":7}]})", "\"joins\""},
      {start + R"("nodes":[{"kernel":"k","plugin":"a","node":"n","ns":[1]}],"joins":[]}]})",
       "nodes[0]"},
      {start + R"("nodes":[{"kernel":"k","plugin":"a","node":"n","ns":[1,-2]}],"joins":[]}]})",
       "nodes[0]"},
      {start + R"("nodes":[{"kernel":"k","plugin":4,"node":"n","ns":[1,2]}],"joins":[]}]})",
       "nodes[0]"},
      {start + R"("nodes":[],"joins":[{"between":["a"],"ns":1}]}]})", "joins[0]"},
  };
  for (const auto& bad : kCases) {
    Put(bad.text);
    const Failure failure = Refusal();
    EXPECT_EQ(failure.exit_status, kExitBadData) << bad.text;
    EXPECT_THAT(failure.message, HasSubstr(path_));
    EXPECT_THAT(failure.message, HasSubstr(bad.problem)) << bad.text;
  }
}

TEST_F(TimeTableTest, AFolderThatIsNotThereIsAnError) {
  const TimeTable table(TwoThreads(), {1, 2});
  EXPECT_EQ(table.Write(testing::TempDir() + "no/such/folder.json").exit_status, kExitIo);
}

}  // namespace
}  // namespace kinglet::tools
