// kinglet bank: create, inspect, verify, deny, merge.
#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/cli/model_fixture.h"
#include "tests/cli/program.h"

namespace kinglet {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

std::string Temporary(const std::string& name) { return testing::TempDir() + name; }

std::string Contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Store(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

class BankTest : public CliModelTest {
 protected:
  static void SetUpTestSuite() {
    CliModelTest::SetUpTestSuite();
    ASSERT_EQ(RunKinglet({"make-model", "--preset", "tiny", "--seed", "2", "--context", "256",
                          "--window", "0", "-o", Encoder()})
                  .status,
              0);
    const ProgramResult made = Create(Bank());
    ASSERT_EQ(made.status, 0) << made.err;
  }

  static std::string Encoder() { return Temporary("bank_encoder.gguf"); }
  static std::string Bank() { return Temporary("cli.klbank"); }

  static ProgramResult Create(const std::string& path, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"bank",      "create",  "-m",          Model(),
                                          "--encoder", Encoder(), "--branching", "4",
                                          "--rows",    "8,2",     "-o",          path};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunKinglet(arguments);
  }

  static json Inspect(const std::string& path) {
    const ProgramResult result = RunKinglet({"bank", "inspect", "--json", path});
    EXPECT_EQ(result.status, 0) << result.err;
    return json::parse(result.out, nullptr, false);
  }

  static std::string Copy(const std::string& name) {
    Store(Temporary(name), Contents(Bank()));
    return Temporary(name);
  }
};

TEST_F(BankTest, HelpOfEachActionBeginsWithAnExample) {
  for (const char* action : {"create", "inspect", "verify", "deny", "merge"}) {
    const ProgramResult result = RunKinglet({"bank", action, "--help"});
    EXPECT_EQ(result.status, 0);
    EXPECT_THAT(result.out, StartsWith("Example"));
    EXPECT_THAT(result.out, HasSubstr(std::string("Usage: kinglet bank ") + action));
  }
  EXPECT_EQ(RunKinglet({"bank"}).status, 64);
  const ProgramResult unknown = RunKinglet({"bank", "burn"});
  EXPECT_EQ(unknown.status, 64);
  EXPECT_THAT(unknown.err, HasSubstr("'burn'"));
}

TEST_F(BankTest, CreatedForTheModelAndTheEncoder) {
  const json bank = Inspect(Bank());
  const json model = json::parse(RunKinglet({"inspect", "--json", Model()}).out);
  const json encoder = json::parse(RunKinglet({"inspect", "--json", Encoder()}).out);
  EXPECT_EQ(bank["model_fingerprint"], model["fingerprint"]);
  EXPECT_EQ(bank["encoder_fingerprint"], encoder["fingerprint"]);
  EXPECT_NE(bank["model_fingerprint"], bank["encoder_fingerprint"]);
  EXPECT_EQ(bank["encoder_file"], "bank_encoder.gguf");
  std::map<std::string, int64_t> values;
  for (const json& entry : model["metadata"]) {
    if (entry["kind"] == "int")
      values[entry["key"]] = std::stoll(entry["value"].get<std::string>());
  }
  const std::string architecture = model["architecture"];
  EXPECT_EQ(bank["layers"], values[architecture + ".block_count"]);
  EXPECT_EQ(bank["dim"], values[architecture + ".embedding_length"]);
  EXPECT_EQ(bank["encoder_width"], bank["dim"]);
  EXPECT_EQ(bank["activation"], architecture == "smallthinker" ? "relu" : "silu");
  ASSERT_EQ(bank["levels"].size(), 2u);
  EXPECT_EQ(bank["levels"][0]["present"], 4);
  EXPECT_EQ(bank["levels"][1]["present"], 16);
  EXPECT_EQ(bank["levels"][1]["generic"], true);
  EXPECT_EQ(bank["fetch_parameters"],
            3 * (8 + 2) * bank["layers"].get<int>() * bank["dim"].get<int>());
  EXPECT_TRUE(bank["denied"].empty());
  EXPECT_TRUE(bank["absent"].empty());
}

// Gate and up rows hold something, down rows are zero: the block adds nothing.
TEST_F(BankTest, DownRowsAreZeroInEveryType) {
  for (const char* type : {"f32", "f16", "q8_0", "q4_0"}) {
    const std::string path = Temporary("zero.klbank");
    ASSERT_EQ(Create(path, {"--type", type}).status, 0);
    const json bank = Inspect(path);
    const std::string bytes = Contents(path);
    const json level = bank["levels"][1];
    const size_t matrix = level["block_bytes"].get<size_t>() / 3 / bank["layers"].get<size_t>();
    const size_t block = level["offset"].get<size_t>() + 5 * level["stride"].get<size_t>();
    for (size_t layer = 0; layer < bank["layers"].get<size_t>(); ++layer) {
      const size_t at = block + layer * 3 * matrix;
      const std::string down = bytes.substr(at + 2 * matrix, matrix);
      if (std::string(type) == "q4_0") {
        for (size_t i = 0; i < matrix; i += 18) {
          EXPECT_EQ(down.substr(i, 18), std::string(2, '\0') + std::string(16, '\x88'));
        }
      } else {
        EXPECT_EQ(down, std::string(matrix, '\0'));
      }
      EXPECT_NE(bytes.substr(at, matrix), bytes.substr(at + matrix, matrix));
    }
  }
}

TEST_F(BankTest, TheSameSeedGivesTheSameFile) {
  ASSERT_EQ(Create(Temporary("again.klbank")).status, 0);
  EXPECT_EQ(Contents(Temporary("again.klbank")), Contents(Bank()));
  ASSERT_EQ(Create(Temporary("other.klbank"), {"--seed", "7"}).status, 0);
  EXPECT_NE(Contents(Temporary("other.klbank")), Contents(Bank()));
}

TEST_F(BankTest, CentroidsAreUnitVectorsOrThoseOfAFile) {
  const json bank = Inspect(Bank());
  const size_t width = bank["encoder_width"];
  const std::string bytes = Contents(Bank());
  std::vector<float> centroids(20 * width);
  memcpy(centroids.data(), bytes.data() + bank["centroids_offset"].get<size_t>(),
         centroids.size() * 4);
  for (size_t node = 0; node < 20; ++node) {
    double squares = 0;
    for (size_t i = 0; i < width; ++i)
      squares += centroids[node * width + i] * centroids[node * width + i];
    EXPECT_NEAR(squares, 1, 1e-5);
  }
  std::string own(20 * width * 4, '\0');
  for (size_t i = 0; i < 20 * width; ++i) {
    const float value = static_cast<float>(i);
    memcpy(own.data() + i * 4, &value, 4);
  }
  Store(Temporary("centroids.f32"), own);
  const std::string path = Temporary("own.klbank");
  ASSERT_EQ(Create(path, {"--centroids", Temporary("centroids.f32")}).status, 0);
  EXPECT_EQ(Contents(path).substr(bank["centroids_offset"], own.size()), own);
  Store(Temporary("centroids.f32"), own.substr(4));
  const ProgramResult refused = Create(path, {"--centroids", Temporary("centroids.f32")});
  EXPECT_EQ(refused.status, 65);
  EXPECT_THAT(refused.err, HasSubstr("[20]"));
}

TEST_F(BankTest, WrongUsageOfCreate) {
  EXPECT_EQ(RunKinglet({"bank", "create", "-m", Model(), "--encoder-width", "8"}).status, 64);
  EXPECT_EQ(RunKinglet({"bank", "create", "-o", "x", "--encoder-width", "8"}).status, 64);
  EXPECT_EQ(RunKinglet({"bank", "create", "-m", Model(), "-o", "x"}).status, 64);
  EXPECT_EQ(Create("x", {"--encoder-width", "8"}).status, 64);
  EXPECT_EQ(Create("x", {"--rows", "8;2"}).status, 64);
  EXPECT_EQ(Create("x", {"--rows", "1,1,1,1,1"}).status, 64);
  EXPECT_EQ(Create("x", {"--depth", "1"}).status, 64);
  EXPECT_EQ(Create("x", {"--type", "q4_k"}).status, 64);
  EXPECT_EQ(Create("/nonexistent/x.klbank").status, 66);
  EXPECT_EQ(RunKinglet({"bank", "create", "-m", "/nonexistent", "--encoder-width", "8", "-o", "x"})
                .status,
            66);
}

TEST_F(BankTest, InspectPrintsATable) {
  const ProgramResult result = RunKinglet({"bank", "inspect", Bank()});
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.out, HasSubstr("4 branches, 2 levels"));
  EXPECT_THAT(result.out, HasSubstr("bank_encoder.gguf"));
  EXPECT_THAT(result.out, HasSubstr("deny list    none"));
  EXPECT_EQ(RunKinglet({"bank", "inspect", "/nonexistent.klbank"}).status, 66);
  EXPECT_EQ(RunKinglet({"bank", "inspect", Model()}).status, 65);
}

