// Tokenizers against vocabularies and token ids that other people made.
#include "core/text/tokenizer.h"

#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "core/model/model_source.h"
#include "core/text/streaming_detokenizer.h"
#include "core/text/utf8.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "loaders/registry.h"
#include "tests/support/testdata.h"

namespace kinglet {
namespace {

constexpr char kSeparator[] = "\n__ggml_vocab_test__\n";

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

// A separator follows every text, the last one included.
std::vector<std::string> ReadTexts(const std::string& path) {
  const std::string all = ReadFile(path);
  std::vector<std::string> texts;
  for (size_t at = 0; at < all.size();) {
    const size_t end = all.find(kSeparator, at);
    if (end == std::string::npos) {
      texts.push_back(all.substr(at));
      break;
    }
    texts.push_back(all.substr(at, end - at));
    at = end + sizeof(kSeparator) - 1;
  }
  return texts;
}

std::vector<std::vector<int32_t>> ReadIds(const std::string& path) {
  std::istringstream lines(ReadFile(path));
  std::vector<std::vector<int32_t>> ids;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream numbers(line);
    ids.emplace_back(std::istream_iterator<int32_t>(numbers), std::istream_iterator<int32_t>());
  }
  return ids;
}

class RealTokenizerTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    KL_REQUIRE_TESTDATA();
    path_ = TestDataFolder() + "/tokenizers/ggml-vocab-" + GetParam() + ".gguf";
    auto source = LoadSource(path_, AllLoaders());
    ASSERT_TRUE(source.ok()) << source.status();
    ASSERT_TRUE((*source)->vocabulary.has_value());
    auto tokenizer = Tokenizer::Create(*std::move((*source)->vocabulary));
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
    tokenizer_ = *std::move(tokenizer);
  }

  std::vector<int32_t> Ids(const std::string& text, bool parse_special = true) {
    EncodeOptions options;
    options.add_special = false;
    options.parse_special = parse_special;
    auto ids = tokenizer_->Encode(text, options);
    EXPECT_TRUE(ids.ok()) << ids.status();
    return ids.ok() ? *ids : std::vector<int32_t>();
  }

  std::string path_;
  std::unique_ptr<Tokenizer> tokenizer_;
};

TEST_P(RealTokenizerTest, IdsEqualTheExpectedOnes) {
  const std::vector<std::string> texts = ReadTexts(path_ + ".inp");
  const std::vector<std::vector<int32_t>> expected = ReadIds(path_ + ".out");
  ASSERT_EQ(46u, texts.size());
  ASSERT_EQ(texts.size(), expected.size());
  for (size_t i = 0; i < texts.size(); i++) {
    EXPECT_EQ(expected[i], Ids(texts[i])) << "text " << i << ": '" << texts[i] << "'";
    EXPECT_EQ(texts[i], tokenizer_->Decode(expected[i], {})) << "text " << i;
  }
  EXPECT_TRUE(Ids("").empty());
}

TEST_P(RealTokenizerTest, WholeFilesComeBack) {
  for (const char* name : {"tinyshakespeare.txt", "tinystories-b.txt"}) {
    const std::string text = ReadFile(TestDataFolder() + "/text/" + name);
    ASSERT_GT(text.size(), 100000u);
    const std::vector<int32_t> ids = Ids(text);
    EXPECT_LT(ids.size(), text.size() / 2);
    EXPECT_TRUE(text == tokenizer_->Decode(ids, {})) << name;
  }
}

TEST_P(RealTokenizerTest, RandomTextComesBack) {
  std::mt19937 random(4);
  for (int round = 0; round < 1500; round++) {
    std::string text;
    for (uint32_t n = random() % 30; n > 0; n--) {
      uint32_t code_point = random() % 4 == 0 ? random() % 0x110000 : random() % 0x3000;
      // U+2581 is how SentencePiece spells a space: it comes back as one.
      if ((code_point >= 0xD800 && code_point <= 0xDFFF) || code_point == 0x2581) code_point = ' ';
      AppendUtf8(code_point, &text);
    }
    for (bool parse_special : {false, true}) {
      ASSERT_EQ(text, tokenizer_->Decode(Ids(text, parse_special), {}));
    }
  }
}

TEST_P(RealTokenizerTest, StreamsWholeCharacters) {
  const std::string text =
      "\U0001F999\U0001F680 \u4F60\u597D\uFF0C\u4E16\u754C \U0001F636\u200D\U0001F32B\uFE0F "
      "na\u00EFve "
      "\u1780\u17B6\u1793\u17CB \U00012000 end";
  StreamingDetokenizer stream(tokenizer_.get(), {});
  std::string joined;
  bool waited = false;
  for (int32_t id : Ids(text)) {
    const std::string part = stream.Push(id);
    EXPECT_EQ(part.size(), ValidUtf8Length(part, 0)) << part;
    EXPECT_EQ(std::string::npos, part.find(kReplacementCharacter)) << part;
    waited = waited || part.empty();
    joined += part;
  }
  EXPECT_EQ(text, joined);
  EXPECT_TRUE(waited);
  EXPECT_EQ("", stream.Flush());
}

TEST_P(RealTokenizerTest, LongTextWithoutSpacesIsQuick) {
  std::string text;
  std::mt19937 random(5);
  while (text.size() < (1u << 20)) text.push_back(static_cast<char>('a' + random() % 26));
  EXPECT_EQ(text, tokenizer_->Decode(Ids(text), {}));
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, RealTokenizerTest,
                         testing::Values("gpt-2", "llama-spm", "deepseek-coder", "qwen2"),
                         [](const testing::TestParamInfo<const char*>& info) {
                           std::string name = info.param;
                           for (char& c : name) {
                             if (c == '-') c = '_';
                           }
                           return name;
                         });

TEST(RealTokenizerTest, Qwen2ReadsItsMarksOnlyWhereTrusted) {
  KL_REQUIRE_TESTDATA();
  auto source = LoadSource(TestDataFolder() + "/tokenizers/ggml-vocab-qwen2.gguf", AllLoaders());
  ASSERT_TRUE(source.ok()) << source.status();
  auto tokenizer = Tokenizer::Create(*std::move((*source)->vocabulary));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  auto ids =
      (*tokenizer)
          ->EncodeSegments(
              {{"<|im_start|>user\n", true}, {"<|im_end|>", false}, {"<|im_end|>\n", true}}, {});
  ASSERT_TRUE(ids.ok()) << ids.status();
  EXPECT_THAT(*ids, testing::ElementsAre(151644, 872, 198, 27, 91, 318, 6213, 91, 29, 151645, 198));
  EXPECT_TRUE((*tokenizer)->IsEnd(151645));
}

}  // namespace
}  // namespace kinglet
