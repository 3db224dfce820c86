#include "tools/bench/markdown.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace kinglet::tools {
namespace {

using testing::HasSubstr;
using testing::Not;

BenchResult Sample() {
  BenchResult result;
  result.model_type = "smallthinker 4.27 B Q4_0";
  result.model_size = 2415919104;
  result.model_n_params = 4270000000;
  result.n_threads = 2;
  result.n_gen = 64;
  result.samples_ns = {2'000'000'000, 4'000'000'000};
  return result;
}

TEST(MarkdownTest, MarkdownShowsMeanAndDeviationInAlignedColumns) {
  EXPECT_EQ(MarkdownTable({Sample()}),
            "| model                    |     size | params | backend | threads | test |           "
            "t/s |\n"
            "| ------------------------ | -------: | -----: | ------- | ------: | ---: | "
            "------------: |\n"
            "| smallthinker 4.27 B Q4_0 | 2.25 GiB | 4.27 B | CPU     |       2 | tg64 | 24.00 ± "
            "11.31 |\n");
}

TEST(MarkdownTest, RoofAndEarlierFiguresAreColumnsWhereTheyExist) {
  EXPECT_THAT(MarkdownTable({Sample()}), Not(HasSubstr("roof")));
  BenchResult result = Sample();
  result.bytes_per_token_read = 500'000'000;
  result.roof_bytes_per_second = 16e9;
  result.earlier_tokens_per_second = 48;
  result.prompt_source = "built-in text";
  const std::string table = MarkdownTable({Sample(), result, result});
  EXPECT_THAT(table, HasSubstr("| MB/token |  GB/s | roof GB/s | of roof | before | ratio |"));
  EXPECT_THAT(table, HasSubstr("|   500.00 | 12.00 |     16.00 | 75.00 % |  48.00 |  0.50 |"));
  EXPECT_THAT(table, HasSubstr("|          |       |           |         |        |       |"));
  EXPECT_THAT(table, HasSubstr("\nprompt: built-in text\n"));
}

TEST(MarkdownTest, ProfileAddsUp) {
  BenchResult result = Sample();
  result.profiles.push_back({"tg64",
                             10,
                             {{"matmul", "matmul_x", 3, 30, 30'000'000, 60'000'000, false},
                              {"add", "add_x", 2, 20, 10'000'000, 0, false}}});
  const std::string text = ProfileTables({result});
  EXPECT_THAT(text, HasSubstr("2 threads, tg64, profile of 10 tokens"));
  EXPECT_THAT(
      text,
      HasSubstr("| matmul   | matmul_x |     3 |   30 |    3.000 |  75.0 % |     6.00 | 2.00 |"));
  EXPECT_THAT(
      text,
      HasSubstr("| all      |          |     5 |   50 |    4.000 | 100.0 % |     6.00 | 1.50 |"));
}

}  // namespace
}  // namespace kinglet::tools