TEST_F(BankTest, VerifySaysWhichBlockIsBad) {
  const ProgramResult sound = RunKinglet({"bank", "verify", Bank()});
  EXPECT_EQ(sound.status, 0) << sound.err;
  EXPECT_THAT(sound.out, HasSubstr("22 blocks"));
  const std::string path = Copy("flipped.klbank");
  std::string bytes = Contents(path);
  const json level = Inspect(path)["levels"][1];
  bytes[level["offset"].get<size_t>() + 9 * level["stride"].get<size_t>() + 3] ^= 1;
  Store(path, bytes);
  const ProgramResult bad = RunKinglet({"bank", "verify", path});
  EXPECT_EQ(bad.status, 65);
  EXPECT_THAT(bad.out, HasSubstr("damaged: block 2:9 at byte "));
  EXPECT_THAT(bad.err, HasSubstr("1 damaged block"));
  // What is denied is not read.
  EXPECT_EQ(RunKinglet({"bank", "deny", path, "--block", "2:9"}).status, 0);
  EXPECT_EQ(RunKinglet({"bank", "verify", path}).status, 0);
}

TEST_F(BankTest, DenyAndAllow) {
  const std::string path = Copy("denied.klbank");
  const ProgramResult denied =
      RunKinglet({"bank", "deny", path, "--block", "1:3", "--block", "2:1"});
  EXPECT_EQ(denied.status, 0) << denied.err;
  EXPECT_THAT(denied.out, HasSubstr("level 1 1 of 4, level 2 5 of 16"));
  const json bank = Inspect(path);
  EXPECT_EQ(bank["denied"], json::parse(R"([{"level":1,"id":3},{"level":2,"id":1}])"));
  EXPECT_EQ(bank["levels"][1]["denied"], 5);
  const ProgramResult below = RunKinglet({"bank", "deny", path, "--allow", "2:13"});
  EXPECT_EQ(below.status, 0);
  EXPECT_THAT(below.err, HasSubstr("2:13 stays denied"));
  EXPECT_EQ(RunKinglet({"bank", "deny", path, "--allow", "1:3", "--allow", "2:1"}).status, 0);
  EXPECT_TRUE(Inspect(path)["denied"].empty());

  EXPECT_EQ(RunKinglet({"bank", "deny", path}).status, 64);
  EXPECT_EQ(RunKinglet({"bank", "deny", path, "--block", "7"}).status, 64);
  EXPECT_EQ(RunKinglet({"bank", "deny", path, "--block", "2:-1"}).status, 64);
  const ProgramResult none = RunKinglet({"bank", "deny", path, "--block", "2:16"});
  EXPECT_NE(none.status, 0);
  EXPECT_THAT(none.err, HasSubstr("16 blocks"));
}

TEST_F(BankTest, MergeLeavesOutWhatIsDeniedAndAsksWhereBlocksDiffer) {
  const std::string denied = Copy("part.klbank");
  ASSERT_EQ(RunKinglet({"bank", "deny", denied, "--block", "2:7"}).status, 0);
  const std::string merged = Temporary("merged.klbank");
  const ProgramResult result = RunKinglet({"bank", "merge", denied, Bank(), "-o", merged});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("level 2 15 of 16"));
  // The same seed for the centroids, another type of mistake: blocks that differ.
  const std::string path = Temporary("centroids.all");
  const json bank = Inspect(Bank());
  Store(path, Contents(Bank()).substr(bank["centroids_offset"], bank["centroid_bytes"]));
  const std::string other = Temporary("differs.klbank");
  ASSERT_EQ(Create(other, {"--seed", "9", "--centroids", path}).status, 0);
  const ProgramResult refused = RunKinglet({"bank", "merge", Bank(), other, "-o", merged});
  EXPECT_NE(refused.status, 0);
  EXPECT_THAT(refused.err, HasSubstr("--prefer"));
  EXPECT_EQ(RunKinglet({"bank", "merge", Bank(), other, "-o", merged, "--prefer", "last"}).status,
            0);
  EXPECT_EQ(Contents(merged), Contents(other));
  EXPECT_EQ(RunKinglet({"bank", "merge", Bank(), other, "-o", merged, "--prefer", "first"}).status,
            0);
  EXPECT_EQ(Contents(merged), Contents(Bank()));
  EXPECT_EQ(RunKinglet({"bank", "merge", Bank()}).status, 64);
}

}  // namespace
}  // namespace kinglet
